"""What every command that needs the engine begins with."""

from __future__ import annotations

import pytest

from engine.cli import session
from tests.tools.mcp.wild import engine_of, wild

pytestmark = pytest.mark.anyio


async def test_a_slow_server_is_waited_for_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is waited for is said when a server takes its time, and how it came out is returned."""
    monkeypatch.setattr(session, "_PATIENCE_S", 0.1)
    async with engine_of(wild("silent", mcp={"start_timeout_s": 0.5})) as engine:
        states = await session.connected(engine)
    assert capsys.readouterr().err == "note: waiting for MCP servers: wild\n"
    assert [(state.up, state.reason.partition(" within")[0]) for state in states] == [(False, "it did not answer")]
