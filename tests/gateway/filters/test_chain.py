"""The filters of one call: who is asked, in what order, and what happens when one fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from gateway.filters import Annotate, Block, Facts, Filters, Outside
from schemas.errors import ConfigError, FilterBlockedError, FilterFailedError
from schemas.gateway import FilterSettings, Listener, WireFormat
from schemas.model import Done, Message, ModelRequest, ModelResponse, TextDelta, TextPart, ToolCallDelta
from schemas.settings import Settings
from tests.gateway.filters.streams import FORMATS, asked, chain, one, said

pytestmark = pytest.mark.anyio
Function = Callable[[dict[str, Any], Facts], Any]


def python(*functions: Function, **fields: Any) -> Any:
    """Return the chain of some functions."""
    made = [one("python", name=f"f{number}", python=f"m:f{number}", **fields) for number in range(len(functions))]
    load = {f"m:f{number}": function for number, function in enumerate(functions)}
    return chain(*made, outside=Outside(load=lambda reference, where: load[reference]))


def adding(word: str) -> Function:
    """Return a filter that adds a word to the first message."""

    def add(body: dict[str, Any], facts: Facts) -> dict[str, Any]:
        body["messages"][0]["content"] += word
        return body

    return add


async def test_a_request_passes_filters_in_order_and_stays_as_it_was() -> None:
    """B73: requests pass filters first to last; the body that was given in is not touched."""
    body = asked("chat", "a")
    new = await python(adding("b"), adding("c")).request("chat", body)
    assert (said("chat", new), said("chat", body)) == ("abc", "a")


async def test_an_unchanged_request_is_the_same_object() -> None:
    """B73: what no filter changes goes on untouched, so that its bytes can pass as they came."""
    body = asked("chat", "nothing to see")
    made = chain(one("pii"), one("secrets"), one("injection"), one("words", deny=["x"]), one("schema"))
    assert await made.request("chat", body) is body
    assert made.decided() == ()


async def test_a_filter_blocks_with_its_reason_and_status() -> None:
    """B73: a filter that says stop ends the call with its reason; later ones are not asked."""
    made = python(lambda body, facts: Block("out of hours", 451), adding("never"))
    with pytest.raises(FilterBlockedError, match="the filter 'f0' refused the request: out of hours") as caught:
        await made.request("chat", asked("chat", "a"))
    assert caught.value.details == {"filter": "f0", "side": "input", "reason": "out of hours", "status": 451}


async def test_a_filter_annotates() -> None:
    """B73: a note of a filter is in the record, and the request goes on as it is."""
    made, body = python(lambda body, facts: Annotate("looks odd")), asked("chat", "a")
    assert await made.request("chat", body) is body
    [line] = made.decided()
    assert (line.filter, line.side, line.decision, line.reason) == ("f0", "input", "annotated", "looks odd")


def _raises(body: dict[str, Any], facts: Facts) -> Any:
    raise ValueError(f"secret text {body}")


def _exits(body: dict[str, Any], facts: Facts) -> Any:
    raise SystemExit


async def _sleeps(body: dict[str, Any], facts: Facts) -> None:
    await anyio.sleep(60)


FAILURES: tuple[Function, ...] = (
    _raises,
    _exits,
    _sleeps,
    lambda body, facts: "nonsense",
    lambda body, facts: {"model": "m"},
    lambda body, facts: True,
)


@pytest.mark.parametrize("failing", FAILURES)
async def test_a_failing_filter_is_fatal_where_it_is_closed(failing: Function) -> None:
    """B73: a filter that raises, is late or answers nonsense ends the call; what it raised is not told."""
    made = python(failing, timeout_s=0.5)
    with pytest.raises(FilterFailedError, match="the filter 'f0' gave no decision") as caught:
        await made.request("chat", asked("chat", "hush"))
    assert "hush" not in str(caught.value)
    assert [line.decision for line in made.decided()] == ["failed_closed"]


@pytest.mark.parametrize("failing", FAILURES)
async def test_a_failing_filter_is_passed_where_it_is_open(failing: Function) -> None:
    """B73: with ``fail: open`` the call goes on without the filter, with what it was given, and the record says so."""
    made, body = python(failing, fail="open", timeout_s=0.5), asked("chat", "hush")
    assert await made.request("chat", body) is body
    [line] = made.decided()
    assert line.decision == "failed_open"
    assert "hush" not in line.reason


async def test_what_filters_find_is_never_in_the_record_or_the_log() -> None:
    """B73: lines of the record and of the log say how many of what, never the text itself."""
    text = "I am ann@example.org, the key is AKIAQ3EXAZM7PLK2WNBD"
    made = chain(one("pii"), one("secrets"))
    with capture_logs() as logs:
        await made.request("chat", asked("chat", text))
    told = json.dumps([str(line) for line in made.decided()]) + json.dumps(logs, default=str)
    assert "1 email" in told
    assert "1 AWS key" in told
    assert "ann@" not in told
    assert "AKIA" not in told


def made(*filters: FilterSettings, listeners: tuple[Listener, ...] = ()) -> Filters:
    """Return the filters of a configuration."""
    return Filters(Settings(filters=filters, listeners=listeners), {})


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        (Facts(asked="m"), ["everywhere"]),
        (Facts(asked="m", listener="inner"), ["everywhere", "inner"]),
        (Facts(asked="fast", models=("local/a", "openai/b")), ["everywhere", "openai"]),
        (Facts(asked="m", agent="clerk"), ["everywhere", "clerk"]),
    ],
)
def test_a_chain_is_chosen_by_listener_model_and_agent(facts: Facts, names: list[str]) -> None:
    """B73: a filter sees the calls of the listeners that name it, or all; of its models, fallbacks too, and agents."""
    words = [
        one("words", name="everywhere", deny=["a"]),
        one("words", name="inner", deny=["a"]),
        one("words", name="openai", deny=["a"], models=["openai/*"]),
        one("words", name="clerk", deny=["a"], agents=["cle*"]),
    ]
    filters = made(*words, listeners=(Listener(name="inner", filters=("inner",)),))
    found = filters.chain(facts)
    assert found is not None
    assert [member.name for member in found.members] == names


def test_no_filters_no_chain() -> None:
    """Without filters there is nothing to run."""
    assert made().chain(Facts()) is None
    assert not made()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (one("pii", moode="block"), r"filters\[0\] \(pii\): options.moode"),
        (one("words", patterns=["("]), r"options.patterns: .* is no regular expression"),
        (one("schema", schema={"type": "nonsense"}), "is no JSON Schema"),
        (one("http", url="http://x"), "nothing here can send requests"),
        (one("mcp", mcp="x", tool="y"), "nothing here can call tools"),
        (one("python", python="a:b", words=["x"]), "knows no options"),
    ],
)
def test_a_wrong_filter_is_one_clear_line(settings: FilterSettings, message: str) -> None:
    """A filter that cannot be made is named, with what is wrong."""
    with pytest.raises(ConfigError, match=message):
        made(settings)


def test_a_listener_names_a_filter_that_is_there() -> None:
    """A listener that names no filter of the file is refused, and told the names there are."""
    with pytest.raises(ConfigError, match="there is no filter 'pi'"):
        made(one("pii"), listeners=(Listener(filters=("pi",)),))


async def test_the_engines_own_calls_are_filtered_too() -> None:
    """B73: a request in process is redacted, and its streamed reply restored, arguments of calls included."""
    made = chain(one("pii"))
    request = ModelRequest(messages=(Message.user("mail ann@example.org"),), model="m")
    asked = await made.ask(request)
    assert asked.messages[0].text == "mail <EMAIL_1>"
    chunks = made.chunks()
    assert chunks is not None
    parts = [TextDelta(text="to <EMA"), TextDelta(text="IL_1"), ToolCallDelta(index=0, arguments='{"a":"<EMAIL')]
    parts += [TextDelta(text="> now"), ToolCallDelta(index=0, arguments='_1>"}')]
    response = ModelResponse(model="m", parts=(TextPart(text="to <EMAIL_1> now"),))
    out = [chunk for part in [*parts, Done(response=response)] for chunk in chunks.feed(part)]
    assert "".join(chunk.text for chunk in out if chunk.kind == "text") == "to ann@example.org now"
    assert "".join(chunk.arguments for chunk in out if chunk.kind == "tool_call") == '{"a":"ann@example.org"}'
    assert [chunk.response.text for chunk in out if chunk.kind == "done"] == ["to ann@example.org now"]


async def test_an_own_call_that_is_blocked_raises() -> None:
    """B73: in process a stop of the answer is the typed error."""
    chunks = chain(one("words", deny=["forbidden"])).chunks()
    assert chunks is not None
    with pytest.raises(FilterBlockedError):
        chunks.feed(TextDelta(text="forbidden "))


@pytest.mark.parametrize("wire", FORMATS)
async def test_a_blocked_whole_answer_is_a_refusal(wire: WireFormat) -> None:
    """B73: in place of a whole answer that a filter stops stands a refusal in the format's own shape."""
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "forbidden"}}], "usage": {}},
        "messages": {"content": [{"type": "text", "text": "forbidden"}], "stop_reason": "end_turn", "usage": {}},
        "responses": {
            "status": "completed",
            "usage": {},
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "forbidden"}]}],
        },
    }
    made = chain(one("words", deny=["forbidden"]))
    body = await made.reply(wire, bodies[wire])
    text = json.dumps(body)
    assert made.blocked is not None
    assert '"forbidden"' not in text
    assert "usage" in body
    assert any(word in text for word in ("content_filter", "refusal"))


