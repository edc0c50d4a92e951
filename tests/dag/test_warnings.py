"""What a run was warned of."""

from __future__ import annotations

from engine.dag.warnings import Warnings
from schemas.events import Warned

DOWN = "the agent 'weather' is not available: connection refused"


def test_what_is_down_is_told_apart() -> None:
    """Of all warnings those about agents and servers are what a run lacks, each once, until they are back."""
    warned = Warnings()
    for code, message in (("roles", "cheap"), ("tool.unavailable", DOWN), ("tool.unavailable", DOWN)):
        warned.take(Warned(code=code, message=message))
    assert list(warned) == ["cheap", DOWN, DOWN]
    assert (warned.lacks(()), warned.lacks({"weather"})) == ((DOWN,), ())
