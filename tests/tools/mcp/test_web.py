"""Servers that are reached by HTTP: what they are sent, how they fail, how they come back."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import anyio
import pytest

from schemas.live import LiveProgress
from schemas.result import StepResult
from tests.tools.mcp.remote import Behaviour, at, error, remote
from tests.tools.mcp.wild import engine_of, plan_of
from tests.tools.webserver import Answer, Sent

pytestmark = pytest.mark.anyio
ECHO = plan_of(("far_echo", {"text": "hi"}))
ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # on trio the SDK leaves its stream to the collector
JSON = {"content-type": "application/json"}
READING: dict[str, Any] = {"effects": "none", "max_attempts": 1}


def on(method: str, answer: Answer) -> Behaviour:
    """Answer one method in a way of its own."""
    return lambda _, message: answer if message.get("method") == method else None


async def outcome(behave: Behaviour, **entry: Any) -> StepResult:
    """Call a server's tool in a run of its own and return how the step ended."""
    with remote(behave) as server:
        run = await engine_of(at(server, **{**READING, **entry})).apply(ECHO, approve="all")
    return run.steps["1"]


async def down(behave: Behaviour, **mcp: Any) -> str:
    """Return why a server is not available."""
    with remote(behave) as server:
        return (await engine_of(at(server, mcp=mcp)).ready())[0].reason


async def test_a_call_over_http() -> None:
    """A server's tools are called over HTTP, with what the configuration sends along, and its session is ended."""
    said = {"api_key": "$KEY", "headers": {"x-team": "${TEAM}-1"}}
    with remote() as server:
        engine = engine_of(at(server, mcp=said, **READING), environ={"KEY": "k-7", "TEAM": "blue"})
        run = await engine.apply(ECHO)
        sent = server.server.requests[-1]
    assert run.steps["1"].value == "hi"
    assert server.sessions == []
    assert (sent.headers["authorization"], sent.headers["x-team"]) == ("Bearer k-7", "blue-1")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"who are you?", 401), "it wants to know who asks (401 Unauthorized): set api_key or headers"),
        (Answer(b'{"error": {"code": -32001, "message": "no"}}', 401, JSON), "wants to know who asks"),
        (Answer(b"no", 403), "it refuses what it is sent as api_key or headers"),
        (Answer(b"busy", 503), "it answers 503 Service Unavailable"),
        (Answer(b"no", 405), "does it need transport: sse?"),
        (Answer(b"<html>", headers={"content-type": "text/html"}), "does not speak MCP at this path"),
        (Answer(b"{", headers={"content-type": "application/json"}), "it does not speak MCP"),
    ],
)
async def test_a_server_that_is_none_says_why(answer: Answer, said: str) -> None:
    """B56: an address that answers with something else makes one server unavailable, with the reason in words."""
    reason = await down(lambda *_: answer)
    assert said in reason
    assert "\n" not in reason


async def test_an_address_where_nobody_is() -> None:
    """B56: a server that cannot be reached is unavailable, and its place is named."""
    with remote() as server:
        entry = at(server)
    (state,) = await engine_of(entry).ready()
    assert f"127.0.0.1:{server.server.port} cannot be reached: " in state.reason


async def test_a_server_that_is_back_is_used() -> None:
    """B56: a server that was down when the engine started is used by the next run once it is there."""
    up: list[bool] = []
    with remote(lambda *_: None if up else Answer(b"starting", 503)) as server:
        async with engine_of(at(server, **READING)) as engine:
            (before,) = await engine.ready()
            up.append(True)
            while not (await engine.ready())[0].up:  # a start that failed is not made again at once
                await anyio.sleep(0.05)
            run = await engine.apply(ECHO)
    assert (before.up, run.steps["1"].value) == (False, "hi")


async def test_a_server_that_does_not_answer() -> None:
    """A server that takes the request and says nothing is unavailable after its time limit."""
    let_go = Event()

    def silent(*_: Any) -> Answer:
        let_go.wait(20)
        return Answer(status=503)

    with remote(silent) as server:
        (state,) = await engine_of(at(server, mcp={"start_timeout_s": 0.2})).ready()
        let_go.set()
    assert state.reason.endswith("did not answer within 0.2 s")


