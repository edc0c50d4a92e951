"""``reduce`` where something other than the scheduler calls it."""

from __future__ import annotations

import pytest

from engine.tools.builtin.reduce import Reduce
from schemas.errors import ToolArgumentsError
from tests.tools.context import Context

pytestmark = pytest.mark.anyio


async def test_values_as_they_stand() -> None:
    """B82: called by itself it merges the values it is given, in their order."""
    assert await Reduce().call({"values": [1, [2, 3]]}, Context()) == [1, 2, 3]


async def test_what_cannot_be_merged() -> None:
    """B82: a value it cannot take is an argument error that names its place."""
    with pytest.raises(ToolArgumentsError, match=r"values\[1\] gave a text"):
        await Reduce().call({"values": [1, "x"], "by": "add"}, Context())
