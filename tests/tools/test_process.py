"""``isolate="process"``: a real kill."""

from __future__ import annotations

import os
import time
from pathlib import Path

import anyio
import pytest

from engine.tools.function import tool
from schemas.errors import ConfigError, ToolArgumentsError, ToolFailedError, ToolUnavailableError
from schemas.protocols import ToolContext
from tests.tools.context import Context
from tests.tools.isolated_tools import add, crash, fail, hang

pytestmark = pytest.mark.anyio


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_the_result_comes_back_whatever_is_printed() -> None:
    """B39: what the function and its children write to stdout is not taken for the result."""
    assert await add.call({"left": 2}, Context()) == 3
    assert add(2, 3) == 5


async def test_giving_up_kills_the_process_and_its_children(tmp_path: Path) -> None:
    """At a deadline nothing of the call is left running."""
    marker = tmp_path / "pids"
    with anyio.move_on_after(20) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(hang.call, {"marker": str(marker)}, Context())
            while not marker.exists() or " " not in marker.read_text():
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()
    pids = [int(pid) for pid in marker.read_text().split()]
    assert not scope.cancelled_caught
    deadline = time.monotonic() + 2
    while any(map(alive, pids)) and time.monotonic() < deadline:
        await anyio.sleep(0.01)
    assert [pid for pid in pids if alive(pid)] == []
    assert os.getpid() not in pids


async def test_a_crash_is_a_failed_call() -> None:
    """A process that ends without a result fails the call and says how it ended."""
    with pytest.raises(ToolFailedError, match="exit code 3"):
        await crash.call({"code": 3}, Context())


async def test_errors_come_back_as_they_are() -> None:
    """What the function raises means the same as in a thread."""
    with pytest.raises(ToolUnavailableError, match="ConnectionResetError: gone"):
        await fail.call({}, Context())
    with pytest.raises(ToolArgumentsError, match="left"):
        await add.call({"left": "many"}, Context())


def test_what_another_process_cannot_have_is_refused() -> None:
    """A local function, an async one or one that wants the context cannot be isolated."""

    def local() -> None: ...

    async def later() -> None: ...

    def wants(context: ToolContext) -> None: ...

    later.__qualname__, wants.__qualname__ = "later", "wants"
    for function in (local, later, wants):
        with pytest.raises(ConfigError):
            tool(isolate="process")(function)
