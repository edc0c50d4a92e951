"""Plans used again for tasks of the same kind: no planner is asked, the shape is kept, the values are the new ones.

A cached plan goes through the same checks as any other, and never across changed tools or instructions: they are part
of its key. What makes a plan fit other values is in ``pattern``; a plan is kept only once a run of it came out whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import ValidationError

from engine.dag.build import check_plan
from engine.planner.pattern import Pattern, Slot, Template, alike, fill, pattern_of, template_of
from schemas.errors import StoreError
from schemas.plan import Plan
from schemas.planning import CacheLookup, PlanDelta, PlanReady, PlanRequest
from schemas.protocols import ModelClient, Planner
from schemas.result import Usage
from schemas.stores import Notes
from schemas.tool import ToolSpec

KIND = "plans"
KEPT_PLANS = 500
_KEPT_LINES = 16
_KEPT_ENTRIES = 8


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
    """Plans by kind of task and tools; the kind that served longest ago is dropped first.

    Nothing is held here: each look-up reads the lines of one kind, so that all who share the notes use each other's
    plans at once. A line says what was kept or dropped; read in their order they give the same plans everywhere.

    Args:
        notes: Where they are kept.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def find(
        self, task: str, tools: Iterable[ToolSpec], instructions: str = ""
    ) -> tuple[Plan | None, Entry | None, str]:
        """Return (the plan for a task, the entry it is from, why there is none)."""
        specs = {spec.name: spec for spec in tools}
        pattern = pattern_of(task)
        try:
            entries = await self._entries(_key(pattern, specs.values(), instructions))
        except StoreError as exc:
            return None, None, f"the kept plans cannot be read: {exc.message}"
        if not entries:
            return None, None, "no task of this kind was planned with these tools"
        for entry in entries:
            plan = fill(entry.template, pattern.slots, task) if entry.fits(pattern.slots) else None
            if plan is not None and not check_plan(plan, specs):
                return plan, entry, ""
        return None, None, "the plans of this kind of task do not fit its values"

    async def keep(
        self,
        task: str,
        plan: Plan,
        tools: Iterable[ToolSpec],
        usage: Usage,
        seconds: float,
        *,
        instructions: str = "",
    ) -> None:
        """Keep a plan that worked, unless it may be true today only; a second of its shape proves the shape.

        Raises:
            StoreError: It cannot be kept.
        """
        specs = {spec.name: spec for spec in tools}
        pattern = pattern_of(task)
        template = template_of(plan, pattern, specs)
        if not template.lasting:
            return
        key = _key(pattern, specs.values(), instructions)
        entry = Entry(pattern.slots, template, template.explained, _unused(pattern, template), usage, seconds)
        merged = _with(await self._entries(key), entry)[0]
        await self._add(key, {"keep": _json(merged)})

    async def served(self, task: str, tools: Iterable[ToolSpec], instructions: str = "") -> None:
        """Note that a plan served again, so that its kind is not the next to be dropped. Raises StoreError."""
        pattern = pattern_of(task)
        key = _key(pattern, tools, instructions)
        entry = next((entry for entry in await self._entries(key) if entry.fits(pattern.slots)), None)
        if entry is not None:
            await self._add(key, {"keep": _json(entry)})

    async def drop(self, task: str, tools: Iterable[ToolSpec], instructions: str = "") -> None:
        """Forget the plans that would serve a task: one of them did not work. Raises StoreError."""
        pattern = pattern_of(task)
        await self._add(
            _key(pattern, tools, instructions), {"drop": [[slot.kind, slot.value] for slot in pattern.slots]}
        )

    async def _add(self, key: str, line: Mapping[str, Any]) -> None:
        await self._notes.add(KIND, [(key, json.dumps(line))], keep=_KEPT_LINES, keys=KEPT_PLANS)

    async def _entries(self, key: str) -> list[Entry]:
        entries: list[Entry] = []
        for note in await self._notes.load(KIND, key):
            with suppress(ValueError, TypeError, KeyError, ValidationError):  # a line of another release
                found = json.loads(note.line)
                if "keep" in found:
                    entries = _with(entries, _entry(found["keep"]))
                else:
                    slots = _slots(found["drop"])
                    entries = [entry for entry in entries if not entry.fits(slots)]
        return entries


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
            plan, entry, reason = await self._cache.find(request.task, request.tools, request.instructions)
            if plan is not None and entry is not None and len(plan.steps) <= request.max_steps:
                yield CacheLookup(plan=plan, saved=entry.usage, saved_s=entry.seconds)
                yield PlanReady(plan=plan)
                return
            yield CacheLookup(reason=reason or f"the plan of this kind of task has more than {request.max_steps} steps")
        async with aclosing(cast("AsyncGenerator[PlanDelta]", self._planner.plan(request, model))) as items:
            async for item in items:
                yield item


def _with(entries: Sequence[Entry], entry: Entry) -> list[Entry]:
    """Return entries with one more in front; one of the same plan for other values proves what need not stay."""
    twins = [other for other in entries if other.slots != entry.slots and other.template.body == entry.template.body]
    if twins:
        differing = {i for twin in twins for i, slot in enumerate(twin.slots) if slot != entry.slots[i]}
        entry = replace(entry, proven=True, fixed=entry.fixed - differing)
    others = (other for other in entries if other.slots != entry.slots and other not in twins)
    return [entry, *others][:_KEPT_ENTRIES]


def _unused(pattern: Pattern, template: Template) -> frozenset[int]:
    """Slots that the plan does not show: it may have its shape from them."""
    seen = {pattern.slots[index] for index in template.used}
    return frozenset(index for index, slot in enumerate(pattern.slots) if slot not in seen)


def _key(pattern: Pattern, tools: Iterable[ToolSpec], instructions: str) -> str:
    shapes = sorted(
        (spec.name, spec.description, json.dumps([spec.input_schema, spec.output_schema], sort_keys=True), spec.effects)
        for spec in tools
    )
    text = json.dumps([pattern.skeleton, shapes, *([instructions] if instructions else [])], ensure_ascii=False)
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
        slots=_slots(found["slots"]),
        template=template,
        proven=bool(found["proven"]),
        fixed=frozenset(found["fixed"]),
        usage=Usage.model_validate(found["usage"]),
        seconds=float(found["seconds"]),
    )


def _slots(found: Iterable[Sequence[Any]]) -> tuple[Slot, ...]:
    return tuple(Slot(str(kind), str(value)) for kind, value in found)
