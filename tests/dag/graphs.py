"""Tools, plans and a world that answers at once, for tests of the scheduler without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.dag.decide import close, decide
from engine.dag.state import RunState
from schemas.events import LoggedEvent, PlanAccepted, PlanStarted, RunLimits, RunStarted, StepEnded
from schemas.plan import Plan, Step
from schemas.result import ErrorInfo, StepResult
from schemas.tool import ToolSpec

QUERY: dict[str, Any] = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["query"],
    "additionalProperties": False,
}
TOOLS = {
    spec.name: spec
    for spec in (
        ToolSpec(name="look", effects="none", input_schema={"type": "object"}),
        ToolSpec(name="search", effects="none", input_schema=QUERY),
        ToolSpec(name="read", effects="none", reads=("file:{path}",)),
        ToolSpec(name="write", effects="idempotent", writes=("file:{path}",)),
        ToolSpec(name="send", effects="effectful"),
        ToolSpec(name="old", effects="none", enabled=False),
        ToolSpec(name="secret", effects="none", hidden=True),
    )
}
FAILED = StepResult(status="failed", error=ErrorInfo(code="tool.failed", message="no"), attempts=1)


def done(value: Any = 1) -> StepResult:
    """A step that gave a value."""
    return StepResult(status="done", value=value, attempts=1, duration_s=1.0)


def step(step_id: int | str, tool: str = "look", *needs: int | str, **rest: Any) -> Step:
    """A step with its declared dependencies; ``rest`` are further fields."""
    return Step.model_validate({"id": step_id, "tool": tool, "depends_on": list(needs), **rest})


def plan(*steps: Step, **rest: Any) -> Plan:
    """A plan of these steps."""
    return Plan(steps=steps, **rest)


class World:
    """Runs an accepted plan by hand: the test says which step ends, and sees what started."""

    def __init__(
        self,
        steps: Sequence[Step],
        tools: Mapping[str, ToolSpec] = TOOLS,
        max_parallel: int | None = None,
        drafts: Sequence[LoggedEvent] = (),
        eager: bool = False,
        budget_usd: float | None = None,
    ) -> None:
        self.state = RunState("r", tools)
        self.started: list[str] = []
        self.inputs: dict[str, dict[str, Any]] = {}
        self.ended: dict[str, StepResult] = {}
        self.events: list[LoggedEvent] = []
        self.most_at_once = 0
        for event in (
            RunStarted(task="t", mode="plan", limits=RunLimits(max_parallel=max_parallel, budget_usd=budget_usd)),
            PlanStarted(),
            *drafts,
            PlanAccepted(revision=1, plan=Plan(steps=tuple(steps))),
        ):
            self.take(event)
            if eager:
                decide(self.state, self.take)
        decide(self.state, self.take)

    def take(self, event: LoggedEvent) -> None:
        """Fold an event in and note starts and ends."""
        self.state.apply(event)
        self.events.append(event)
        if event.kind == "step_started":
            self.started.append(event.step_id)
            self.inputs[event.step_id] = event.input
        elif event.kind == "step_ended":
            self.ended[event.step_id] = event.result
        self.most_at_once = max(self.most_at_once, len(self.running))

    @property
    def running(self) -> list[str]:
        """Ids of the steps that run, in the order they started."""
        return [step_id for step_id in self.started if step_id not in self.ended]

    def end(self, step_id: str, result: StepResult | None = None) -> list[str]:
        """End a running step; return what started because of it."""
        assert step_id in self.running
        before = len(self.started)
        tool = self.state.graph.steps[step_id].step.tool
        self.take(StepEnded(step_id=step_id, tool=tool, result=result or done()))
        decide(self.state, self.take)
        return self.started[before:]

    def finish(self, answer: Callable[[str, dict[str, Any]], StepResult] = lambda *_: done()) -> World:
        """End whatever runs, oldest first, until nothing does; then end what can no longer start."""
        while self.running:
            at = self.running[0]
            self.end(at, answer(at, self.inputs[at]))
        close(self.state, self.take)
        return self

    @property
    def statuses(self) -> dict[str, str]:
        """How each step ended."""
        return {step_id: result.status for step_id, result in self.ended.items()}
