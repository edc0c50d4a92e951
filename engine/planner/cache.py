"""Plans used again for tasks of the same kind: no planner is asked, the shape is kept, the values are the new ones.

A cached plan goes through the same checks as any other, and never across changed tools: the tools are part of its
key. What makes a plan fit other values is in ``pattern``; a plan is kept only once a run of it came out whole.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import structlog
from pydantic import ValidationError

from engine.dag.build import check_plan
from engine.planner.pattern import Pattern, Slot, Template, alike, fill, pattern_of, template_of
from schemas.plan import Plan
from schemas.planning import CacheLookup, PlanDelta, PlanReady, PlanRequest
from schemas.protocols import ModelClient, Planner
from schemas.result import Usage
from schemas.tool import ToolSpec

KEPT_PLANS = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One plan that worked.

    Attributes:
        slots: The values of the task it was written for.
        template: The plan over them.
        proven: Whether other values may take their place (see ``pattern``).
        fixed: Slots that must stay as they are: nothing shows how the plan depends on them.
        usage: What the planner used to write it, in ``seconds``.
    """

    slots: tuple[Slot, ...]
    template: Template
    proven: bool
    fixed: frozenset[int]
    usage: Usage
    seconds: float

    def fits(self, slots: Sequence[Slot]) -> bool:
        """Whether the plan serves a task with these values."""
        return tuple(slots) == self.slots or (self.proven and alike(self.slots, slots, self.fixed))


class PlanCache:
    """Plans by kind of task and tools; the least recently used kind is dropped first.

    Args:
        path: A file that keeps them over processes; None keeps them as long as this one lives. A file that cannot
            be read or written is said once in the log, and never fails a run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kinds: OrderedDict[str, list[Entry]] | None = None

    def find(self, task: str, tools: Iterable[ToolSpec]) -> tuple[Plan | None, Entry | None, str]:
        """Return (the plan for a task, the entry it is from, why there is none)."""
        specs = {spec.name: spec for spec in tools}
        pattern = pattern_of(task)
        key = _key(pattern, specs.values())
        entries = self._read().get(key)
        if not entries:
            return None, None, "no task of this kind was planned with these tools"
        self._read().move_to_end(key)
        for entry in entries:
            plan = fill(entry.template, pattern.slots, task) if entry.fits(pattern.slots) else None
            if plan is not None and not check_plan(plan, specs):
                return plan, entry, ""
        return None, None, "the plans of this kind of task do not fit its values"

    def keep(self, task: str, plan: Plan, tools: Iterable[ToolSpec], usage: Usage, seconds: float) -> None:
        """Keep a plan that worked, unless it may be true today only; a second of its shape proves the shape."""
        specs = {spec.name: spec for spec in tools}
        pattern = pattern_of(task)
        template = template_of(plan, pattern, specs)
        if not template.lasting:
            return
        entries = self._read().setdefault(_key(pattern, specs.values()), [])
        entry = Entry(pattern.slots, template, template.explained, _unused(pattern, template), usage, seconds)
        twins = [other for other in entries if other.slots != entry.slots and other.template.body == template.body]
        if twins:
            differing = {i for twin in twins for i, slot in enumerate(twin.slots) if slot != entry.slots[i]}
            entry = replace(entry, proven=True, fixed=entry.fixed - differing)
        entries[:] = [entry, *(other for other in entries if other.slots != entry.slots and other not in twins)][:8]
        while len(self._read()) > KEPT_PLANS:
            self._read().popitem(last=False)
        self._write()

    def drop(self, task: str, tools: Iterable[ToolSpec]) -> None:
        """Forget the plans that would serve a task: one of them did not work."""
        pattern = pattern_of(task)
        key = _key(pattern, tools)
        left = [entry for entry in self._read().pop(key, []) if not entry.fits(pattern.slots)]
        if left:
            self._read()[key] = left
        self._write()

    def _read(self) -> OrderedDict[str, list[Entry]]:
        if self._kinds is None:
            self._kinds = OrderedDict()
            with suppress(OSError):
                for line in self._path.read_text(encoding="utf-8").splitlines() if self._path else ():
                    with suppress(ValueError, TypeError, KeyError, ValidationError):
                        kind = json.loads(line)
                        self._kinds[str(kind["key"])] = [_entry(one) for one in kind["entries"]]
        return self._kinds

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps({"key": key, "entries": [_json(e) for e in es]}) for key, es in self._read().items()]
            fresh = self._path.with_suffix(".new")
            fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as exc:
            structlog.get_logger().warning("plans cannot be kept", path=str(self._path), error=str(exc))
            self._path = None


class CachingPlanner:
    """Looks a first plan up before it asks the planner (implements ``schemas.protocols.Planner``).

    Args:
        planner: Writes plans that are not there.
        cache: Where plans are kept.
    """

    def __init__(self, planner: Planner, cache: PlanCache) -> None:
        self._planner = planner
        self._cache = cache

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Yield what the cache said, then its plan, or what the planner writes. Raises as the planner does."""
        if request.history is None and request.mode == "plan":
            plan, entry, reason = self._cache.find(request.task, request.tools)
            if plan is not None and entry is not None and len(plan.steps) <= request.max_steps:
                yield CacheLookup(plan=plan, saved=entry.usage, saved_s=entry.seconds)
                yield PlanReady(plan=plan)
                return
            yield CacheLookup(reason=reason or f"the plan of this kind of task has more than {request.max_steps} steps")
        async with aclosing(cast("AsyncGenerator[PlanDelta]", self._planner.plan(request, model))) as items:
            async for item in items:
                yield item


def _unused(pattern: Pattern, template: Template) -> frozenset[int]:
    """Slots that the plan does not show: it may have its shape from them."""
    seen = {pattern.slots[index] for index in template.used}
    return frozenset(index for index, slot in enumerate(pattern.slots) if slot not in seen)


def _key(pattern: Pattern, tools: Iterable[ToolSpec]) -> str:
    shapes = sorted(
        (spec.name, spec.description, json.dumps([spec.input_schema, spec.output_schema], sort_keys=True), spec.effects)
        for spec in tools
    )
    text = json.dumps([pattern.skeleton, shapes], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _json(entry: Entry) -> dict[str, Any]:
    return {
        "slots": [[slot.kind, slot.value] for slot in entry.slots],
        "body": entry.template.body,
        "used": sorted(entry.template.used),
        "explained": entry.template.explained,
        "proven": entry.proven,
        "fixed": sorted(entry.fixed),
        "usage": entry.usage.model_dump(),
        "seconds": entry.seconds,
    }


def _entry(found: Mapping[str, Any]) -> Entry:
    template = Template(found["body"], frozenset(found["used"]), bool(found["explained"]))
    return Entry(
        slots=tuple(Slot(str(kind), str(value)) for kind, value in found["slots"]),
        template=template,
        proven=bool(found["proven"]),
        fixed=frozenset(found["fixed"]),
        usage=Usage.model_validate(found["usage"]),
        seconds=float(found["seconds"]),
    )
