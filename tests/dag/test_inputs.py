"""What a step was called with, as a prompt tells it."""

from __future__ import annotations

from typing import Any

from engine.dag.inputs import told_input
from schemas.plan import Step
from schemas.planning import PastStep

LONG = "x" * 200


def past(planned: dict[str, Any] | None, given: dict[str, Any] | None) -> PastStep:
    """A step that was planned so, and called so."""
    return PastStep(step=Step(id="2", tool="math", tool_input=planned), status="done", input=given)


def test_a_result_is_not_told_twice() -> None:
    """An input that holds a whole result shown beside it is told as it was planned."""
    told = told_input(past({"of": "{{1}}"}, {"of": LONG}), {"1", "2"})
    assert told == {"of": "{{1}}"}


def test_what_is_short_or_not_shown_is_told_as_it_was() -> None:
    """A short value is worth more than a reference to it, and a reference to what is not there is worth nothing."""
    assert told_input(past({"of": "{{1}}"}, {"of": 5}), {"1"}) == {"of": 5}
    assert told_input(past({"of": "{{1}}"}, {"of": LONG}), {"2"}) == {"of": LONG}
    assert told_input(past({"of": "{{item}}"}, {"of": LONG}), {"1"}) == {"of": LONG}
    assert told_input(past(None, {"of": LONG}), {"1"}) == {"of": LONG}
    assert told_input(past({"of": "{{1}}"}, None), {"1"}) == {"of": "{{1}}"}