async def test_a_body_of_endless_depth_is_refused() -> None:
    """B73: a request nested too deep to be looked at does not go on, even past filters that may fail."""
    deep: Any = "x"
    for _ in range(5_000):
        deep = [{"type": "tool_result", "tool_use_id": "t", "content": deep}]
    made = chain(one("words", deny=["x"], fail="open"))
    with pytest.raises(FilterBlockedError, match="nested"):
        await made.request("messages", {"messages": [{"role": "user", "content": deep}]})


async def test_somebody_elses_filters_see_the_engines_calls_as_chat_completions() -> None:
    """B73: in process http, MCP and Python filters see requests and replies as chat completions."""

    def shout(body: dict[str, Any], facts: Facts) -> dict[str, Any]:
        if facts.side == "input":
            body["messages"][-1]["content"] = body["messages"][-1]["content"].upper()
        else:
            body["choices"][0]["message"]["content"] += "!"
        return body

    made = python(shout)
    first = Message.assistant("before")
    request = ModelRequest(messages=(first, Message.user("hi")), model="m", cache_prefix=1)
    asked = await made.ask(request)
    assert (asked.messages[0], asked.messages[1].text, asked.cache_prefix) == (first, "HI", 1)
    chunks = made.chunks()
    response = ModelResponse(model="m", parts=(TextPart(text="yes"),))
    out = [got for part in (TextDelta(text="yes"), Done(response=response)) for got in await chunks.passed(part)]
    assert [chunk.text for chunk in out if chunk.kind == "text"] == ["yes!"]
    assert [chunk.response.text for chunk in out if chunk.kind == "done"] == ["yes!"]
