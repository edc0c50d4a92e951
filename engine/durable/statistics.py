"""What calls of each tool took, kept over runs: for estimates, and for which of two ready steps goes first.

The last few hundred observations of a tool are kept as they are, so median and 95th percentile are exact and follow
a tool that becomes slower. They are notes of the store, one line a run and tool: whoever shares the store learns from
every run, wherever it was driven.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from engine.durable.notes import MemoryNotes
from schemas.errors import StoreError
from schemas.events import LoggedRecord, ModelCalled, RunStarted, StepEnded, StepStarted
from schemas.stores import Notes
from schemas.tool import ToolSpec

Call = tuple[float, float | None]
"""A finished call: its seconds, and what its own model calls cost (USD); None when a price is unknown."""

KIND = "observations"
KEPT_CALLS = 256
KEPT_TOOLS = 4_096
"""Tools that are remembered; clients bring their own, so there is no end of them."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the last calls of a tool took.

    Attributes:
        calls: How many were seen (``KEPT_CALLS`` at most).
        median_s: Median seconds of a call, retries included; ``p95_s`` 95 % took no longer.
        median_usd: Median cost of a call's own model calls in USD; None where none had a known price.
        p95_usd: 95 % cost no more.
    """

    calls: int
    median_s: float
    p95_s: float
    median_usd: float | None = None
    p95_usd: float | None = None


@dataclass(slots=True)
class _Kept:
    seconds: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT_CALLS))
    usd: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT_CALLS))

    def add(self, calls: Iterable[Call]) -> None:
        for seconds, usd in calls:
            self.seconds.append(seconds)
            if usd is not None:
                self.usd.append(usd)


class ToolStatistics:
    """Observations by tool; a tool whose description or arguments change is another tool.

    Nothing is read before ``refresh``; what was read is kept, so that asking waits for nothing.

    Args:
        notes: Where they are kept; None keeps them as long as this object lives.
    """

    def __init__(self, notes: Notes | None = None) -> None:
        self._notes: Notes = MemoryNotes() if notes is None else notes
        self._position = 0
        self._tools: dict[str, _Kept] = {}
        self._keys: dict[tuple[str, str, int], tuple[object, str]] = {}
        self._own: dict[str, list[Call]] = {}  # what lines that were written here say, until they are back

    def observed(self, spec: ToolSpec) -> Observed | None:
        """Return what calls of a tool took, or None when none was seen."""
        kept = self._tools.get(self._key(spec))
        if kept is None or not kept.seconds:
            return None
        return Observed(
            calls=len(kept.seconds),
            median_s=statistics.median(kept.seconds),
            p95_s=percentile(kept.seconds, 0.95),
            median_usd=statistics.median(kept.usd) if kept.usd else None,
            p95_usd=percentile(kept.usd, 0.95) if kept.usd else None,
        )

    def expecting(self, specs: Mapping[str, ToolSpec]) -> dict[str, ToolSpec]:
        """Return the tools with ``expected_s`` and ``expected_usd`` as observed; a declared guess stands until then."""
        return {name: self._expecting(spec) for name, spec in specs.items()}

    async def refresh(self) -> None:
        """Read what was noted since the last time, by anybody. A store that cannot be read teaches nothing."""
        try:
            found = await self._notes.load(KIND, after=self._position)
        except StoreError as exc:
            structlog.get_logger().info("what tools took cannot be read", error=exc.message)
            return
        for note in found:
            if note.position > self._position:  # two may read at once
                self._position = note.position
                if calls := self._own.get(note.line) or _read(note.line):
                    self._of(note.key).add(calls)

    async def learn(self, records: Iterable[LoggedRecord]) -> None:
        """Note the calls of a run that came to a result.

        Raises:
            StoreError: They cannot be kept.
        """
        made = {key: _rounded(calls[-KEPT_CALLS:]) for key, calls in _calls(records).items()}
        if made:
            lines = [(key, _line(calls)) for key, calls in made.items()]
            await self._notes.add(KIND, lines, keep=KEPT_CALLS)
            self._own.update((line, made[key]) for key, line in lines)
            await self.refresh()
            self._own.clear()

    def _expecting(self, spec: ToolSpec) -> ToolSpec:
        found = self.observed(spec)
        if found is None:
            return spec
        changes = {"expected_s": round(found.median_s, 6)}
        if found.median_usd is not None:
            changes["expected_usd"] = round(found.median_usd, 9)
        return spec.model_copy(update=changes)

    def _of(self, key: str) -> _Kept:
        """Return what is kept of a tool, for more of it; a new tool takes the place of the one silent longest."""
        kept = self._tools[key] = self._tools.pop(key, None) or _Kept()
        if len(self._tools) > KEPT_TOOLS:
            del self._tools[next(iter(self._tools))]
        return kept

    def _key(self, spec: ToolSpec) -> str:
        same = (spec.name, spec.description, id(spec.input_schema))
        known = self._keys.get(same)
        if known is None:
            if len(self._keys) >= KEPT_TOOLS:
                self._keys.clear()
            known = self._keys[same] = (spec.input_schema, tool_key(spec))  # held, so that its id is not used again
        return known[1]


def _calls(records: Iterable[LoggedRecord]) -> dict[str, list[Call]]:
    """Return the calls of a run that came to a result, by their tools' keys.

    Nothing is kept of its tools, which its log alone may hold.
    """
    tools: dict[str, ToolSpec] = {}
    calls: dict[str, list[Call]] = {}
    costs: dict[str, float | None] = {}
    for record in records:
        event = record.event
        if type(event) is StepEnded:  # where it is not, isinstance takes many times as long
            result, tool = event.result, event.tool
            if result.status == "done" and result.attempts and tool in tools:
                usd = costs.get(event.step_id, 0.0) if costs else 0.0
                calls.setdefault(tool, []).append((result.duration_s, usd))
        elif type(event) is StepStarted:
            if costs:
                costs.pop(event.step_id, None)  # what filling its arguments cost was no part of the call
        elif type(event) is ModelCalled:
            if event.step_id is not None:
                costs[event.step_id] = _sum(costs.get(event.step_id, 0.0), event.usage.cost_usd)
        elif type(event) is RunStarted:
            tools = {spec.name: spec for spec in event.tools}
    return {tool_key(tools[name]): made for name, made in calls.items()}


def tool_key(spec: ToolSpec) -> str:
    """Return what a tool is known by: its name, and a digest of its description and arguments."""
    text = json.dumps([spec.description, spec.input_schema], sort_keys=True, ensure_ascii=False)
    return f"{spec.name}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that ``share`` of all do not exceed (nearest rank).

    >>> percentile([1.0, 2.0, 3.0, 10.0], 0.95)
    10.0
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _sum(before: float | None, more: float | None) -> float | None:
    return None if before is None or more is None else before + more


def _rounded(calls: Sequence[Call]) -> list[Call]:
    return [(round(seconds, 6), usd) for seconds, usd in calls]


def _line(calls: Sequence[Call]) -> str:
    return json.dumps({"seconds": [seconds for seconds, _ in calls], "usd": [usd for _, usd in calls]})


def _read(line: str) -> list[Call]:
    """Return the calls of one line; none when it is of another release."""
    try:
        found: Any = json.loads(line)
        pairs = zip(cast("list[Any]", found["seconds"]), cast("list[Any]", found["usd"]), strict=True)
        return [(float(seconds), None if usd is None else float(usd)) for seconds, usd in pairs]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
