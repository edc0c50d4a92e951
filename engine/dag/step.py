"""One step of a run as it stands now. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, cast

from engine.dag.hazards import NOTHING, access
from schemas.plan import Step
from schemas.result import StepResult
from schemas.tool import ToolSpec

Phase = Literal["pending", "ready", "filling", "approving", "running", "outside", "waiting", "ended"]
"""outside: the client that asked for the run makes the call; waiting: until a time."""
UNKNOWN_TOOL = ToolSpec(name="unknown", enabled=False)


_set = cast("Callable[[], set[str]]", set)  # set[str]() takes six times as long
_list = cast("Callable[[], list[str]]", list)


@dataclass(frozen=True, slots=True)
class Traits:
    """What is asked of a tool for every step that calls it.

    Read off its spec once: reading a field of a pydantic model takes ten times as long as one of a class with slots.

    Attributes:
        read_only: Whether it changes nothing.
        touches: Whether a call can stand in the way of another one (``engine.dag.hazards``).
        required: The arguments that have to be there.
        client: Whether the client that asked for the run makes its calls.
        max_parallel: How many of its calls may run at once.
    """

    spec: ToolSpec
    read_only: bool
    touches: bool
    required: frozenset[str]
    client: bool
    max_parallel: int | None


def traits(spec: ToolSpec) -> Traits:
    """Read what is asked all the time off a tool's spec."""
    touches = access(spec, None) is not NOTHING
    return Traits(spec, spec.read_only, touches, frozenset(spec.required), spec.kind == "client", spec.max_parallel)


@dataclass(slots=True)
class StepState:
    """One step, or one instance of a foreach.

    Attributes:
        traits, tool: What its tool is like, and its name; ``spec`` its tool's as it is.
        order: (plan revision, position): the plan order, which hazards follow.
        needs: Steps whose results it still waits for.
        after: Steps it must not overlap, still unfinished.
        blocked: A step it needs will never give a result.
        void: A draft of a reply that turned out to be no plan, not named again so far.
        input: The resolved input, once known.
        approved: A person (or the plan's approval) agreed to this call.
        rehearsal: How the dry run of its call ended, where there was one.
        doubt: It was running when the run's driver died, and a person must say whether it happened.
        given: The result that came from outside: from a person, or from the client that made the call.
        postponed: How often it was put off to a later time.
        attempts_made: Calls of its tool before it was last put off.
    """

    id: str
    step: Step
    traits: Traits
    order: tuple[int, int]
    revision: int
    deps: tuple[str, ...] = ()
    phase: Phase = "pending"
    result: StepResult | None = None
    needs: set[str] = field(default_factory=_set)
    after: set[str] = field(default_factory=_set)
    dependents: list[str] = field(default_factory=_list)
    followers: list[str] = field(default_factory=_list)
    blocked: bool = False
    void: bool = False
    input: dict[str, Any] | None = None
    filled: bool = False
    approved: bool = False
    rehearsal: StepResult | None = None
    rejected: str | None = None
    cancelling: bool = False
    doubt: bool = False
    given: StepResult | None = None
    postponed: int = 0
    attempts_made: int = 0
    parent: str | None = None
    item: Any = None
    instances: list[str] = field(default_factory=_list)
    open_instances: int = 0
    rank: float = 0.0
    tool: str = field(init=False)
    spec: ToolSpec = field(init=False)

    def __post_init__(self) -> None:
        self.plan(self.step, self.traits)

    def plan(self, step: Step, traits: Traits) -> None:
        """Take in how the step stands in the plan."""
        self.step, self.traits, self.tool, self.spec = step, traits, step.tool, traits.spec


by_order: Callable[[StepState], tuple[int, int]] = attrgetter("order")
"""Sort key of the plan order."""
