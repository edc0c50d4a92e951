"""The SDKs' clients live on asyncio; what is pure is tested without a loop."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Only asyncio: one SDK leaves an async generator of its own unfinished, which trio warns of."""
    return "asyncio"
