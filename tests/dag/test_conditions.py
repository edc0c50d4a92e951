"""Conditions over results."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.conditions import describe, first_unmet, holds
from engine.dag.refs import SKIPPED
from schemas.errors import StepInputError
from schemas.plan import Condition

RESULT = {"n": 5, "s": "banana", "l": [1, "x", {"k": 2}], "d": {"k": 1}, "t": True, "z": None}


def met(value: Any, op: Any, to: Any = None, result: Any = RESULT) -> bool:
    """Whether the condition holds over one result."""
    return holds(Condition(value=value, op=op, to=to), lambda _: result)


@pytest.mark.parametrize(
    ("value", "op", "yes", "no"),
    [
        ("{{1.n}}", "eq", 5.0, "5"),
        ("{{1.t}}", "eq", True, 1),
        ("{{1.n}}", "ne", 6, 5),
        ("{{1.n}}", "lt", 6, 5),
        ("{{1.n}}", "le", 5, 4),
        ("{{1.n}}", "gt", 4.5, 5),
        ("{{1.n}}", "ge", 5, 6),
        ("{{1.s}}", "lt", "cherry", "apple"),
        ("{{1.n}}", "in", [4, 5], [4, "5", True]),
        ("{{1.s}}", "in", "a banana", "ban"),
        ("{{1.l}}", "contains", {"k": 2}, {"k": 1}),
        ("{{1.s}}", "contains", "nan", "x"),
        ("{{1.d}}", "contains", "k", 1),
        ("{{1.d}}", "contains", "k", ["k"]),
        ("{{1.n}}", "exists", True, False),
        ("{{1.z}}", "exists", None, False),
        ("{{1.q}}", "exists", False, True),
        ("{{1.n}}", "eq", 5, "{{1.l[0]}}"),
    ],
)
def test_each_operator(value: str, op: str, yes: Any, no: Any) -> None:
    """B21: Each operator holds and does not hold as its name says; a boolean is never a number."""
    assert met(value, op, yes)
    assert not met(value, op, no)


@pytest.mark.parametrize(
    ("value", "op", "to"),
    [
        ("{{1.s}}", "lt", 3),
        ("{{1.z}}", "gt", 3),
        ("{{1.t}}", "ge", 0),
        ("{{1.l}}", "le", "x"),
        ("{{1.n}}", "contains", 5),
        (5, "in", "{{1.s}}"),
        ("{{1.q}}", "eq", 5),
        ("{{1.n}}", "eq", "{{1.q}}"),
    ],
)
def test_what_cannot_be_compared_fails_the_step(value: Any, op: str, to: Any) -> None:
    """Types that cannot be compared, or an absent path, are the step's input error."""
    with pytest.raises(StepInputError):
        met(value, op, to)


def test_nothing_exists_in_a_skipped_step() -> None:
    """A skipped step's result is null to every operator, and absent to exists."""
    assert met("{{1.n}}", "exists", False, SKIPPED)
    assert met("{{1.n}}", "eq", None, SKIPPED)


def test_values_too_deep_to_compare() -> None:
    """Results nested beyond Python's depth are the step's input error, not a crash."""
    deep: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        deep, other = [deep], [other]
    with pytest.raises(StepInputError, match="too deeply"):
        holds(Condition(value="{{1}}", op="eq", to="{{2}}"), {"1": deep, "2": other}.__getitem__)


def test_the_first_unmet_condition_is_told() -> None:
    """All conditions must hold; the first that does not is described in one line."""
    good = Condition(value="{{1.n}}", op="gt", to=1)
    bad = Condition(value="{{1.s}}", op="eq", to="é")
    assert first_unmet([good, bad], lambda _: RESULT) is bad
    assert first_unmet([good], lambda _: RESULT) is None
    assert describe(bad) == '{{1.s}} eq "é"'
    assert describe(Condition(value="{{1.q}}", op="exists", to=False)) == "{{1.q}} is absent"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab{1}", max_size=5) | st.just("{{1}}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=5,
)


@given(ANY, st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "exists"]), ANY, ANY)
def test_a_condition_fails_in_one_way_only(value: Any, op: str, to: Any, result: Any) -> None:
    """Whatever is compared with whatever, the outcome is true, false or a StepInputError."""
    with contextlib.suppress(StepInputError):
        assert met(value, op, to, result) in (True, False)
