"""Brings a run to its answer and its last event."""

from __future__ import annotations

from engine.answering import (
    Verdict,
    answer_request,
    ending,
    filled_template,
    unwritten,
    verdict,
    with_lacks,
    without_model,
    written,
)
from engine.dag.decide import close
from engine.dag.state import RunState
from engine.journal import Journal
from engine.passing import passed_on
from engine.replanner.policy import next_move, situation
from engine.replanner.view import Rules
from engine.synth.form import formed
from schemas.errors import BudgetError, EngineError
from schemas.events import Answer, Warned
from schemas.planning import AnswerReady, AnswerRequest
from schemas.settings import Limits


class Ending:
    """How one run comes to its end.

    Args:
        journal: The run.
        limits: Caps that are not part of the run's own limits.
        rules: How results are shown to the synthesizer.
    """

    def __init__(self, journal: Journal, limits: Limits, rules: Rules) -> None:
        self._journal = journal
        self._limits = limits
        self._rules = rules
        self._cap = ""

    def take_over(self, state: RunState) -> None:
        """Find out again why a run that another driver answered could not be repaired any further."""
        if state.answer is not None and state.stop is None:
            self._cap = next_move(situation(state, self._limits)).reason

    def direct(self) -> AnswerRequest | None:
        """Return what is asked of the synthesizer where no plan is made; None while it asks for patience."""
        state = self._journal.state
        if state.waits.answering and not state.triggers:
            return None
        return answer_request(state, verdict(state, ""), self._rules)

    def finish(self, cap: str) -> AnswerRequest | None:
        """End what can no longer start, and answer; where a model must write it, return what it is asked.

        Args:
            cap: Which cap ended the repair, or empty.
        """
        state, emit = self._journal.state, self._journal.emit
        self._cap = cap
        close(state, emit)
        plan = state.accepted.get(state.revision)
        found = verdict(state, cap)
        if plan is not None and plan.question:
            partial = bool(found.missing)
            asked = Answer(text=plan.question, source="question", partial=partial, missing=found.missing)
            emit(with_lacks(state, asked))
        elif not found.missing and (told := _told(state, found)) is not None:
            emit(told)
        elif not found.has_results and found.missing:
            emit(without_model(state, found))
        else:
            return answer_request(state, found, self._rules)
        return None

    def stop(self) -> None:
        """Answer for a run that was cancelled, is out of budget, or fails fast: no further model call."""
        state = self._journal.state
        if not state.graph.unended:
            self._journal.emit(without_model(state, verdict(state, state.stop_reason)))

    def wrote(self, item: AnswerReady | EngineError) -> None:
        """Take the synthesizer's answer in, or why there is none."""
        state = self._journal.state
        if isinstance(item, AnswerReady):
            self._journal.fact(written(state, verdict(state, self._cap), item))
        elif not (isinstance(item, BudgetError) and state.stop is not None):
            warning = f"the answer was written without a model: {item.message}"
            self._journal.fact(Warned(code=item.code, message=warning))
            self._journal.fact(unwritten(state, self._cap, item))

    def end(self, duration_s: float) -> None:
        """Write the last event."""
        self._journal.emit(ending(self._journal.state, self._cap, duration_s))


def _told(state: RunState, found: Verdict) -> Answer | None:
    """Return the answer that needs no model: the plan's template filled, or the words of its only agent."""
    plan, told = state.accepted.get(state.revision), None
    if plan is not None and plan.answer is not None:
        text = filled_template(plan.answer, state)
        told = None if text is None else Answer(text=text, source="template", steps_used=found.used)
    elif (passed := passed_on(state)) is not None:
        told = Answer(text=passed[0], source="agent", steps_used=(passed[1],))
    return told if told is not None and _as_wished(state, told.text) else None


def _as_wished(state: RunState, text: str) -> bool:
    """Whether an answer that no model wrote has the form that is wished; one with no such wish has any."""
    output = state.started.wishes.output
    return output is None or not formed(text, output).problems
