"""The steps of a run as a living graph: who waits for whom, who is ready, what came out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from engine.dag import reduce
from engine.dag.build import dependencies, with_dependencies
from engine.dag.hazards import HazardIndex, access
from engine.dag.overlap import Overlaps
from engine.dag.ready import Durations, ReadyQueue, upward_ranks
from engine.dag.reduce import merge, reduced, sources
from engine.dag.refs import ITEM, SKIPPED, resolve
from engine.dag.step import UNKNOWN_TOOL, Phase, StepState, Traits, by_order, traits
from schemas.errors import StepInputError, StoreError
from schemas.plan import Step
from schemas.result import StepResult
from schemas.tool import ToolSpec

_COUNTED_DIGITS = 9  # a longer number is a name: counting on from it would give ids that are too long


class StepGraph:
    """All steps of a run, of every revision, with their waiting relations.

    ``needs`` edges carry results and block when one fails; ``after`` edges (hazards) only order.

    Args:
        tools: Declared tools by name (an undeclared one stands as disabled).
    """

    def __init__(self, tools: Mapping[str, ToolSpec]) -> None:
        self.tools = tools
        self.steps: dict[str, StepState] = {}
        self.unended: dict[str, None] = {}
        self.active: set[str] = set()
        self.values: dict[str, Any] = {}
        self.queue = ReadyQueue(None)
        self.durations = Durations()
        self.highest_id = 0
        self.gathering: list[str] = []
        self._ranked = True
        self.void: set[str] = set()
        self._overlaps, self.traits = Overlaps(self.steps), dict[str, Traits]()

    def get_open(self, step_id: str) -> StepState:
        """Return a step that has not ended.

        Raises:
            StoreError: It was never planned, or has already ended.
        """
        step = self.steps.get(step_id)
        if step is None or step.phase == "ended":
            raise StoreError(f"step {step_id} {'was never planned' if step is None else 'has already ended'}")
        return step

    def in_order(self) -> list[StepState]:
        """Return the unended steps in plan order, instances after their foreach."""
        return sorted([self.steps[step_id] for step_id in self.unended], key=by_order)

    def plan_steps(self) -> list[StepState]:
        """Return the steps of all plans in plan order, instances left out."""
        return sorted([step for step in self.steps.values() if step.parent is None], key=by_order)

    def running(self) -> list[StepState]:
        """Return the steps that run or are being filled; a foreach counts by its instances."""
        return [self.steps[step_id] for step_id in self.active]

    def activate(self, step: StepState, phase: Phase) -> None:
        """Let a step run, or be filled: it takes a slot."""
        step.phase = phase
        self.active.add(step.id)
        self.queue.occupy(step.tool)

    def deactivate(self, step: StepState, *, free: bool = True) -> None:
        """Take a step out of those that run; an abandoned thread keeps its slot for now."""
        if step.id in self.active:
            self.active.discard(step.id)
            if free:
                self.queue.free(step.tool)

    def lookup(self, step: StepState) -> Callable[[str], Any]:
        """Return what references in a step resolve against: results, SKIPPED for skipped steps, and its item."""

        def value_of(step_id: str) -> Any:
            return step.item if step_id == ITEM and step.parent is not None else self.values.get(step_id, SKIPPED)

        return value_of

    def add(self, step: Step, revision: int, deps: tuple[str, ...] | None = None) -> None:
        """Add a step at the end of the plan order; ``deps`` are its dependencies, where they are known."""
        needed = dependencies(step) if deps is None else deps
        state = StepState(step.id, step, _traits(self, step.tool), (revision, len(self.steps)), revision, needed)
        self._insert(state)
        self._link(state)
        self._overlaps.add(state)
        self.wake(state)

    def _insert(self, state: StepState) -> None:
        self.steps[state.id] = state
        self.unended[state.id] = None
        self._ranked = False
        if state.id.isdecimal() and len(state.id) <= _COUNTED_DIGITS:
            self.highest_id = max(self.highest_id, int(state.id))

    def _link(self, state: StepState) -> None:
        for needed in state.deps:
            earlier = self.steps.get(needed)
            if earlier is None:
                state.needs.add(needed)
            elif earlier.phase != "ended":
                earlier.dependents.append(state.id)
                state.needs.add(needed)
                if earlier.blocked:
                    self.block(state)
            elif earlier.result is not None and earlier.result.status not in ("done", "skipped"):
                self.block(state)

    def expand(self, parent: StepState, count: int) -> None:
        """Make the instances of a foreach, ordered among themselves where they touch the same resource."""
        parent.phase = "running"
        parent.open_instances = count
        hazards = HazardIndex()
        items = self.items(parent)
        bare = parent.step.model_copy(update={"foreach": None, "when": None, "depends_on": ()})
        for index in range(count):
            step = bare.model_copy(update={"id": f"{parent.id}[{index}]"})
            instance = StepState(step.id, step, parent.traits, parent.order, parent.revision, deps=parent.deps)
            instance.parent, instance.item = parent.id, items[index]
            parent.instances.append(instance.id)
            self._insert(instance)
            known = _known_now(step.tool_input, self.lookup(instance))
            self._overlaps.after(instance, hazards.add(instance.id, access(parent.spec, known)))
            self.wake(instance)

    def items(self, step: StepState) -> list[Any]:
        """Return the items a foreach runs over; empty unless its reference gives a list."""
        found = (_known_now({"items": step.step.foreach}, self.lookup(step)) or {})["items"]
        return list(cast("list[Any]", found)) if isinstance(found, (list, tuple)) else []

    def adopt(self, steps: tuple[Step, ...], keeps: Iterable[str], revision: int, *, instead: bool = False) -> None:
        """Make these the plan: new steps are added, unended ones it does not name are void.

        What runs under an earlier accepted plan goes on, but not ``instead`` of it; nor does what a draft began.
        """
        if not self.steps:
            for step, needed in with_dependencies(steps):
                self.add(step, revision, needed)
            return
        named = {step.id for step in steps} | _with_needs(keeps, self.steps)
        for step in [*self.steps.values()]:
            if step.parent is None and step.id not in named and not _goes_on(step, revision, instead=instead):
                self._void(step)
        place = len(self.steps)  # beyond every place a draft was given
        for step, needed in with_dependencies(steps):
            known = self.steps.get(step.id)
            if known is None:
                self.add(step, revision, needed)
            elif known.phase in ("pending", "ready") and known.step != step:
                self._replace(known, step)
            else:
                self.revive(known, revision)
            placed = self.steps[step.id]
            for state in (placed, *(self.steps[instance] for instance in placed.instances)):
                state.order = (revision, place)
            place += 1
        self.reorder()

    def _replace(self, known: StepState, step: Step) -> None:
        for needed in known.deps:
            if needed in self.steps:
                self.steps[needed].dependents = [i for i in self.steps[needed].dependents if i != known.id]
        known.plan(step, _traits(self, step.tool))
        known.deps = dependencies(step)
        known.needs = set()
        known.blocked = known.void = known.filled = False
        self.void.discard(known.id)
        self._link(known)

    def void_drafts(self, accepted: Iterable[int]) -> None:
        """Void the steps of unaccepted revisions: a planning call that begins anew must name them again."""
        whole = set(accepted)
        drafts = [step for step in self.in_order() if step.parent is None and step.revision not in whole]
        for step in drafts:
            self._void(step)
        if drafts:
            self._ranked = False
            self._overlaps.rebuild(self.in_order())

    def _void(self, step: StepState) -> None:
        step.void = True
        self.void.add(step.id)

    def revive(self, step: StepState, revision: int) -> None:
        """Make a known step part of a newer revision."""
        step.void = False
        step.revision = revision
        self.void.discard(step.id)
        self.wake(step)

    def voids(self) -> list[StepState]:
        """Return the void steps that have not ended, in plan order."""
        return sorted((self.steps[step_id] for step_id in self.void), key=by_order)

    def end(self, step: StepState, result: StepResult, value: Any) -> None:
        """Take a step's end in and wake, or block, what waits for it."""
        self.deactivate(step, free=not result.abandoned)
        step.phase = "ended"
        step.result = result
        self.unended.pop(step.id, None)
        self.void.discard(step.id)
        self._ranked = self._ranked and not (step.needs or step.after)  # else nobody's path led through it
        status = result.status
        if status == "done":
            self.values[step.id] = gathered(self, step) if result.gathered else value
            if result.attempts and self.durations.add(step.tool, result.duration_s):
                self._ranked = False
        if step.parent is not None:
            self._instance_ended(self.steps[step.parent])
        for later_id in step.dependents:
            later = self.steps[later_id]
            later.needs.discard(step.id)
            if status in ("done", "skipped"):
                self.wake(later)
            else:
                self.block(later)
        self._release(step)

    def _instance_ended(self, parent: StepState) -> None:
        parent.open_instances -= 1
        if parent.open_instances == 0:
            self.gathering.append(parent.id)

    def block(self, step: StepState) -> None:
        """Mark a step, and all that needs it, as never to start; hazards do not wait for it."""
        todo = [step]
        while todo:
            at = todo.pop()
            if at.blocked or at.phase == "ended":
                continue
            at.blocked = True
            todo.extend(self.steps[later] for later in at.dependents)
            self._release(at)

    def _release(self, step: StepState) -> None:
        if step.followers:
            for later in self._overlaps.release(step):
                self.wake(later)

    def wake(self, step: StepState) -> None:
        """Queue a step whose inputs and predecessors are all there."""
        if step.phase == "pending" and not (step.needs or step.after or step.blocked or step.void):
            step.phase = "ready"
            self.queue.add(step.id, step.tool, step.traits.max_parallel, step.rank, step.order)

    def reorder(self) -> None:
        """Work out anew who must not overlap whom, after a plan or an edited input changed what steps touch."""
        unended = self.in_order()
        self._ranked = False
        self._overlaps.rebuild(unended)
        for step in unended:
            self.wake(step)

    def take_ready(self) -> StepState | None:
        """Remove and return the ready step that should start next, or None while no slot is free."""
        if not self.queue.size:
            return None
        if self.queue.size > 1 and not self._ranked:
            _rank(self)
            self._ranked = True
        step_id = self.queue.take()
        return None if step_id is None else self.steps[step_id]


