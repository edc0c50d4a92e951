"""Requests of any kind, written for a server of either format and read again as a client's."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import client_format
from schemas.gateway import WireFormat
from schemas.model import (
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    OutputSchema,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)
from tests.gateway.wire.facts import PROVIDERS, differing, losses, request_facts

WORDS = st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp")), min_size=1, max_size=8)
IDS = st.from_regex(r"call_[a-z0-9]{1,6}", fullmatch=True)
MARKS = st.sampled_from(["", "5m", "1h"])
UNITS = st.none() | st.floats(0, 1)
TEXTS = st.builds(TextPart, text=WORDS, cache=MARKS)
IMAGES = st.builds(
    ImagePart,
    url=st.sampled_from(["https://example.com/a.png", "data:image/png;base64,AAAA"]),
    detail=st.sampled_from(["", "low", "high"]),
    cache=MARKS,
)
FILES = st.builds(
    FilePart, url=st.just("data:application/pdf;base64,AAAA"), name=WORDS, cite=st.booleans(), cache=MARKS
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
TOOL = st.builds(
    ToolDefinition,
    name=IDS,
    description=WORDS,
    input_schema=st.just(SCHEMA),
    strict=st.none() | st.booleans(),
    cache=MARKS,
)
TOOLS = st.lists(TOOL, max_size=3, unique_by=lambda tool: tool.name).map(tuple)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Message, ...]:
    """A system text, then a conversation with thinking, calls and their results."""
    messages = [Message(role="system", parts=(draw(TEXTS),))] if draw(st.booleans()) else []
    messages.append(Message(role="user", parts=tuple(draw(st.lists(TEXTS | IMAGES | FILES, min_size=1, max_size=3)))))
    for call_id in draw(st.lists(IDS, max_size=3, unique=True)):
        arguments = draw(st.dictionaries(WORDS, WORDS, max_size=2))
        call = ToolCallPart(call_id=call_id, name=draw(IDS), arguments=arguments, raw=json.dumps(arguments))
        parts: list[Part] = [draw(TEXTS), call]
        if draw(st.booleans()):
            parts.insert(0, ReasoningPart(text=draw(WORDS), signature="sig"))
        messages.append(Message(role="assistant", parts=tuple(parts)))
        inner = draw(st.just(()) | st.tuples(TEXTS, IMAGES))
        content = "".join(part.text for part in inner if part.kind == "text") or draw(WORDS)
        failed, mark = draw(st.booleans()), draw(MARKS)
        result = ToolResultPart(call_id=call_id, content=content, parts=inner, is_error=failed, cache=mark)
        messages.append(Message(role="user", parts=(result,)))
    return tuple(messages)


@st.composite
def requests(draw: st.DrawFn) -> ModelRequest:
    """A request with any of what a request can wish."""
    tools = draw(TOOLS)
    names = [tool.name for tool in tools]
    choice = draw(st.sampled_from(["auto", "none", "required", *names])) if tools else "auto"
    return ModelRequest(
        messages=draw(turns()),
        model="m",
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=draw(st.booleans()) if tools and choice != "none" else True,
        output=draw(st.none() | st.just(OutputSchema(name="output", json_schema=SCHEMA, strict=True))),
        max_output_tokens=draw(st.integers(2_000, 9_000)),
        temperature=draw(UNITS),
        top_p=draw(UNITS),
        top_k=draw(st.none() | st.integers(1, 99)),
        seed=draw(st.none() | st.integers()),
        frequency_penalty=draw(UNITS),
        presence_penalty=draw(UNITS),
        stop=draw(st.lists(WORDS, max_size=2).map(tuple)),
        effort=draw(st.sampled_from([None, "none", "low", "high"])),
        verbosity=draw(st.sampled_from([None, "low", "high"])),
        user=draw(st.none() | WORDS),
        service_tier=draw(st.sampled_from([None, "default"])),
        cache_key=draw(st.none() | WORDS),
    )


def words(request: ModelRequest) -> Counter[str]:
    """Every character of text that is said, of each role, images and the like left out."""
    found: Counter[str] = Counter()
    for message in request.messages:
        for part in message.parts:
            if part.kind == "text" or part.kind == "tool_result":
                found.update(part.text if part.kind == "text" else part.content)
    return found


@pytest.mark.parametrize(("name", "way"), [("chat", "messages → chat"), ("messages", "chat → messages")])
@given(request=requests())
def test_any_request_loses_nothing_that_is_not_listed(name: WireFormat, way: str, request: ModelRequest) -> None:
    """B72: whatever is asked, a server of the format is asked it too, but for what docs/gateway.md lists."""
    body = PROVIDERS[name].body("claude-new" if name == "messages" else "gpt-5", request, stream=False)
    told = client_format(name).request(json.loads(json.dumps(body)))
    assert differing(request_facts(request), request_facts(told)) <= losses(way)
    assert words(request) <= words(told)


@pytest.mark.parametrize("name", ["chat", "messages"])
@given(request=requests())
def test_what_came_once_comes_again(name: WireFormat, request: ModelRequest) -> None:
    """B72: a request that a format took is taken again without any change, so that prompt caches hold."""
    model = "claude-new" if name == "messages" else "gpt-5"
    once = client_format(name).request(PROVIDERS[name].body(model, request, stream=False))
    again = client_format(name).request(PROVIDERS[name].body(model, once, stream=False))
    assert differing(request_facts(once), request_facts(again)) - {"thinking"} == set()
