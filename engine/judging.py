"""Asks the judge about results of one run and keeps its verdicts in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.dag.state import RunState
from engine.executor.judge import WARNING, Expectation, LLMJudge
from schemas.errors import EngineError
from schemas.events import LoggedEvent, StepJudged, Warned
from schemas.planning import StepCall
from schemas.protocols import ModelClient


class Judging:
    """The judge as one run asks it.

    Args:
        state: Gives the run as it is now.
        model: The gateway as this run sees it.
        report: Takes each verdict as an event, and a warning where there is none.
        judge: Decides.
    """

    def __init__(
        self,
        state: Callable[[], RunState],
        model: ModelClient,
        report: Callable[[LoggedEvent], None],
        judge: LLMJudge,
    ) -> None:
        self._state = state
        self._model = model
        self._report = report
        self._judge = judge

    async def contradiction(self, call: StepCall, expected: str, value: Any) -> str:
        """Return why a result contradicts what was expected; empty where it fits, or where nobody could decide."""
        state = self._state()
        step = state.graph.steps[call.step_id].step
        asked = Expectation(state.task, step.description or step.rationale or "", expected)
        try:
            verdict = await self._judge.judge(asked, call, value, self._model)
        except EngineError as exc:
            message = f"the result of step {call.step_id} was not judged: {exc.message}"
            self._report(Warned(code=WARNING, message=message, where=f"step {call.step_id}"))
            return ""
        self._report(StepJudged(step_id=call.step_id, fits=verdict.fits, reason=verdict.reason))
        return "" if verdict.fits else verdict.reason
