"""One MCP server: what it gives, how it fails, how it comes back."""

from __future__ import annotations

import json
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.testing import ScriptedProvider
from schemas.events import LoggedRecord, StepStarted
from schemas.live import LiveProgress
from schemas.result import StepResult
from tests.tools.mcp.wild import engine_of, plan_of, wild

pytestmark = pytest.mark.anyio
READING = {"effects": "none", "max_attempts": 1}


async def outcome(tool: str, given: dict[str, Any] | None = None, *, kind: str = "good", **entry: Any) -> StepResult:
    """Call one tool in a run of its own and return how the step ended."""
    engine = engine_of(wild(kind, **{**READING, **entry}))
    run = await engine.apply(plan_of((tool, given or {}), answer="x {{1}}"), approve="all")
    return run.steps["1"]


async def test_a_call_gives_its_text() -> None:
    """The text of a result is the step's value, and what is JSON in it is data."""
    assert (await outcome("wild_echo", {"text": "1.10"})).value == "1.10"
    assert (await outcome("wild_echo", {"text": ' {"a": [1]} '})).value == {"a": [1]}


async def test_structured_content_is_the_value() -> None:
    """Structured content comes before text."""
    assert (await outcome("wild_sum")).value == {"sum": 3}


async def test_structured_content_that_breaks_its_schema() -> None:
    """A result that contradicts the server's own output schema fails the step, and names server and place."""
    error = (await outcome("wild_sum", {"a": 1})).error
    assert error is not None
    assert (error.code, "'wild'" in error.message, "$.sum" in error.message) == ("step.output", True, True)


async def test_an_image_is_data() -> None:
    """A part that is no text comes with its type and its bytes in base64."""
    value = (await outcome("wild_picture")).value
    assert value == {"type": "image", "mime_type": "image/png", "data": "iVBORw=="}


async def test_several_json_texts_are_a_list() -> None:
    """A result of several JSON objects is a list of them."""
    assert (await outcome("wild_many")).value == [{"n": 0}, {"n": 1}]


async def test_fifty_megabytes_become_an_artifact() -> None:
    """B39: a result of 50 MB is kept as an artifact."""
    result = await outcome("wild_big")
    assert result.artifact is not None
    assert result.artifact.size_bytes == 50_000_002


@pytest.mark.parametrize(
    ("tool", "code", "said"),
    [
        ("wild_fail", "tool.failed", "wild_fail: no such ticket"),
        ("wild_refuse", "tool.arguments", "text: too long"),
        ("wild_wrong", "tool.failed", "no valid result"),
        ("wild_die", "tool.unavailable", "it ended with exit code 3: out of memory"),
    ],
)
async def test_failures_are_typed(tool: str, code: str, said: str) -> None:
    """Each way a call can fail is an error of its kind, on one line."""
    error = (await outcome(tool)).error
    assert error is not None
    assert error.code == code
    assert said in error.message
    assert "\n" not in error.message


async def test_a_hanging_call_ends_at_its_deadline_and_the_server_is_told(tmp_path: Path) -> None:
    """A call that hangs fails at its time limit; the server gets ``notifications/cancelled``."""
    log = tmp_path / "log"
    engine = engine_of(wild("good", log, timeout_s=0.3, **READING))
    run = await engine.apply(plan_of(("wild_hang", {})))
    assert run.steps["1"].error is not None
    assert run.steps["1"].error.code == "step.timeout"
    sent = [json.loads(line) for line in log.read_text().splitlines()]
    call = next(message for message in sent if message["method"] == "tools/call")
    told = [message["params"]["requestId"] for message in sent if message["method"] == "notifications/cancelled"]
    assert told == [call["id"]]


async def test_an_effectful_call_that_broke_off_is_in_doubt() -> None:
    """B31: a server that dies in an effectful call leaves the step in doubt; it is called once."""
    result = await outcome("wild_die", effects="effectful", max_attempts=3)
    assert (result.in_doubt, result.attempts) == (True, 1)


async def test_a_reading_call_is_repeated_on_the_restarted_server(tmp_path: Path) -> None:
    """A call without effects is tried again when its server died, on the server that was started anew."""
    log = tmp_path / "log"
    engine = engine_of(wild("good", log, effects="none", max_attempts=2))
    run = await engine.apply(plan_of(("wild_die", {})))
    assert run.steps["1"].attempts == 2
    assert log.read_text().count('"initialize"') == 2


async def test_the_key_of_a_call_with_effects_is_sent(tmp_path: Path) -> None:
    """The idempotency key stands in ``_meta`` of a call with effects, and in no other."""
    log = tmp_path / "log"
    engine = engine_of(wild("good", log, mcp={"tools": {"echo": {"effects": "none"}}}))
    await engine.apply(plan_of(("wild_set", {"text": "a"}), ("wild_echo", {"text": "b"})), run_id="r7")
    sent = [json.loads(line) for line in log.read_text().splitlines()]
    keys = {
        m["params"]["name"]: m["params"]["_meta"].get("plan-execute-engine/idempotency-key")
        for m in sent
        if m["method"] == "tools/call"
    }
    assert keys == {"set": "r7:1", "echo": None}


async def test_progress_is_shown() -> None:
    """What a server says of its progress is live progress of the step."""
    engine = engine_of(wild(**READING))
    async with engine, engine.start(plan=plan_of(("wild_slow", {}))) as run:
        live = [item async for item in run.events() if isinstance(item, LiveProgress)]
    assert [(item.step_id, item.message, item.fraction) for item in live] == [
        ("1", "part 1", 0.25),
        ("1", "part 2", 0.5),
    ]


