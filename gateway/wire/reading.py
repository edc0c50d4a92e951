"""A provider's JSON as a typed shape, or the error that it is instead."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ValidationError

from gateway.providers.base import one_line
from gateway.providers.failures import classify, describe
from gateway.wire.halves import Halves
from schemas.errors import ModelError, ModelOutputError

_MOST_TOKENS = 10**12


def _count(value: object) -> int | None:
    """A count that is none counts nothing: it takes no answer with it, and gives no budget anything back."""
    if type(value) is int:
        return value if 0 <= value <= _MOST_TOKENS else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        count = int(value)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count <= _MOST_TOKENS else None


Count = Annotated[int | None, BeforeValidator(_count)]
"""Tokens as a server counts them."""

Shape = TypeVar("Shape", bound=BaseModel)


def parsed(shape: type[Shape], content: bytes, where: str) -> Shape:
    """Return a body, or an event's data, in its shape.

    Args:
        shape: What it should be.
        content: JSON.
        where: ``provider/model``.

    Raises:
        ModelError: What it says, if it is an error although the status says success.
        ModelOutputError: It is no JSON, or of another shape.
    """
    try:
        return shape.model_validate_json(Halves().joined(content))
    except ValidationError as exc:
        error = error_inside(content)
        if error is not None:
            raise told(where, error) from None
        at = ".".join(str(part) for part in exc.errors()[0]["loc"])
        said = one_line(exc.errors()[0]["msg"])
        raise ModelOutputError(
            f"{where} sent a reply that can't be read: {said} at {at or 'its root'}", details={"model": where}
        ) from None


def told(where: str, error: object) -> ModelError:
    """Return what an error inside a reply, or a stream, of status 200 says."""
    return classify(describe(where, 200, error, {}, None))


def error_inside(content: bytes) -> object | None:
    """Return the error in a body, or an event's data, that is no answer; None if it is none.

    >>> error_inside(b'{"error": {"message": "no"}}')
    {'error': {'message': 'no'}}
    """
    try:
        body: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, list) and len(cast("list[Any]", body)) == 1:
        body = cast("list[Any]", body)[0]  # Gemini's endpoint wraps its errors
    known = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    return known if known.get("error") else None
