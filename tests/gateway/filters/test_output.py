"""Streamed answers through filters: whole events, exact in any chunking, never a silent end."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.filters import Block, Chain, Facts, Outside
from gateway.filters.output import Output
from gateway.sse import SseDecoder
from schemas.gateway import WireFormat
from tests.gateway.filters.streams import FORMATS, asked, chain, one, read, stream

pytestmark = pytest.mark.anyio

PII = "Ann wrote from ann.lee@example.org, +49 170 1234567; card 4111 1111 1111 1111. "
KEY = "AKIA" + "Q3EXAZM7PLK2WNBD"
formats = pytest.mark.parametrize("wire", FORMATS)


def output(chain: Chain, wire: WireFormat) -> Output:
    made = chain.output(wire)
    assert made is not None
    return made


async def filtered(chain: Chain, wire: WireFormat, data: bytes, sizes: list[int] | None = None) -> bytes:
    """Send a stream through in chunks of these sizes, again and again; in one by default."""
    made = output(chain, wire)
    out, at, turn = b"", 0, 0
    sizes = sizes or [len(data)]
    while at < len(data):
        size = sizes[turn % len(sizes)]
        out += await made.through(data[at : at + size])
        at, turn = at + size, turn + 1
    return out + await made.rest()


async def restoring(wire: WireFormat, text: str = PII) -> tuple[Chain, str]:
    """Return a chain that replaced the text in a request, and the text as the model saw it."""
    made = chain(one("pii"))
    seen = await made.request(wire, asked(wire, text))
    content: Any = seen["input"][0]["content"] if wire == "responses" else seen["messages"][0]["content"]
    return made, content[0]["text"] if wire == "responses" else content


@formats
async def test_what_was_replaced_comes_back_however_it_is_split(wire: WireFormat) -> None:
    """B73: placeholders are put back in a streamed answer, in text and inside a call's arguments, split anywhere."""
    made, seen = await restoring(wire)
    assert "ann.lee" not in seen
    arguments = json.dumps({"note": f'"{seen}"\n'})
    data = stream(wire, list(seen), list(arguments))
    text, called, _ = read(wire, await filtered(made, wire, data, [1, 7, 64]))
    assert text == PII
    assert json.loads(called) == {"note": f'"{PII}"\n'}


@formats
async def test_filters_that_change_nothing_cost_no_byte(wire: WireFormat) -> None:
    """B73: with filters that have nothing to say a stream is the same, byte by byte."""
    made = chain(one("secrets"), one("words", deny=["nowhere"]), one("python", python="a:b"), outside=NOTHING)
    data = stream(wire, ["Grüße, ", "日本", "語 ", "ok "], ['{"a": "\\u00e9', '\\n"}'])
    assert await filtered(made, wire, data, [3, 50]) == data
    assert made.decided() == ()


@formats
@settings(max_examples=20)
@given(data=st.data())
def test_chunks_do_not_matter(wire: WireFormat, data: st.DataObject) -> None:
    """B73: a stream cut in any way, between events and inside characters, is filtered as the whole is."""
    text = "".join(
        data.draw(st.lists(st.sampled_from([PII, f" {KEY} ", " ", "é", "日本", "a", "1 ", "<EMAIL_1> "]), max_size=12))
    )
    size = data.draw(st.integers(1, 9))
    pieces = [text[at : at + size] for at in range(0, len(text), size)] or [""]
    made = [chain(one("pii", mode="redact"), one("secrets")) for _ in range(2)]
    sizes = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=5))
    whole = anyio.run(filtered, made[0], wire, stream(wire, [text] if text else [""]))
    cut = anyio.run(filtered, made[1], wire, stream(wire, pieces), sizes)
    assert read(wire, cut) == read(wire, whole)
    assert KEY not in cut.decode()


