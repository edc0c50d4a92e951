"""Tools of the configurations that tests/serve/test_house.py puts in each other's place."""

from __future__ import annotations

import threading

from engine.tools.function import tool

GO_ON = threading.Event()
BEGUN = threading.Event()


@tool(effects="none")
def held() -> str:
    """Wait until a test says so."""
    BEGUN.set()
    assert GO_ON.wait(30)
    return "held"


@tool(effects="none")
def fresh() -> str:
    """Be there after the change only."""
    return "fresh"