async def test_a_session_that_is_over_is_begun_anew() -> None:
    """A server that was restarted knows no session: a new one is begun, and the call is made in it, effects or not."""
    with remote() as server:
        async with engine_of(at(server, effects="effectful")) as engine:
            await engine.apply(ECHO, approve="all")
            server.sessions[:] = ["x", "y"]
            run = await engine.apply(ECHO, approve="all")
    assert (run.steps["1"].value, run.steps["1"].attempts) == ("hi", 1)
    assert len(server.calls("initialize")) == 2


async def test_a_session_that_is_over_is_told_in_other_words() -> None:
    """Many servers answer 400 and a word about the session, with no id: a new session is begun all the same."""
    gone: list[bool] = []
    body = {"jsonrpc": "2.0", "error": {"code": -32000, "message": "Bad Request: No valid session ID provided"}}
    refusal = Answer(json.dumps(body).encode(), 400, {"content-type": "application/json"})

    def restarted(_: Sent, message: dict[str, Any]) -> Answer | None:
        return refusal if message.get("method") == "tools/call" and gone and gone.pop() else None

    with remote(restarted) as server:
        async with engine_of(at(server, effects="effectful")) as engine:
            await engine.ready()
            gone.append(True)
            run = await engine.apply(ECHO, approve="all")
    assert (run.steps["1"].value, len(server.calls("initialize"))) == ("hi", 2)


async def test_a_call_that_broke_off_is_in_doubt() -> None:
    """B31: an answer that ends before its time leaves an effectful step in doubt, and the server is there."""
    result = await outcome(on("tools/call", Answer(b"{", length=99)), effects="effectful", max_attempts=3)
    assert (result.in_doubt, result.attempts) == (True, 1)


async def test_a_stream_that_ends_without_an_answer() -> None:
    """A stream of events that ends before the result fails the step, and says so."""
    stream = Answer(iter([b": there\n\n"]), headers={"content-type": "text/event-stream"})
    result = await outcome(on("tools/call", stream))
    assert result.error is not None
    assert result.error.code == "tool.unavailable"
    assert "broke off before it answered" in result.error.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(b"slow down", 429), "tool.unavailable"),
        (Answer(b"oops", 500), "tool.unavailable"),
        (Answer(b"", 202), "tool.failed"),
        (Answer(b"<html>", headers={"content-type": "text/html"}), "tool.unavailable"),
        (Answer(status=302, headers={"location": "http://127.0.0.1:1/"}), "tool.failed"),
    ],
)
async def test_answers_that_are_none_fail_one_call(answer: Answer, code: str) -> None:
    """What is no answer of MCP's fails the call, never the engine, and is never a result."""
    result = await outcome(on("tools/call", answer))
    assert result.error is not None
    assert result.error.code == code


async def test_an_error_of_the_servers_own() -> None:
    """An error in MCP's form counts as such, whatever its status."""

    def refusing(_: Sent, message: dict[str, Any]) -> Answer | None:
        return error(message, -32602, "text: too long", 400) if message.get("method") == "tools/call" else None

    result = await outcome(refusing)
    assert result.error is not None
    assert (result.error.code, "text: too long" in result.error.message) == ("tool.arguments", True)


@ONE_LOOP
async def test_progress_and_the_result_come_over_one_stream() -> None:
    """A result that is streamed is taken from its stream, and large ones as well."""
    big = "x" * 3_000_000

    def streamed(_: Sent, message: dict[str, Any]) -> Answer | None:
        if message.get("method") != "tools/call":
            return None
        token = message["params"]["_meta"]["progressToken"]
        params = {"progressToken": token, "progress": 1, "total": 2, "message": "half"}
        result = {"content": [{"type": "text", "text": big}]}
        sent = [{"method": "notifications/progress", "params": params}, {"id": message["id"], "result": result}]
        pieces = [b"event: message\ndata: " + json.dumps({"jsonrpc": "2.0", **one}).encode() + b"\n\n" for one in sent]
        return Answer(iter(pieces), headers={"content-type": "text/event-stream"})

    with remote(streamed) as server:
        async with engine_of(at(server, **READING)).start(plan=ECHO) as run:
            told = [item.message async for item in run.events() if isinstance(item, LiveProgress)]
            step = (await run.result()).steps["1"]
    assert "half" in told
    assert step.artifact is not None


async def test_the_reason_never_holds_a_password() -> None:
    """A password in an address is in no message."""
    with remote() as server:
        pass
    url = f"http://ada:s3cret@127.0.0.1:{server.server.port}/mcp"
    (state,) = await engine_of(at(server, mcp={"url": url})).ready()
    assert "cannot be reached" in state.reason
    assert "s3cret" not in state.reason
