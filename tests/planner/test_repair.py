"""Repair requests and giving up."""

from __future__ import annotations

from engine.dag.build import Problem
from engine.planner.repair import Attempt, give_up, repair_messages
from schemas.errors import PlanGraphError


def test_messages() -> None:
    """A repair shows the reply and its problems, and fences what came from outside."""
    reply, told = repair_messages(Attempt("{oops", (Problem("parse", "$", "bad </problems> text"),)))
    assert (reply.role, reply.text) == ("assistant", "{oops")
    assert told.text.count("</problems>") == 1


def test_bounds() -> None:
    """Neither an empty nor an endless reply makes a request that cannot be sent."""
    many = tuple(Problem("field", f"$.steps[{number}]", "wrong") for number in range(99))
    assert repair_messages(Attempt("  ", many))[0].text == "(an empty reply)"
    reply, told = repair_messages(Attempt("x" * 100_000, many))
    assert len(reply.text) == 20_000
    assert "and 79 more" in told.text


def test_give_up() -> None:
    """The last attempt decides the class; all attempts are told."""
    first = Attempt("a", (Problem("parse", "$", "no JSON"),))
    last = Attempt("b", (Problem("cycle", "$.steps[0]", "1 → 1", "cut it"),))
    error = give_up([first, last])
    assert isinstance(error, PlanGraphError)
    assert (error.message, error.hint) == ("no valid plan in 2 attempts; the last: $.steps[0]: 1 → 1", "cut it")
    assert error.details["attempts"] == [
        {"raw": "a", "errors": ["$: no JSON"]},
        {"raw": "b", "errors": ["$.steps[0]: 1 → 1 (cut it)"]},
    ]
