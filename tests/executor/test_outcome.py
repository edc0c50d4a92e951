"""What becomes of a value that a tool returned."""

from __future__ import annotations

from typing import Any

import pytest

from engine.executor.outcome import store_value
from schemas.errors import StepOutputError
from schemas.result import ArtifactRef

pytestmark = pytest.mark.anyio


async def keep(value: Any, data: bytes, preview: str) -> ArtifactRef:
    """Keep nothing."""
    del value
    return ArtifactRef(sha256="0" * 64, size_bytes=len(data), preview=preview)


@pytest.mark.parametrize(("value", "kept"), [("x" * 10, False), ("x" * 200, True), ("字" * 50, True), (None, False)])
async def test_a_large_value_becomes_an_artifact(value: Any, kept: bool) -> None:
    """B39: beyond the inline bytes of its JSON a value is kept as an artifact, its beginning with it."""
    stored = await store_value(value, keep, inline_bytes=100, max_bytes=1_000)
    assert (stored.artifact is not None) is kept
    assert stored.value == value


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object(), "x" * 2_000, "字" * 400])
async def test_what_cannot_be_kept(value: Any) -> None:
    """B39: what is no JSON, or too large in bytes, is a typed error."""
    with pytest.raises(StepOutputError):
        await store_value(value, keep, inline_bytes=100, max_bytes=1_000)


async def test_the_tool_keeps_no_hold_of_its_value() -> None:
    """What the tool changes afterwards does not change the result."""
    given = {"rows": [1]}
    stored = await store_value(given, keep, inline_bytes=100, max_bytes=1_000)
    given["rows"].append(2)
    assert stored.value == {"rows": [1]}