def gathered(graph: StepGraph, step: StepState) -> Any:
    """Return the value of a step that is made of other steps' values: a foreach, or a ``reduce``.

    Raises:
        StepInputError: They cannot be merged.
    """
    if step.instances:
        return [graph.values[instance] for instance in step.instances]
    if step.filled and step.input is not None:
        return merge(list(sources(step.input.get("values"))), step.input.get("by") or "append", step.input.get("key"))
    return reduced(step.step.tool_input or {}, graph.lookup(step), lambda step_id: graph.steps[step_id].order)


def _traits(graph: StepGraph, tool: str) -> Traits:
    """What a tool is like as it is declared now."""
    spec = graph.tools.get(tool) or (reduce.SPEC if tool == reduce.NAME else UNKNOWN_TOOL)
    known = graph.traits.get(tool)
    if known is None or known.spec is not spec:
        known = graph.traits[tool] = traits(spec)
    return known


def _goes_on(step: StepState, revision: int, *, instead: bool) -> bool:
    """Whether a step that a new plan does not name keeps its course.

    It has ended, runs (here or at a client) under an accepted plan, or a person must say first whether it happened. A
    plan that stands ``instead`` of the one before breaks off what runs.
    """
    if instead and step.phase in ("running", "waiting"):
        return False
    if step.phase == "ended" or step.doubt:
        return True
    return step.phase in ("running", "outside", "waiting") and not step.void and step.revision != revision