@formats
async def test_text_flows_while_it_is_looked_at(wire: WireFormat) -> None:
    """B73: words that are part of nothing are sent at once; only what may go on to be something is held back."""
    made = output(chain(one("pii", mode="redact"), one("secrets")), wire)
    data = stream(wire, ["Hello there, ", "my mail is ann@exam", "ple.org, bye"])
    events = SseDecoder().feed(data)
    shown = [read_partly(wire, b"".join(e.raw for e in await made.feed([event]))) for event in events]
    assert "Hello there, " in shown
    assert "my mail is " in shown


def read_partly(wire: WireFormat, data: bytes) -> str:
    values = [json.loads(event.data) for event in SseDecoder().feed(data) if event.data.startswith(b"{")]
    if wire == "chat":
        return "".join(value["choices"][0]["delta"].get("content") or "" for value in values)
    deltas = [value.get("delta", "") for value in values]
    return "".join(one if isinstance(one, str) else one.get("text", "") for one in deltas)


@formats
@pytest.mark.parametrize("kind", ["words", "python"])
async def test_a_stop_in_the_middle_ends_the_answer_cleanly(wire: WireFormat, kind: str) -> None:
    """B73: a filter that stops an answer half-way ends the stream as the format has it, and the reason is said."""
    made = chain(one("words", deny=["forbidden"]) if kind == "words" else one("python", python="a:b"), outside=STOPPING)
    data = await filtered(made, wire, stream(wire, ["It is ", "forbidden", " to say."]))
    text, _, end = read(wire, data)
    assert text == "It is "
    assert end == {"chat": "content_filter", "messages": "refusal", "responses": "incomplete"}[wire]
    assert f"the filter '{kind}' refused the answer" in data.decode()
    assert made.blocked is not None
    assert [line.decision for line in made.decided()] == ["blocked"]


@formats
async def test_nothing_follows_a_stop(wire: WireFormat) -> None:
    """B73: after a stop no further event of the provider's is sent."""
    made = output(chain(one("words", deny=["forbidden"])), wire)
    await made.through(stream(wire, ["forbidden "]))
    assert await made.through(stream(wire, ["more"])) + await made.rest() == b""


async def test_answers_pass_filters_in_the_opposite_order() -> None:
    """B73: requests pass the filters first to last, answers last to first."""
    made = chain(one("words", name="a", mode="redact", deny=["x"]), one("python", python="a:b"), outside=ADDING)
    text, _, _ = read("chat", await filtered(made, "chat", stream("chat", ["y"])))
    assert text == "y [removed]"


@formats
async def test_a_stream_that_breaks_off_loses_nothing(wire: WireFormat) -> None:
    """What was held back is sent when the provider's stream breaks off without its last event."""
    made = output(chain(one("pii", mode="redact")), wire)
    data = stream(wire, ["Call ann@exam"])
    events = SseDecoder().feed(data)
    first = [event for event in events if b"ann@exam" in event.data and b"delta" in event.data][:1]
    shown = await made.feed(first)
    more = await made.finish()
    assert "ann@exam" in read_partly(wire, b"".join(event.raw for event in [*shown, *more]))


async def test_an_answer_of_a_reader_that_fails_goes_on_or_ends_as_declared() -> None:
    """A filter that fails on an event lets it pass (open), or ends the answer with an error (closed)."""
    data = stream("chat", ["hi"])
    made = chain(one("python", python="a:b", fail="open"), outside=FAILING)
    assert await filtered(made, "chat", data) == data
    assert {line.decision for line in made.decided()} == {"failed_open"}


def _outside(function: Any) -> Outside:
    return Outside(load=lambda reference, where: function)


def _stops(body: dict[str, Any], facts: Facts) -> Block | None:
    return Block("not that word") if "forbidden" in json.dumps(body) else None


def _adds(body: dict[str, Any], facts: Facts) -> dict[str, Any]:
    for choice in body.get("choices", ()):
        if choice["delta"].get("content"):
            choice["delta"]["content"] += " x"
    return body


def _fails(body: dict[str, Any], facts: Facts) -> None:
    raise KeyError(json.dumps(body))


NOTHING = _outside(lambda body, facts: None)
STOPPING = _outside(_stops)
ADDING = _outside(_adds)
FAILING = _outside(_fails)