async def test_a_server_gets_little_of_the_environment() -> None:
    """A server sees what every program needs and what is declared for it, and no key of anybody else."""
    environ = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "secret", "TICKETS": "t0ken"}
    engine = engine_of(wild(mcp={"env": {"TOKEN": "$TICKETS", "URL": "x/${TICKETS}/y"}}, **READING), environ=environ)
    run = await engine.apply(plan_of(("wild_environment", {})))
    value = run.steps["1"].value
    assert {key: value.get(key) for key in ("TOKEN", "URL")} == {"TOKEN": "t0ken", "URL": "x/t0ken/y"}
    assert set(value) - {"LC_CTYPE"} == {"PATH", "TOKEN", "URL"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("broken", "it ended with exit code 1: ModuleNotFoundError: No module named 'ticketing'"),
        ("refusing", "it does not speak MCP: no licence"),
        ("no list", "its list of tools is not valid"),
        ("silent", "it did not answer within 1 s"),
    ],
)
async def test_a_server_that_cannot_be_used_says_why(kind: str, said: str) -> None:
    """B56: a server that fails at its start is not available, with the reason on one line; the run goes on."""
    engine = engine_of(wild(kind, mcp={"start_timeout_s": 1} if kind == "silent" else {}), script=["Hello!"])
    run = await engine.run("hello", mode="direct")
    assert (run.status, run.answer) == ("completed", "Hello!")
    assert [said in line for line in run.warnings] == [True]
    assert "\n" not in run.warnings[0]


async def test_noise_on_stdout_is_skipped() -> None:
    """What a server writes to its stdout between messages harms nothing."""
    assert (await outcome("wild_echo", {"text": "hi"}, kind="chatty")).value == "hi"


async def test_lists_of_many_pages() -> None:
    """A list of 500 tools in pages is read whole, one without end is not read for ever."""
    async with engine_of(wild("five hundred"), wild("endless", name="endless")) as engine:
        states = await engine.ready()
    assert [len(state.tools) for state in states] == [500, 1]


async def test_a_changed_list_is_read_anew(tmp_path: Path) -> None:
    """A server that says its tools have changed is asked again: new ones are there, old ones gone."""
    async with engine_of(wild("changing", tmp_path / "log", **READING)) as engine:
        await engine.apply(plan_of(("wild_fail", {})))
        with anyio.fail_after(20):
            while "wild_new" not in engine.tools.specs():
                await anyio.sleep(0.01)
        assert list(engine.tools.specs()) == ["wild_new"]


async def test_a_tool_that_is_down_is_not_planned_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    """B56: tools of a server that is down are not shown to the planner, and at the next plan are when it is back."""
    gate = tmp_path / "log"
    first = {"steps": [{"wild_die": {}}, {"answer": "{{1}}"}]}
    second = {"steps": [{"answer": "it is down"}]}
    provider = ScriptedProvider([first, second, {"steps": [{"wild_echo": {"text": "hi"}}, {"answer": "{{1}}"}]}])
    async with engine_of(wild("once", gate, **READING), script=provider, limits={"max_replans": 1}) as engine:
        down = await engine.run("use it", mode="plan")
        gate.unlink()
        back = await engine.run("use it", mode="plan")
    shown = [request.model_dump_json() for request in provider.requests]
    assert ["wild_echo" in text.partition("Not available")[0] for text in shown] == [True, False, True]
    assert "wild_echo" in shown[1].partition("Not available right now")[2]
    assert (down.answer, back.answer) == ("it is down", "hi")


async def test_events_say_which_tools_were_down(tmp_path: Path) -> None:
    """B56: the event of a plan names the tools that were down; the run replays event for event without any server."""
    script = [{"steps": [{"wild_die": {}}, {"answer": "{{1}}"}]}, {"steps": [{"answer": "it is down"}]}]
    engine = engine_of(wild("once", tmp_path / "log", **READING), script=script, limits={"max_replans": 1})
    async with engine, engine.start("use it", mode="plan") as run:
        records = [item async for item in run.events() if isinstance(item, LoggedRecord)]
    replans = [record.event for record in records if record.event.kind == "replan_started"]
    assert "wild_die" in replans[0].unavailable
    assert [record async for record in engine.replay(records)] == records


async def test_stubborn_servers_and_their_children_are_ended(tmp_path: Path) -> None:
    """A server that ignores the end of its input and SIGTERM is killed, and with it what it has started."""
    pids = tmp_path / "pids"
    engine = engine_of(wild("stubborn", tmp_path / "log", pids, **READING))
    run = await engine.apply(plan_of(("wild_echo", {"text": "hi"})))
    assert run.steps["1"].value == "hi"
    assert await all_gone(pids)


async def test_cancelling_a_run_ends_its_servers(tmp_path: Path) -> None:
    """A run that is cancelled in the middle of a call leaves no process behind."""
    pids = tmp_path / "pids"
    engine = engine_of(wild("stubborn", tmp_path / "log", pids, **READING))
    with anyio.fail_after(60):
        async with engine.start(plan=plan_of(("wild_hang", {}))) as run, aclosing(run.events()) as items:
            async for item in items:
                if isinstance(item, LoggedRecord) and isinstance(item.event, StepStarted):
                    break
    assert await all_gone(pids)


async def all_gone(pids: Path) -> bool:
    """Whether the processes have ended; a killed one may take the kernel a moment."""
    with anyio.move_on_after(10):
        while any(alive(int(pid)) for pid in pids.read_text().split()):
            await anyio.sleep(0.01)
        return True
    return False


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie (whom nobody may have reaped in a container)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
