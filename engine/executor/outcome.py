"""What a call gave: a checked JSON value, kept inline or as an artifact."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from schemas.errors import StepOutputError
from schemas.result import ArtifactRef

_PREVIEW_CHARS = 2000
Keep = Callable[[Any, bytes, str], Awaitable[ArtifactRef]]


class Stored(NamedTuple):
    """A JSON value and where it is kept."""

    value: Any
    artifact: ArtifactRef | None = None
    preview: str = ""


async def store_value(value: Any, keep: Keep, inline_bytes: int, max_bytes: int) -> Stored:
    """Check that a value is JSON, take a copy nobody else can change, and keep a large one as an artifact.

    Raises:
        StepOutputError: It is no JSON, or larger than ``max_bytes``.
        StoreError: The artifact cannot be kept.
    """
    if value is None or isinstance(value, (bool, int)):
        return Stored(value)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise StepOutputError(f"the result is no JSON: {exc}", hint="return dicts, lists, texts and numbers") from exc
    if len(text) > max_bytes or (len(text) * 4 > max_bytes and len(text.encode()) > max_bytes):
        raise StepOutputError(
            f"the result has {len(text):,} characters of JSON, at most {max_bytes:,} bytes are allowed",
            hint="return less, or write a file and return its path",
        )
    copy = json.loads(text) if isinstance(value, (dict, list, tuple)) else value
    if len(text) * 4 <= inline_bytes:
        return Stored(copy, preview=text[:_PREVIEW_CHARS])
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= inline_bytes:
        return Stored(copy, preview=text[:_PREVIEW_CHARS])
    ref = await keep(copy, data, text[:_PREVIEW_CHARS])
    return Stored(copy, ref, ref.preview)