def _rank(graph: StepGraph) -> None:
    """Give each step the length of its longest remaining path, from what its tool took so far.

    A function of the events alone, whenever it is worked out: who drives a run on has the order of who began it.
    """
    waiting: dict[str, list[str]] = {}
    weights: dict[str, float] = {}
    for step in graph.in_order():
        whole = graph.steps[step.parent] if step.parent is not None else step
        waiting[step.id] = [*whole.dependents, *step.followers]
        weights[step.id] = graph.durations.mean(step.step.tool, step.spec.expected_s)
    for step_id, rank in upward_ranks(list(waiting), waiting.__getitem__, weights).items():
        graph.steps[step_id].rank = rank
    graph.queue.rerank(lambda step_id: graph.steps[step_id].rank)


def _with_needs(keeps: Iterable[str], steps: Mapping[str, StepState]) -> set[str]:
    """Return these steps and all they need."""
    found: set[str] = set()
    todo = list(keeps)
    while todo:
        step_id = todo.pop()
        if step_id not in found and step_id in steps:
            found.add(step_id)
            todo.extend(steps[step_id].deps)
    return found


def _known_now(tool_input: dict[str, Any] | None, lookup: Callable[[str], Any]) -> dict[str, Any] | None:
    """Resolve what can be resolved already; what cannot stays a reference."""
    if tool_input is None:
        return None
    known: dict[str, Any] = {}
    for name, value in tool_input.items():
        try:
            known[name] = resolve(value, lookup)
        except StepInputError:
            known[name] = value
    return known
