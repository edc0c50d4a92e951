"""Recorded exchanges of real providers, through the Responses format and back."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gateway.sse import SseDecoder
from gateway.wire.chat.provider import ChatProviderFormat
from gateway.wire.fields import parsed
from gateway.wire.messages.provider import MessagesProviderFormat
from gateway.wire.responses.answers import response_object
from gateway.wire.responses.asked import asked_request
from gateway.wire.responses.chunks import EventWriter
from gateway.wire.responses.provider import ResponsesProviderFormat
from gateway.wire.responses.requests import responses_body
from schemas.errors import ModelError, ModelRequestError
from schemas.model import Done, Message, ModelChunk, ModelRequest, ModelResponse, Part, ReasoningPart
from tests.gateway.wire.responses.answers_of_any_kind import events, read, returned
from tests.wire.document import event_problems, problems
from tests.wire.recorded import FILE, exchanges, neutral

Json = dict[str, Any]
STATE_OR_TOOLS = (
    "previous_response_id can't be translated",
    "moderation can't be translated",
    "background can't be translated",
    "context_management can't be translated",
    ".type can't be translated for this model",
)
ASKED: Json = {"model": "m", "input": "hi"}


@cache
def recorded(folder: Path) -> tuple[Json, ...]:
    """The recorded exchanges of this format."""
    with gzip.open(folder / FILE, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(row for row in rows if row["path"].endswith("/responses"))


def translated(folder: Path) -> Iterator[tuple[Json, ModelRequest]]:
    """The requests that can be translated."""
    for row in recorded(folder):
        try:
            yield row, asked_request(row["request_json"])
        except ModelRequestError:
            continue


def test_only_state_and_openais_own_tools_are_refused(bench_data: Path) -> None:
    """B72: of all recorded requests none is refused but for what only its own provider can do, named as such."""
    why: Counter[str] = Counter()
    for row in recorded(bench_data):
        try:
            asked_request(row["request_json"])
        except ModelRequestError as exc:
            why[next((known for known in STATE_OR_TOOLS if known in exc.message), exc.message)] += 1
    assert set(why) <= set(STATE_OR_TOOLS)
    assert sum(why.values()) < len(recorded(bench_data)) / 2


def test_every_recorded_request_comes_back_as_it_was(bench_data: Path) -> None:
    """B72: what a client asked is what a provider of the same format is asked, read again."""
    told = list(translated(bench_data))
    for row, request in told:
        body = responses_body(row["request_json"]["model"], request, stream=False)
        assert same(asked_request(body)) == same(request)
    assert len(told) > 80


def same(request: ModelRequest) -> Json:
    """A request without what is not sent: what was left out, cache marks, blanks, unasked strictness."""
    tools = tuple(tool.model_copy(update={"strict": bool(tool.strict)}) for tool in request.tools)
    messages = tuple(message for message in request.messages if kept(message))
    found = request.model_copy(update={"dropped": (), "tools": tools, "messages": messages}).model_dump()
    for message in found["messages"]:
        message["parts"] = [
            part | {"annotations": (), "data": None, "cache": ""} for part in message["parts"] if said(part)
        ]
    if found["output"] is not None:
        found["output"]["strict"] = bool(found["output"]["strict"])
    return found


def kept(message: Message) -> bool:
    """Whether anything of a message is sent."""
    return any(said(part.model_dump()) for part in message.parts)


def said(part: Json) -> bool:
    """Whether a part is sent: thinking that OpenAI did not encrypt is not, nor is no text."""
    return part["data"] is not None if part["kind"] == "reasoning" else part.get("text") != ""


def test_requests_of_other_formats_come_back_as_they_were(bench_data: Path) -> None:
    """B72: recorded chat completions and messages, asked of a provider of this format, keep all they say."""
    for exchange in exchanges(bench_data)[0]:
        request = neutral(exchange)
        told = asked_request(responses_body("gpt-4o", request, stream=False))
        assert list(spoken(told)) == list(spoken(request)), exchange.label
        assert [tool.name for tool in told.tools] == [tool.name for tool in request.tools]


def spoken(request: ModelRequest) -> Iterator[tuple[str, str]]:
    """What is said in a request, part by part; texts of one role in a row are joined."""
    held = ("", "")
    for message in request.messages:
        for part in sorted(message.parts, key=lambda part: part.kind != "tool_result"):
            found = (message.role if part.kind == "text" else part.kind, _content(part))
            if part.kind == "text" and held[0] == found[0]:
                held = (held[0], held[1] + found[1])
            else:
                if held[1]:
                    yield held
                held = found
    if held[1]:
        yield held


def _content(part: Part) -> str:
    match part.kind:
        case "tool_call":
            return f"{part.call_id} {part.name} {json.dumps(part.arguments, sort_keys=True)}"
        case "tool_result":
            return f"{part.call_id} {part.content.removeprefix('Error: ')}"
        case "image" | "file":
            return part.url or part.file_id
        case "audio":
            return part.data
        case _:
            return part.text


def answered(folder: Path) -> Iterator[tuple[str, ModelResponse, list[ModelChunk]]]:
    """Every recorded answer of any format, with the chunks it came in."""
    formats = {"openai": ChatProviderFormat(), "anthropic": MessagesProviderFormat()}
    rows = [(e.label, formats[e.format], e.status, e.streamed, e.body) for e in exchanges(folder)[0]]
    own = ResponsesProviderFormat()
    rows += [
        (f"responses {at}", own, row["status"], row["is_stream"], row["body"].encode())
        for at, row in enumerate(recorded(folder))
    ]
    for label, wire, status, streamed, body in rows:
        if status != 200:
            continue
        try:
            if not streamed:
                response = wire.read(body, provider="p", model="m")
                yield label, response, [Done(response=response)]
                continue
            reader, decoder = wire.reader(provider="p", model="m"), SseDecoder()
            found = [*decoder.feed(body), *decoder.finish()]
            chunks = [chunk for event in found for chunk in reader.feed(event)]
            yield label, reader.response(), [*chunks, Done(response=reader.response())]
        except ModelError:
            continue


def test_every_recorded_answer_reaches_a_client_whole(bench_data: Path) -> None:
    """B72: answers of chat completions, messages and responses, as objects and read again, some checked."""
    number = 0
    for number, (label, answer, _) in enumerate(answered(bench_data), 1):
        told = response_object(answer, ASKED)
        if number % 4 == 0:
            assert problems(bench_data, "Response", told) == [], label
        back = ResponsesProviderFormat().read(json.dumps(told).encode(), provider="p", model="m")
        assert gist(back) == gist(answer), label
    assert number > 550


def test_every_recorded_answer_is_streamed_whole(bench_data: Path) -> None:
    """B72: the same, streamed in the chunks it came in; every event of some of them is the published document's."""
    checked = 0
    for number, (label, answer, chunks) in enumerate(answered(bench_data)):
        writer = EventWriter(ASKED)
        content = b"".join(writer.feed(chunk) for chunk in chunks)
        back, _ = read(events(content))
        assert gist(back) == gist(answer), label
        if number % 12 == 0:
            for event in events(content):
                assert event_problems(bench_data, json.loads(event.data)) == [], label
                checked += 1
    assert checked > 200


def gist(answer: ModelResponse) -> Json:
    """What an answer says and cost, in the order it says it by kind; texts of one kind are one."""
    parts = returned(answer.parts)
    stop = {"stop_sequence": "end", "other": "end"}.get(answer.stop_reason, answer.stop_reason)
    calls = [(call.call_id, call.name, call.arguments, call.valid) for call in answer.tool_calls]
    return {
        "text": answer.text,
        "thinking": [(part.text, part.signature, sealed(part)) for part in parts if part.kind == "reasoning"],
        "calls": calls,
        "sources": sum(len(part.annotations) for part in parts if part.kind == "text"),
        "stop": "tool_calls" if calls and stop == "end" else stop,
        "usage": answer.usage,
        "model": answer.model or "m",
    }


def sealed(part: ReasoningPart) -> str | None:
    """What goes back to the provider; of OpenAI's only the id, for it encrypts anew for the last event."""
    known = parsed(part.data or "")
    return part.data if known is None else known.get("id") or part.data
