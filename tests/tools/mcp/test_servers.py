"""The MCP servers of an engine: whose they are, and when they run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from engine.testing import FakeTool
from schemas.errors import PlanError, ToolUnavailableError
from tests.source import ROOT
from tests.tools.context import Context
from tests.tools.mcp.wild import engine_of, plan_of, wild

pytestmark = pytest.mark.anyio
ECHO = plan_of(("wild_echo", {"text": "hi"}))


def starts(log: Path) -> int:
    """How often a server was started."""
    return log.read_text().count('"initialize"') if log.exists() else 0


async def test_an_entered_engine_keeps_its_servers(tmp_path: Path) -> None:
    """All runs of an engine that was entered share a server, which starts at the first one."""
    log = tmp_path / "log"
    async with engine_of(wild("good", log, effects="none")) as engine:
        before = starts(log)
        results = [await engine.apply(ECHO), await engine.apply(ECHO)]
    assert (before, starts(log)) == (0, 1)
    assert [result.status for result in results] == ["completed", "completed"]


async def test_runs_of_an_engine_that_was_not_entered_have_their_own(tmp_path: Path) -> None:
    """Without entering the engine, each run has servers of its own, also while another one ends."""
    log = tmp_path / "log"
    engine = engine_of(wild("good", log, effects="none"))
    async with anyio.create_task_group() as group:
        group.start_soon(engine.apply, ECHO)
        group.start_soon(engine.apply, ECHO)
    assert starts(log) == 2


async def test_tools_outside_a_run_say_what_to_do() -> None:
    """A tool of a server that does not run fails with what to do about it."""
    engine = engine_of(wild())
    await engine.ready()
    with pytest.raises(ToolUnavailableError) as caught:
        await engine.tools.get("wild_echo").call({"text": "hi"}, Context())
    assert "async with Engine" in caught.value.hint


async def test_a_plan_for_a_server_that_is_down_says_so() -> None:
    """A given plan whose tools no server offers is refused, and the refusal names the server and its trouble."""
    engine = engine_of(wild("broken"))
    with pytest.raises(PlanError) as caught:
        await engine.apply(ECHO)
    assert "'wild' is not available: it ended with exit code 1" in caught.value.hint


async def test_a_tool_whose_name_is_taken_is_left_out() -> None:
    """A server's tool gives way to one that is declared already."""
    engine = engine_of(wild(mcp={"prefix": ""}, effects="none"))
    engine.tools.add(FakeTool("echo", "mine"))
    result = await engine.apply(plan_of(("echo", {"text": "hi"}), ("sum", {})))
    assert [step.value for step in result.steps.values()] == ["mine", {"sum": 3}]


async def test_a_disabled_tool_stays_disabled(tmp_path: Path) -> None:
    """A tool that was disabled at run time stays so when its server's list is read anew."""
    engine = engine_of(wild())
    await engine.ready()
    engine.tools.disable("wild_echo")
    await engine.ready()
    assert [spec.enabled for name, spec in engine.tools.specs().items() if name in ("wild_echo", "wild_sum")] == [
        False,
        True,
    ]


async def test_an_error_of_the_caller_comes_through_as_it_is() -> None:
    """What the caller raises while servers run is not wrapped in a group."""
    with pytest.raises(KeyError):  # noqa: PT012 (leaving the block is what is tested)
        async with engine_of(wild()) as engine:
            await engine.ready()
            raise KeyError("mine")


async def test_a_server_that_hangs_at_its_start_can_be_given_up_on() -> None:
    """Cancelling the caller does not wait for a server that does not answer."""
    with anyio.move_on_after(0.5) as scope:
        await engine_of(wild("silent")).ready()
    assert scope.cancelled_caught


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One event loop: what differs between the two is in test_server."""
    return request.param


def test_the_sdk_is_loaded_when_a_server_is_started() -> None:
    """An engine with servers that are not started, and one without any, load nothing of the SDK."""
    code = (
        "import sys; from engine import Engine\n"
        "Engine({'tools': [{'mcp': 'uvx mcp-server-git'}]})\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ('mcp', 'mcp_types')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
