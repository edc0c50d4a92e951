"""One line for every logged event, as the line view writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.sinks.words import count, input_text, moment, one_line, seconds, shortened, usd, value_text
from schemas import events
from schemas.events import LoggedEvent

WIDTH = 160
_PARKED = {
    "approval": "it waits for an answer",
    "timer": "a step is postponed",
    "rate_limit": "a model asked for patience",
    "handover": "whoever drove it left, others may go on",
    "set_aside": "taken over again and again without getting further, so it may be what kills its drivers",
}


def sentence(event: LoggedEvent) -> str:
    """Return one line that tells what happened, safe to print.

    >>> sentence(events.StepExpanded(step_id="2", count=3))
    'step 2 becomes 3 instances'
    """
    return one_line(_SENTENCES[event.kind](event))


def triggers_text(triggers: Iterable[events.Trigger]) -> str:
    """Return why a replan is due.

    >>> triggers_text([events.Trigger(kind="step_failed", step_id="2", message="no route")])
    'step 2: step failed: no route'
    """
    parts: list[str] = []
    for trigger in triggers:
        where = f"step {trigger.step_id}"
        told = trigger.step_id is None or where in trigger.message
        kind = trigger.kind.replace("_", " ")
        said = f"{kind}: {trigger.message}" if trigger.message else kind
        said = trigger.message if trigger.message.startswith(kind) else said
        parts.append(f"{'' if told else where + ': '}{said}")
    return "; ".join(parts)


def chosen_text(event: events.RunStarted) -> str:
    """Return the mode that was chosen and why; empty where it was asked for."""
    asked = event.given or event.mode_reason in ("", "asked for")
    return "" if asked else f"{event.mode}: {event.mode_reason}"


def _run_started(event: events.RunStarted) -> str:
    what = "a given plan" if event.given else chosen_text(event) or event.mode
    return f"run started ({what}){': ' if event.task else ''}{shortened(event.task, WIDTH)}"


def _run_claimed(event: events.RunClaimed) -> str:
    forced = ", by force" if event.forced else ""
    return f"the run goes on{f' in {event.by}' if event.by else ''}{forced}"


def parked_text(event: events.RunParked) -> str:
    """Return what a parked run waits for.

    >>> parked_text(events.RunParked(reason="approval"))
    'parked: it waits for an answer'
    """
    until = f" until {moment(event.until)}" if event.until else ""
    return f"parked{until}: {_PARKED.get(event.reason, event.reason)}"


def _step_interrupted(event: events.StepInterrupted) -> str:
    then = "it runs again" if event.again else "whether it happened is not known"
    return f"step {event.step_id} was broken off: {then}"


def _step_postponed(event: events.StepPostponed) -> str:
    return f"step {event.step_id} waits until {moment(event.until)}{f': {event.reason}' if event.reason else ''}"


def postponed_text(event: events.PlanningPostponed) -> str:
    """Return until when the run waits for a model of its own, and why."""
    return f"the {event.role} waits until {moment(event.until)}{f': {event.reason}' if event.reason else ''}"


def _time_came(_: events.TimeCame) -> str:
    return "what was postponed is due"


def _step_reused(event: events.StepReused) -> str:
    value = event.result.artifact.preview if event.result.artifact else value_text(event.result.value)
    return f"step {event.step_id} is taken over: {shortened(value, WIDTH)}"


def _plan_started(event: events.PlanStarted) -> str:
    return "planning" if event.mode != "react" else f"turn {event.revision}"


def _replan_started(event: events.ReplanStarted) -> str:
    return f"replanning (plan {event.revision}): {triggers_text(event.triggers)}"


def _plan_step(event: events.PlanStep) -> str:
    step = event.step
    after = f" after {', '.join(step.depends_on)}" if step.depends_on else ""
    return f"planned step {step.id}: {step.tool} {shortened(input_text(step.tool_input), WIDTH)}{after}"


def looked_up_text(event: events.PlanLookedUp) -> str:
    """Return what the plan cache said."""
    if event.plan is None:
        return f"no plan to use again: {event.reason}"
    saved = f"{event.saved.total_tokens:,} tokens, {usd(event.saved.cost_usd)}, {seconds(event.saved_s)}"
    return f"a plan is used again: the planner is not asked, which saves {saved}"


def _plan_repair(event: events.PlanRepair) -> str:
    return f"the plan cannot be used, asking again: {'; '.join(event.errors)}"


def _plan_accepted(event: events.PlanAccepted) -> str:
    warned = f" ({'; '.join(event.warnings)})" if event.warnings else ""
    if event.plan.question:
        return f"the planner asks: {event.plan.question}"
    return f"plan {event.revision} accepted: {count(len(event.plan.steps), 'step')}{warned}"


def _plan_rejected(event: events.PlanRejected) -> str:
    return f"no usable plan: {event.error.message}"


def _model_called(event: events.ModelCalled) -> str:
    role = f"{event.role} for step {event.step_id}" if event.step_id else event.role
    if event.error:
        return f"{role}: {event.model} failed: {event.error.message}"
    tokens = f"{event.usage.input_tokens:,} + {event.usage.output_tokens:,} tokens"
    return f"{role}: {event.model}, {tokens}, {usd(event.usage.cost_usd)}, {seconds(event.latency_s)}"


def _step_filled(event: events.StepFilled) -> str:
    return f"step {event.step_id} arguments: {shortened(input_text(event.input), WIDTH)}"


def _step_rehearsed(event: events.StepRehearsed) -> str:
    error = event.result.error
    shown = error.message if error is not None else f"the dry run gives {value_text(event.result.value)}"
    return f"step {event.step_id} {event.tool}: {shortened(shown, WIDTH)}"


def _step_expanded(event: events.StepExpanded) -> str:
    return f"step {event.step_id} becomes {count(event.count, 'instance')}"


def _step_started(event: events.StepStarted) -> str:
    return f"step {event.step_id} started: {event.tool} {shortened(input_text(event.input), WIDTH)}"


def _step_retried(event: events.StepRetried) -> str:
    again = f"again in {seconds(event.delay_s)}"
    return f"step {event.step_id} attempt {event.attempt} failed, {again}: {event.error.message}"


def _step_ended(event: events.StepEnded) -> str:
    result = event.result
    head = f"step {event.step_id} {result.status}"
    if result.error:
        tried = f", {count(result.attempts, 'attempt')}" if result.attempts > 1 else ""
        doubt = " (in doubt: it may have happened)" if result.in_doubt else ""
        return f"{head} in {seconds(result.duration_s)}{tried}: {event.tool}: {result.error.message}{doubt}"
    if result.status != "done":
        return f"{head}: {result.reason}" if result.reason else head
    value = result.artifact.preview if result.artifact else value_text(result.value)
    return f"{head} in {seconds(result.duration_s)}: {shortened(value, WIDTH)}"


def _step_judged(event: events.StepJudged) -> str:
    return (
        f"step {event.step_id}: the judge finds its result {'as expected' if event.fits else 'wrong'}: {event.reason}"
    )


def _result_summarized(event: events.ResultSummarized) -> str:
    return f"step {event.step_id}: its result was summarized ({len(event.text):,} characters)"


def _thread_stuck(event: events.ThreadStuck) -> str:
    return f"the abandoned call of step {event.step_id} has not come back in {seconds(event.grace_s)}"


def _thread_ended(event: events.ThreadEnded) -> str:
    return f"the abandoned call of step {event.step_id} has come back"


def _approval_requested(event: events.ApprovalRequested) -> str:
    why = f" ({event.reason})" if event.reason else ""
    what = {"question": "question", "elicitation": "question", "client_tool": "call"}.get(event.subject, "approval")
    wanted = "needed" if what == "approval" else "to answer" if what == "question" else "to make"
    return f"{what} {event.approval_id} {wanted}: {shortened(asked_text(event), WIDTH)}{why}"


def asked_text(event: events.ApprovalRequested) -> str:
    """Return what is asked.

    >>> asked_text(events.ApprovalRequested(approval_id="a1", subject="plan"))
    'the plan'
    >>> asked_text(events.ApprovalRequested(approval_id="a2", subject="elicitation", step_id="3", question="Which?"))
    'step 3 asks: Which?'
    """
    what = f"step {event.step_id}: {event.tool} {input_text(event.input)}".rstrip()
    return {
        "plan": "the plan",
        "in_doubt": f"{what} was broken off; did it happen?",
        "question": event.question,
        "elicitation": f"step {event.step_id} asks: {event.question}",
        "client_tool": f"{what} is the client's to call",
    }.get(event.subject, what)


def _approval_answered(event: events.ApprovalAnswered) -> str:
    past = {
        "approve": "approved",
        "reject": "rejected",
        "edit": "approved with changes",
        "done": "answered",
    }[event.decision]
    by = f" by {event.by}" if event.by else ""
    return f"approval {event.approval_id} {past}{by}{f': {event.reason}' if event.reason else ''}"


def _goal_changed(event: events.GoalChanged) -> str:
    return f"the task is now: {shortened(event.task, WIDTH)}"


def _cancel_requested(event: events.CancelRequested) -> str:
    return f"cancelling: {event.reason or 'asked to'}"


def _mode_changed(event: events.ModeChanged) -> str:
    return f"going on in {event.mode} mode: {event.reason}"


def _budget_warning(event: events.BudgetWarning) -> str:
    return f"warning: 90 % of the budget of {event.scope} is used: {event.spent:g} of {event.limit:g} {event.measure}"


def _budget_exhausted(event: events.BudgetExhausted) -> str:
    said = f": {event.message}" if event.message else ""
    return f"the budget of {event.scope} is used up: {event.spent:g} of {event.limit:g} {event.measure}{said}"


def _warning(event: events.Warned) -> str:
    return f"warning: {event.message}{f' ({event.where})' if event.where else ''}"


def _answer(event: events.Answer) -> str:
    partial = "partial answer" if event.partial else "answer"
    rests = f", from {count(len(event.steps_used), 'step')}" if event.steps_used else ""
    missing = f"; missing: {'; '.join(event.missing)}" if event.missing else ""
    return f"{partial} ({event.source}{rests}){missing}"


def _run_ended(event: events.RunEnded) -> str:
    return f"run {event.status}{f': {event.error.message}' if event.error else ''}"


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "run_started": _run_started,
    "run_claimed": _run_claimed,
    "run_parked": parked_text,
    "step_interrupted": _step_interrupted,
    "step_postponed": _step_postponed,
    "planning_postponed": postponed_text,
    "time_came": _time_came,
    "step_reused": _step_reused,
    "plan_started": _plan_started,
    "replan_started": _replan_started,
    "plan_step": _plan_step,
    "plan_looked_up": looked_up_text,
    "plan_repair": _plan_repair,
    "plan_accepted": _plan_accepted,
    "plan_rejected": _plan_rejected,
    "model_called": _model_called,
    "step_filled": _step_filled,
    "step_rehearsed": _step_rehearsed,
    "step_expanded": _step_expanded,
    "step_started": _step_started,
    "step_retried": _step_retried,
    "step_ended": _step_ended,
    "step_judged": _step_judged,
    "result_summarized": _result_summarized,
    "thread_stuck": _thread_stuck,
    "thread_ended": _thread_ended,
    "approval_requested": _approval_requested,
    "approval_answered": _approval_answered,
    "goal_changed": _goal_changed,
    "cancel_requested": _cancel_requested,
    "mode_changed": _mode_changed,
    "budget_warning": _budget_warning,
    "budget_exhausted": _budget_exhausted,
    "warning": _warning,
    "answer": _answer,
    "run_ended": _run_ended,
}
