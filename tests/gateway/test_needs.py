"""What a request needs, read off it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.exchange import ClientCall
from gateway.needs import Needs, needs_of, needs_of_call
from schemas.gateway import WireFormat
from schemas.model import ImagePart, Message, ModelRequest, OutputSchema, TextPart, ToolDefinition

SCHEMA = {"type": "json_schema", "schema": {}}


def call(wire: WireFormat, **body: Any) -> Needs:
    """Return what a client's body needs, its length aside."""
    found = needs_of_call(ClientCall(wire, json.dumps(body).encode()))
    return Needs(found.images, found.tools, found.structured)


@pytest.mark.parametrize(
    ("wire", "body", "needs"),
    [
        ("chat", {"messages": [{"role": "user", "content": "an image?"}]}, Needs()),
        ("chat", {"messages": [{"content": [{"type": "image_url"}]}]}, Needs(images=True)),
        ("chat", {"tools": [{}], "response_format": SCHEMA}, Needs(tools=True, structured=True)),
        ("chat", {"tools": [], "response_format": {"type": "json_object"}}, Needs()),
        ("messages", {"messages": [{"content": [{"type": "image"}]}]}, Needs(images=True)),
        (
            "messages",
            {"messages": [{"content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]},
            Needs(images=True),
        ),
        ("messages", {"output_config": {"format": SCHEMA}}, Needs(structured=True)),
        ("responses", {"input": [{"content": [{"type": "input_image"}]}]}, Needs(images=True)),
        ("responses", {"input": "hello", "text": {"format": SCHEMA}}, Needs(structured=True)),
    ],
)
def test_needs_of_a_clients_body(wire: WireFormat, body: dict[str, Any], needs: Needs) -> None:
    """B67: images, tools and schemas are seen in every client format."""
    assert call(wire, **body) == needs


def test_long_requests_need_room() -> None:
    """B67: what a body reads is estimated from its length, what it may write is added."""
    body = json.dumps({"messages": [{"content": "x" * 4000}], "max_tokens": 500}).encode()
    assert 1500 <= needs_of_call(ClientCall("chat", body)).tokens <= 1520


def test_deep_nesting_is_not_followed() -> None:
    """A hostile body cannot make the walk long or deep."""
    body = b'{"messages": ' + b"[" * 900 + b'"image"' + b"]" * 900 + b"}"
    assert not needs_of_call(ClientCall("chat", body)).images


def test_needs_of_a_neutral_request() -> None:
    """B67: a request of the engine's own says the same."""
    message = Message(role="user", parts=(TextPart(text="see"), ImagePart(url="https://x/y.png")))
    tool = ToolDefinition(name="t", input_schema={})
    asked = ModelRequest(messages=(message,), model="m", tools=(tool,), output=OutputSchema(name="o", json_schema={}))
    found = needs_of(asked)
    assert (found.images, found.tools, found.structured) == (True, True, True)
    assert found.tokens > 1000
