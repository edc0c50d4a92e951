"""Results of MCP tools as JSON values."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import types

from engine.tools.mcp.content import parsed, value_of


def result(*texts: str, **more: Any) -> types.CallToolResult:
    """A result of texts."""
    content = [types.TextContent(type="text", text=text) for text in texts]
    return types.CallToolResult.model_validate({"content": [c.model_dump() for c in content], **more})


@pytest.mark.parametrize(
    "text",
    ["1.10", "007", '"a"', "null", "NaN", "1e5", "[draft] x", "{", "True", "", "12 apples", "[" * 100_000, "9" * 6000],
)
def test_text_that_would_change_stays_text(text: str) -> None:
    """Only what JSON writes in one way becomes a value: a version, an id or a quoted word stays as it is."""
    assert parsed(text) == text


@pytest.mark.parametrize(("text", "value"), [("42", 42), ("-1.5", -1.5), ("true", True), ('\n[1, "a"]\n', [1, "a"])])
def test_json_text_is_a_value(text: str, value: Any) -> None:
    """Objects, arrays, numbers and truth values are data."""
    assert parsed(text) == value


def test_several_texts() -> None:
    """Several texts are lines of one, unless each of them is data."""
    assert value_of(result("a", "b")) == "a\nb"
    assert value_of(result('{"a": 1}', "b")) == '{"a": 1}\nb'
    assert value_of(result('{"a": 1}', "[2]")) == [{"a": 1}, [2]]
    assert value_of(result()) == ""


def test_resources_are_data() -> None:
    """Links and embedded files come with what names them; a text beside them stays a text."""
    link = types.ResourceLink(type="resource_link", uri="file:///a", name="a")
    held = types.TextResourceContents(uri="file:///b", mime_type="text/plain", text="hi")
    blob = types.BlobResourceContents(uri="file:///c", blob="aGk=")
    parts = [types.EmbeddedResource(type="resource", resource=one) for one in (held, blob)]
    found = value_of(types.CallToolResult(content=[types.TextContent(type="text", text="42"), link, *parts]))
    assert found == [
        "42",
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
        {"type": "resource", "uri": "file:///b", "mime_type": "text/plain", "text": "hi"},
        {"type": "resource", "uri": "file:///c", "data": "aGk="},
    ]
