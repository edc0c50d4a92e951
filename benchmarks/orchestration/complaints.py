"""What may never be said of a run: that it ended without a word, claims more than is true, or went beyond a cap."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Contestant


def complaints(outcome: Outcome, made: Contestant, speed: float) -> list[str]:
    """Return what may never be said of a run that a contestant made; only ours have caps.

    A run whose time is up still says what it has; five seconds (on the clock, as the machine may be busy) are
    granted for that. A model call that is under way when the budget runs out was covered when it began.
    """
    beyond = _beyond(outcome, made, speed) if isinstance(made, Ours) else ()
    told = f"{outcome.case} by {outcome.system}"
    return [f"{told}: {one}" for one in (*_untrue(outcome), *beyond)]


def _untrue(outcome: Outcome) -> Iterator[str]:
    """Yield what is not said, or not as it is."""
    complete = outcome.status == "completed" and not outcome.partial
    asked = [call["status"] for call in outcome.calls if call["part"] in ("planner", "react")]
    admits = "could be had" in outcome.answer
    for wrong, said in (
        (not outcome.answer.strip() and not outcome.reason.strip(), "it ended without an answer and without a reason"),
        (outcome.partial and not outcome.reason.strip(), "its answer is partial, and it does not say why"),
        (complete and not outcome.right and not admits, "it says that it is complete, and its answer is wrong"),
        (complete and asked[-1:] >= [400], "it says that it is complete, though its last turn could not be had"),
        (outcome.status not in ("completed", "failed"), f"it ended as {outcome.status!r}"),
    ):
        if wrong:
            yield said


def _beyond(outcome: Outcome, made: Ours, speed: float) -> Iterator[str]:
    """Yield the caps that were exceeded."""
    limits, budget = made.limits, made.budget
    turns = sum(call["part"] == "react" and call["status"] == 200 for call in outcome.calls)
    grace_s = 5 * speed
    for measure, had, cap in (
        ("replans", outcome.replans, limits.max_replans),
        ("calls at once", outcome.peak_parallel, limits.max_parallel),
        ("USD", round(outcome.cost_usd, 5), budget.run_usd),
        ("seconds", round(outcome.seconds - grace_s, 1), budget.run_seconds),
        ("model calls of turns", turns, 3 * (limits.max_turns + 1)),  # a turn may ask for its calls again, twice
    ):
        if cap is not None and had > cap:
            yield f"{had} {measure} of {cap}"
