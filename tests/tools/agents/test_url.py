"""Agents at a URL, as servers in any language answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from engine.tools.agents.base import Place
from engine.tools.agents.url import UrlAgent, chat_url, made
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ToolFailedError, ToolUnavailableError
from tests.tools.agents.speaking import SSE, event, streamed, whole
from tests.tools.context import Context
from tests.tools.webserver import Answer, serving

pytestmark = pytest.mark.anyio
NODE = """
require("http").createServer((request, response) => {
  let body = ""
  request.on("data", (piece) => (body += piece))
  request.on("end", () => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" })
    const say = (content, finish_reason) =>
      response.write(`data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason }] })}\\r\\n\\r\\n`)
    say("You said: ")
    say(JSON.parse(body).messages[0].content, "stop")
    response.end()
  })
}).listen(0, "127.0.0.1", function () { console.log(this.address().port) })
"""


def agent(url: str, environ: dict[str, str] | None = None, **settings: Any) -> UrlAgent:
    """An agent at an address."""
    return made(AgentSettings(name="helper", url=url, **settings), Place(Path(), environ or {}))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://h", "http://h/v1/chat/completions"),
        ("http://h/team/a", "http://h/team/a/v1/chat/completions"),
        ("http://h/team/v1/", "http://h/team/v1/chat/completions"),
        ("http://h/x/chat/completions?k=1", "http://h/x/chat/completions?k=1"),
    ],
)
def test_b54_the_path_of_an_agent_is_kept(url: str, path: str) -> None:
    """B54: whatever path an agent's url has is kept; only what is missing is added."""
    assert chat_url(url) == path


def test_what_is_no_address_is_refused() -> None:
    """A url without a scheme is a mistake in the configuration."""
    with pytest.raises(ConfigError, match="no address"):
        agent("localhost:8081")


async def test_a_stream_is_told_as_it_comes_and_counted() -> None:
    """The text is told piece by piece, byte for byte, and what the agent used is counted with its cost."""
    context = Context()
    with serving(lambda _: streamed("Grüße ", "{{1}}\n", " 你好 ")) as server:
        answer = await agent(server.url).call({"query": "hi"}, context)
    assert answer == "Grüße {{1}}\n 你好 "
    assert context.texts == ["Grüße ", "{{1}}\n", " 你好 "]
    assert (context.usage[0].total_tokens, context.usage[0].cost_usd) == (10, 0.002)


