"""TypedDict on every Python."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.tools.annotations import acceptable


class Inner(TypedDict, total=False):
    size: int


class Outer(TypedDict):
    inner: Inner
    many: NotRequired[list[Inner]]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Outer, {"inner": {}}),
        (Outer, {"inner": {"size": 1}, "many": [{}]}),
        (list[Outer], [{"inner": {}}]),
        (dict[str, Inner] | None, {"a": {"size": 2}}),
        (Annotated[Inner, "note"], {"size": 1}),
        (int, 3),
    ],
)
def test_values_that_fit(annotation: Any, value: Any) -> None:
    """A TypedDict is checked wherever it stands in a hint."""
    assert TypeAdapter[Any](acceptable(annotation)).validate_python(value) == value


@pytest.mark.parametrize("value", [{}, {"inner": {"size": "x"}}, {"inner": {}, "other": 1}, {"inner": {"x": 1}}])
def test_values_that_do_not(value: Any) -> None:
    """Missing, wrong and unknown keys are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter[Any](acceptable(Outer)).validate_python(value)
