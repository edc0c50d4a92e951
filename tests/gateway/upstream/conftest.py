"""Providers over HTTP are tested on asyncio, where both makers live; the SDKs' on trio too, in ``upstream``."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """One of the makers knows asyncio only."""
    return "asyncio"