async def test_a_server_that_ignores_stream_is_understood() -> None:
    """A whole completion, its content a text or parts of text, is an answer too."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    with serving(lambda sent: whole("plain" if b"one" in sent.body else parts)) as server:
        assert await agent(server.url).call({"query": "one"}, Context()) == "plain"
        assert await agent(server.url).call({"query": "two"}, Context()) == "ab"


async def test_a_call_says_whose_it_is() -> None:
    """Run, step, key and what is left of the budget stand in headers, with the configured ones and the secret."""
    context = Context(left_usd=0.25)
    with serving(lambda _: whole("ok")) as server:
        headers = {"x-team": "$TEAM"}
        await agent(server.url, {"KEY": "s3cret", "TEAM": "red"}, api_key="$KEY", headers=headers).call(
            {"query": "hi"}, context
        )
        sent = server.requests[0].headers
    assert (sent["x-engine-run"], sent["x-engine-step"], sent["idempotency-key"]) == ("r", "1", "r:1")
    assert (sent["x-engine-budget-usd"], sent["x-engine-agent"]) == ("0.250000", "helper")
    assert (sent["authorization"], sent["x-team"]) == ("Bearer s3cret", "red")


FAILURES: dict[str, tuple[Callable[[], Answer], type[Exception], str]] = {
    "404": (lambda: Answer(b'{"error": {"message": "no such page"}}', 404), ToolFailedError, "404: no such page"),
    "401": (lambda: Answer(b"who are you", 401), ToolFailedError, "401: who are you"),
    "500": (lambda: Answer(b"", 500), ToolUnavailableError, "500"),
    "503": (lambda: Answer(b'{"detail": "busy"}', 503, {"retry-after": "7"}), ToolUnavailableError, "503: busy"),
    "302": (lambda: Answer(b"", 302, {"location": "/login"}), ToolFailedError, "302: it leads to /login"),
    "error in a 200": (lambda: whole("x", error={"message": "quota"}), ToolFailedError, "quota"),
    "overloaded in a 200": (lambda: whole("", error={"type": "overloaded_error"}), ToolUnavailableError, "overloaded"),
    "an error event": (
        lambda: Answer(
            iter([event({"choices": [{"delta": {"content": "So"}}]}), event({"error": {"message": "boom"}})]), 200, SSE
        ),
        ToolFailedError,
        "boom",
    ),
    "empty": (lambda: whole(" \n"), ToolFailedError, "empty answer"),
    "no body": (lambda: Answer(b""), ToolFailedError, "empty answer"),
    "nothing streamed": (lambda: streamed(), ToolFailedError, "empty answer"),
    "cut": (lambda: streamed("half an ans", end=False), ToolUnavailableError, "broke its answer off"),
    "a page": (
        lambda: Answer(b"<html>hi</html>", headers={"content-type": "text/html"}),
        ToolFailedError,
        "page for browsers",
    ),
    "no JSON": (lambda: Answer(b"hello"), ToolFailedError, "no chat completion"),
    "other JSON": (lambda: Answer(b'{"answer": 42}'), ToolFailedError, "has no choices"),
    "a list": (lambda: Answer(b"[]"), ToolFailedError, "a list"),
    "tools": (
        lambda: Answer(b'{"choices": [{"message": {"content": null, "tool_calls": [{"id": "1"}]}}]}'),
        ToolFailedError,
        "asks for tools",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_b54_what_is_no_answer_is_a_failure(case: str) -> None:
    """B54: no 4xx or 5xx, error object, error event, page, cut stream or empty answer is ever taken for an answer."""
    answer, error, said = FAILURES[case]
    with serving(lambda _: answer()) as server, pytest.raises(error, match=said) as failed:
        await agent(server.url).call({"query": "hi"}, Context())
    if case == "503":
        assert failed.value.details["retry_after_s"] == 7


async def test_no_secret_is_quoted() -> None:
    """What a server says of a key is shown without the key."""
    with (
        serving(lambda sent: Answer(sent.headers["authorization"].encode(), 401)) as server,
        pytest.raises(ToolFailedError) as failed,
    ):
        await agent(server.url, {"KEY": "s3cret-key"}, api_key="$KEY").call({"query": "hi"}, Context())
    assert "s3cret-key" not in f"{failed.value}{failed.value.details}{failed.value.__cause__}"


async def test_an_answer_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is read up to its largest size and no further."""
    monkeypatch.setattr("engine.tools.agents.url.LARGEST_ANSWER", 1_000)
    long = ["x" * 100] * 50
    with serving(lambda _: streamed(*long)) as server, pytest.raises(ToolFailedError, match="more than"):
        await agent(server.url).call({"query": "hi"}, Context())


async def test_an_agent_is_looked_at() -> None:
    """A server that answers anything is there; one that cannot be reached, or says 503, is not."""
    with serving(lambda _: Answer(b"what?", 404)) as server:
        await agent(server.url).look()
    with serving(lambda _: Answer(b"", 503)) as other, pytest.raises(ToolUnavailableError, match="503"):
        await agent(other.url).look()
    with pytest.raises(ToolUnavailableError, match="cannot be reached"):
        await agent(server.url).look()


@pytest.fixture
def node() -> Generator[str]:
    """An agent written in Node, without a library."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    with subprocess.Popen([program, "-e", NODE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


async def test_b54_an_agent_may_be_written_in_any_language(node: str) -> None:
    """B54: an agent in Node, with its own line ends and no [DONE], is asked as any other."""
    query = json.loads('"a\\n {{x}} \\u00e9 "')
    assert await agent(node).call({"query": query}, Context()) == f"You said: {query}"
