"""Hands what agents write to those who watch: as their step's text, and as the answer where it is the only one."""

from __future__ import annotations

from collections.abc import Callable

from engine.dag.handing import agent_of
from engine.dag.state import RunState
from engine.dag.step import StepState
from engine.streams import Streams
from schemas.plan import Plan
from schemas.planning import StepCall

_ANSWER = "answer"


def only_step(state: RunState) -> StepState | None:
    """Return the step whose agent's text is the run's whole answer as it is; None: a synthesizer has to write one.

    It is the only step of a plan that says nothing of the answer, and nothing was tried before it, but for what the
    run's agent was asked before its goal changed.
    """
    plan = state.accepted.get(state.revision)
    if plan is None or state.mode != "plan" or state.planning or not _leaves_the_answer(plan):
        return None
    if len(state.graph.steps) != 1 and not agent_of(state.started):
        return None
    step = state.graph.steps.get(plan.steps[0].id)
    return step if step is not None and step.spec.kind == "agent" and not step.step.foreach else None


def _leaves_the_answer(plan: Plan) -> bool:
    """Whether a plan is one step, and says nothing of the answer."""
    return len(plan.steps) == 1 and plan.answer is None and not plan.question and not plan.expected_output_format


def passed_on(state: RunState) -> tuple[str, str] | None:
    """Return the text of the agent that was the only step, and the step; None: there is no such text."""
    step = only_step(state)
    if step is None or step.result is None or step.result.status != "done":
        return None
    value = state.graph.values.get(step.id)
    return (value, step.id) if isinstance(value, str) and value.strip() else None


class Passing:
    """Takes the text of running calls.

    Args:
        state: Gives the run as it is now.
        streams: Gives where its live text goes.
    """

    def __init__(self, state: Callable[[], RunState], streams: Callable[[], Streams]) -> None:
        self._state = state
        self._streams = streams
        self._written: dict[str, list[str]] = {}
        self._passed: dict[str, int] = {}

    def text(self, call: StepCall, piece: str | None) -> None:
        """Take the next piece of what a call writes; None: what it wrote is void."""
        streams, step_id = self._streams(), call.step_id
        if piece is None:
            streams.reset(step_id, "the call failed")
            if self._passed.pop(step_id, 0):
                streams.reset(_ANSWER, "the call failed")
            self._written.pop(step_id, None)
            return
        streams.text(step_id, piece)
        written = self._written.setdefault(step_id, [])
        written.append(piece)
        only = only_step(self._state())
        if only is not None and only.id == step_id:
            for other in [name for name in self._passed if name != step_id]:
                if self._passed.pop(other):
                    streams.reset(_ANSWER, "the goal changed, and the agent is asked anew")
            for told in written[self._passed.get(step_id, 0) :]:
                streams.text(_ANSWER, told)
            self._passed[step_id] = len(written)
