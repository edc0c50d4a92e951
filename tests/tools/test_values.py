"""Results as JSON values."""

from __future__ import annotations

import json
from collections import namedtuple
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.tools.values import to_json
from schemas.errors import ToolFailedError


class Colour(Enum):
    RED = "red"


class Model(BaseModel):
    day: date


@dataclass
class Pair:
    left: int
    right: set[str]


Point = namedtuple("Point", "x y")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("aé☃"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
)


@given(PLAIN)
def test_plain_data_is_unchanged(value: Any) -> None:
    """What is JSON already comes back as it is."""
    assert to_json(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Model(day=date(2024, 5, 17)), {"day": "2024-05-17"}),
        (Pair(1, {"b", "a"}), {"left": 1, "right": ["a", "b"]}),
        (Point(1, 2), [1, 2]),
        ({3: Colour.RED, Colour.RED: datetime(2024, 1, 1)}, {"3": "red", "red": "2024-01-01T00:00:00"}),  # noqa: DTZ001
        (Decimal("1.50"), "1.50"),
        (Path("a/b"), "a/b"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"text", "text"),
        ({2, "a"}, ["a", 2]),
    ],
)
def test_common_types_are_converted(value: Any, expected: Any) -> None:
    """Models, dataclasses, dates, decimals, paths, tuples and sets have one JSON form."""
    assert to_json(value) == expected
    json.dumps(expected)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"rows": [1, object()]}, "object at rows[1]"),
        ({"rows": [{"x": float("nan")}]}, "rows[0].x is nan"),
        (float("inf"), "its top is inf"),
        ((n for n in range(3)), "generator"),
        (int, "int at its top"),
        ({"a": b"\xff"}, "bytes at a"),
        ({"a": "\ud800"}, "not valid Unicode"),
        ({(1, 2): 3}, "a key"),
        pytest.param(10**5000, "too many digits", id="digits"),
    ],
)
def test_what_is_no_json_is_refused_with_type_and_path(value: Any, said: str) -> None:
    """B39: a result that is not JSON fails its step, and the message says what stands where."""
    with pytest.raises(ToolFailedError) as caught:
        to_json(value)
    assert said in caught.value.message


def test_a_value_that_contains_itself_is_refused() -> None:
    """A circle, or nesting without end, is an error and not a crash."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ToolFailedError, match="contains itself"):
        to_json(circle)
