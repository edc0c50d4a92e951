"""Wishes for an answer, put on the calls that make it."""

from __future__ import annotations

from schemas.model import Message, ModelRequest, OutputSchema
from schemas.wishes import ANY, AnswerWishes

CALL = ModelRequest(model="m", messages=(Message.user("hi"),))


def test_without_wishes_a_call_is_as_it_was() -> None:
    """Nothing is set, not even to None."""
    assert ANY.applied(CALL) is CALL
    assert ANY.sampled(CALL) is CALL


def test_a_turn_is_made_as_wished_but_ends_by_itself() -> None:
    """A turn of ReAct may hold calls of tools, which no stop and no length may cut; its form is not the answer's."""
    wishes = AnswerWishes(
        temperature=0.0, seed=7, stop=("END",), max_output_tokens=5, output=OutputSchema(name="o", json_schema={})
    )
    turn, answer = wishes.sampled(CALL), wishes.applied(CALL)
    assert (turn.temperature, turn.seed, turn.stop, turn.max_output_tokens, turn.output) == (0.0, 7, (), None, None)
    assert (answer.temperature, answer.stop, answer.max_output_tokens, answer.output) == (0.0, ("END",), 5, None)
