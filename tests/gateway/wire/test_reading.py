"""A provider's JSON, or what it is instead."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from gateway.wire.reading import parsed
from schemas.errors import ModelOutputError, RateLimitError


class Shape(BaseModel):
    """What is expected."""

    count: int


def test_the_shape_is_read() -> None:
    """JSON of the shape is that shape."""
    assert parsed(Shape, b'{"count": 3}', "p/m").count == 3


@pytest.mark.parametrize("content", [b'{"error": {"code": 429, "message": "slow"}}', b'[{"error": {"code": 429}}]'])
def test_an_error_is_what_it_says(content: bytes) -> None:
    """An error in place of the answer is raised as with its own status, also in a list, as one service writes it."""
    with pytest.raises(RateLimitError):
        parsed(Shape, content, "p/m")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"<html>", "at its root"), (b'{"count": "x"}', "at count"), (b"\xff", "at its root"), (b"[" * 5_000, "p/m sent")],
)
def test_anything_else_is_told_with_its_place(content: bytes, said: str) -> None:
    """What can't be read is one line that names where."""
    with pytest.raises(ModelOutputError, match=said) as caught:
        parsed(Shape, content, "p/m")
    assert "\n" not in caught.value.message
