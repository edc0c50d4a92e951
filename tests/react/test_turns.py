"""Caps and repeats, without a model."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.dag.refs import find_references, resolve
from engine.react.turns import Turn, literal
from schemas.planning import PlanRequest
from schemas.tool import ToolSpec
from tests.synth.scripted import call

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet="{}\\1.a ", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_literal_holds_no_reference_and_resolves_to_itself(value: Any) -> None:
    """Whatever a model writes as an argument reaches the tool unchanged."""
    assert find_references(literal(value)) == []
    assert resolve(literal(value), lambda _: "leaked") == value


def test_void_steps_keep_nothing_but_their_ids() -> None:
    """Ids are never used twice; a call of a void draft does not count as a repeat."""
    turn = Turn(PlanRequest(task="t", tools=(ToolSpec(name="search"),), first_id=5))
    kept, dropped = call("search", {"q": 1}), call("search", {"q": 2})
    turn.accept(kept)
    turn.accept(dropped)
    turn.accept(dropped)

    assert [step.id for step in turn.void(1)] == ["8"]
    assert turn.holds(kept)
    assert not turn.holds(dropped)
    assert not turn.repeats(dropped)
