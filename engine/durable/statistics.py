"""What calls of each tool took, kept over runs: for estimates, and for which of two ready steps goes first.

The last few hundred observations of a tool are kept as they are, so median and 95th percentile are exact and follow
a tool that becomes slower. In a file they are lines that are only ever appended, one write a run: several processes
may share it, and a line cut short by a crash costs nothing but itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog

from schemas.events import LoggedRecord, ModelCalled, RunStarted, StepEnded, StepStarted
from schemas.tool import ToolSpec

KEPT_CALLS = 256
_COMPACT_BYTES = 1_000_000


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


@dataclass(frozen=True, slots=True)
class Call:
    """One finished call.

    Attributes:
        tool: The tool's key.
        seconds: How long it took.
        usd: What its own model calls cost; None when a price is unknown.
    """

    tool: str
    seconds: float
    usd: float | None = 0.0


@dataclass(slots=True)
class _Kept:
    seconds: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT_CALLS))
    usd: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT_CALLS))

    def add(self, seconds: float, usd: float | None) -> None:
        self.seconds.append(seconds)
        if usd is not None:
            self.usd.append(usd)


class ToolStatistics:
    """Observations by tool; a tool whose description or arguments change is another tool.

    Args:
        path: A file they are kept in over runs; None keeps them as long as the process lives. A file that cannot be
            read or written is said once in the log, and never fails a run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._tools: dict[str, _Kept] = {}
        self._loaded = path is None
        self._unsaved: list[Call] = []
        self._keys: dict[tuple[str, str, int], tuple[object, str]] = {}

    def observed(self, spec: ToolSpec) -> Observed | None:
        """Return what calls of a tool took, or None when none was seen."""
        self._load()
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

    def learn(self, records: Iterable[LoggedRecord]) -> None:
        """Take in the calls of a run that came to a result."""
        self._load()
        for call in self._calls(records):
            self._tools.setdefault(call.tool, _Kept()).add(call.seconds, call.usd)
            if self._path is not None:
                self._unsaved.append(call)

    @property
    def unsaved(self) -> bool:
        """Whether something was learned that is not in the file yet."""
        return bool(self._unsaved)

    def save(self) -> None:
        """Append what was learned to the file."""
        calls, self._unsaved = self._unsaved, []
        if self._path is None or not calls:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _append(self._path, calls)
            if self._path.stat().st_size > _COMPACT_BYTES:
                self._compact(self._path)
        except OSError as exc:
            structlog.get_logger().info("what tools took cannot be kept", path=str(self._path), error=str(exc))
            self._path = None

    def _expecting(self, spec: ToolSpec) -> ToolSpec:
        found = self.observed(spec)
        if found is None:
            return spec
        changes = {"expected_s": round(found.median_s, 6)}
        if found.median_usd is not None:
            changes["expected_usd"] = round(found.median_usd, 9)
        return spec.model_copy(update=changes)

    def _key(self, spec: ToolSpec) -> str:
        same = (spec.name, spec.description, id(spec.input_schema))
        known = self._keys.get(same)
        if known is None:
            known = self._keys[same] = (spec.input_schema, tool_key(spec))  # held, so that its id is not used again
        return known[1]

    def _calls(self, records: Iterable[LoggedRecord]) -> Iterable[Call]:
        keys: dict[str, str] = {}
        costs: dict[str, float | None] = {}
        for record in records:
            event = record.event
            if isinstance(event, StepEnded):
                if event.result.status == "done" and event.result.attempts and event.tool in keys:
                    yield Call(keys[event.tool], event.result.duration_s, costs.get(event.step_id, 0.0))
            elif isinstance(event, StepStarted):
                costs[event.step_id] = 0.0  # what filling its arguments cost was no part of the call
            elif isinstance(event, ModelCalled):
                if event.step_id in costs:
                    costs[event.step_id] = _sum(costs[event.step_id], event.usage.cost_usd)
            elif isinstance(event, RunStarted):
                keys = {spec.name: self._key(spec) for spec in event.tools}

    def _load(self) -> None:
        if self._loaded or self._path is None:
            return
        self._loaded = True
        with suppress(OSError):
            for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                for call in _read(line):
                    self._tools.setdefault(call.tool, _Kept()).add(call.seconds, call.usd)

    def _compact(self, path: Path) -> None:
        """Write the file anew with what is still used; another process may lose its newest line to this."""
        fresh = ToolStatistics(path)
        fresh._load()
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        for key, kept in fresh._tools.items():
            costs: list[float | None] = [*kept.usd]
            costs = [None] * (len(kept.seconds) - len(costs)) + costs
            _append(temporary, [Call(key, seconds, usd) for seconds, usd in zip(kept.seconds, costs, strict=True)])
        temporary.replace(path)


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


def _append(path: Path, calls: Iterable[Call]) -> None:
    by_tool: dict[str, list[Call]] = {}
    for call in calls:
        by_tool.setdefault(call.tool, []).append(call)
    lines = [
        json.dumps({"tool": tool, "seconds": [round(c.seconds, 6) for c in some], "usd": [c.usd for c in some]})
        for tool, some in by_tool.items()
    ]
    with path.open("ab") as file:  # one write at the end of the file: lines of two processes never mix
        file.write(("\n".join(lines) + "\n").encode())


def _read(line: str) -> list[Call]:
    """Return the calls of one line; none when it is no line of ours."""
    try:
        found: Any = json.loads(line)
        tool, seconds, usd = found["tool"], found["seconds"], found["usd"]
        pairs = zip(cast("list[Any]", seconds), cast("list[Any]", usd), strict=True)
        return [Call(str(tool), float(s), None if c is None else float(c)) for s, c in pairs]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
