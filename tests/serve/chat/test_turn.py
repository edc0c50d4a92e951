"""A reply as its run goes: text that only grows, what is told anew and what is not, how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from engine.serve.chat.turn import Turn
from schemas.approvals import ApprovalAnswered, ApprovalRequested
from schemas.errors import CostBudgetError, ModelUnavailableError, ToolFailedError
from schemas.events import Answer, BudgetExhausted, LoggedEvent, LoggedRecord, ModelCalled, PlanStarted, RunEnded
from schemas.live import LiveReset, LiveText
from schemas.result import Usage


def taken(turn: Turn, *items: Any) -> str:
    """Feed a turn and return the words of the answer that were sent."""
    seq = 0
    told: list[str] = []
    for item in items:
        if not isinstance(item, (LiveText, LiveReset)):
            seq += 1
            item = LoggedRecord("r", seq, 0.0, item)
        told += [delta.content for delta in turn.take(item)]
    return "".join(told)


def text(words: str, offset: int = 0, generation: int = 1, stream: str = "answer") -> LiveText:
    return LiveText(stream=stream, offset=offset, text=words, generation=generation)


def reset(generation: int = 2) -> LiveReset:
    return LiveReset(stream="answer", generation=generation)


def called(calls: int) -> ModelCalled:
    return ModelCalled(role="planner", model="m", usage=Usage(calls=1, input_tokens=calls, cost_usd=float(calls)))


@pytest.mark.parametrize(
    ("items", "sent"),
    [
        ([text("It is "), text("21.", 6), Answer(text="It is 21.")], "It is 21."),
        ([text("\n\nIt is"), Answer(text="It is 21.")], "It is 21."),
        ([Answer(text="It is 21.")], "It is 21."),
        ([text("It is 21.\n"), Answer(text="It is 21.")], "It is 21.\n"),
        ([text("It is"), reset(), text("It i", 0, 2), text("s 21.", 4, 2), Answer(text="It is 21.")], "It is 21."),
        ([text("plan", stream="plan"), text("seen", stream="1"), Answer(text="It is 21.")], "It is 21."),
    ],
)  # fmt: skip
def test_an_answer_is_sent_once(items: Sequence[Any], sent: str) -> None:
    """However it comes, in pieces, again from its beginning, or only whole, a client gets the answer once."""
    turn = Turn("r", "what is it?")
    assert taken(turn, *items) == sent
    assert turn.content == sent


def test_an_answer_that_begins_anew_differently_is_told() -> None:
    """Words that were sent cannot be taken back: what is written instead stands behind them, and that is said."""
    turn = Turn("r", "Wie ist das Wetter?")
    sent = taken(turn, text("Es regnet"), reset(), text("Es ist trocken", 0, 2), Answer(text="Es ist trocken."))
    assert sent == "Es regnet\n\n(Die Antwort beginnt neu.)\n\nEs ist trocken."


def test_what_was_told_before_is_not_told_again() -> None:
    """A reply that goes on with a run tells what comes after its place, and counts what the run used from there on."""
    turn = Turn("r", "x", after=2)
    items: list[LoggedEvent] = [PlanStarted(), called(5), PlanStarted(), called(3)]
    told = [delta for seq, event in enumerate(items, 1) for delta in turn.take(LoggedRecord("r", seq, 0.0, event))]
    assert [delta.about and delta.about["seq"] for delta in told] == [3]
    assert (turn.usage.input_tokens, turn.usage.cost_usd) == (3, 3.0)
    list(turn.take(LoggedRecord("r", 5, 0.0, RunEnded(status="completed", usage=Usage(input_tokens=9, cost_usd=9.0)))))
    assert (turn.usage.input_tokens, turn.usage.cost_usd) == (4, 4.0)


def test_an_answer_cut_at_the_wished_length_ends_so() -> None:
    """As of a model: the reason is length."""
    turn = Turn("r", "x")
    assert (taken(turn, Answer(text="It is", cut=True)), turn.finish()) == ("It is", "length")


def test_how_a_reply_ends() -> None:
    """A budget that is used up cuts the reply off (length); a client's own tool is to be called; else it stops."""
    spent = BudgetExhausted(scope="run:r", measure="usd", spent=1.0, limit=1.0)
    cut, asks, done = Turn("r", "x"), Turn("r", "x"), Turn("r", "x")
    taken(cut, spent, Answer(text="so far", steps_used=("1",), partial=True), RunEnded(status="failed"))
    asks.waiting = [ApprovalRequested(approval_id="a1", subject="client_tool", tool="t")]
    taken(done, Answer(text="x"), RunEnded(status="completed"))
    assert [turn.finish() for turn in (cut, asks, done)] == ["length", "tool_calls", "stop"]
    assert cut.about()["partial"] is True


@pytest.mark.parametrize(
    ("error", "used", "status"),
    [
        (ToolFailedError("no"), (), 502),
        (ModelUnavailableError("gone"), (), 503),
        (CostBudgetError("spent"), (), 402),
        (ToolFailedError("no"), ("1",), None),
    ],
)
def test_nothing_to_read_is_an_error(error: Any, used: tuple[str, ...], status: int | None) -> None:
    """A failed run that found nothing is an error with the server's own status, and never asks to be tried again."""
    turn = Turn("r", "x")
    ended = RunEnded(status="failed", error=error.to_info())
    taken(turn, Answer(text="I could not", source="template", steps_used=used, partial=True), ended)
    failure = turn.failure()
    assert (failure and failure.status) == status
    assert failure is None or not failure.retryable


def test_a_run_that_somebody_refused_is_answered() -> None:
    """A person who said no reads what was not done, and no error; without an answer to read it is one."""
    ended = RunEnded(status="failed", error=ToolFailedError("rejected: too expensive").to_info())
    refused = ApprovalAnswered(approval_id="a1", decision="reject", reason="too expensive", by="ann")
    answer = Answer(text="Not done: too expensive.", source="template", partial=True)
    told, untold = Turn("r", "pay"), Turn("r", "pay")
    assert taken(told, refused, answer, ended) == "Not done: too expensive."
    taken(untold, refused, ended)
    assert told.failure() is None
    assert untold.failure() is not None
