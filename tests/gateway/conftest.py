"""Fixtures of the gateway's tests."""

from __future__ import annotations

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_they_are() -> None:
    """Undo what an engine made by an earlier test of this process set: it logs warnings only."""
    structlog.reset_defaults()
