"""Reading what clients send: hostile bodies give one line that names the field."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import client_format
from gateway.wire.fields import Fields, names
from schemas.errors import ModelRequestError
from schemas.gateway import WireFormat

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": {"type": "object"}}},
    "max_tokens": 5,
    "temperature": 0.5,
    "stop": ["x"],
    "metadata": {"a": "b"},
    "reasoning": {"effort": "low"},
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "r"}]}],
        },
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
}
BODIES: dict[WireFormat, dict[str, Any]] = {"chat": CHAT, "messages": MESSAGES}
JUNK = st.sampled_from([None, True, 0, -1, 1.5, "", "x", "\ud83d", [], [None], [[]], {}, {"type": "x"}, {"type": []}])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((*at, key), *places(inner, (*at, key)))]


def refusal(name: WireFormat, body: Any) -> ModelRequestError | None:
    """Why a request is refused, or None."""
    try:
        client_format(name).request(body)
    except ModelRequestError as exc:
        return exc
    return None


@pytest.mark.parametrize("name", ["chat", "messages"])
@given(data=st.data())
def test_junk_anywhere_is_read_or_refused_in_one_line(name: WireFormat, data: st.DataObject) -> None:
    """B72: any value in any place of a request is understood, or a typed error names its field."""
    body = copy.deepcopy(BODIES[name])
    place = data.draw(st.sampled_from(places(body)))
    inner: Any = body
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(JUNK)
    error = refusal(name, body)
    assert error is None or (error.details["param"] and "\n" not in error.message)


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({}, "messages", "must be a list, not null"),
        ({"messages": []}, "messages", "at least one"),
        ({"messages": [{"role": "usr", "content": "x"}]}, "messages[0].role", 'can\'t be "usr"'),
        ({"messages": [{"role": "user", "content": [{"type": "txt"}]}]}, "messages[0].content[0].type", "txt"),
        ({"messages": [{"role": "user", "content": "x"}], "temprature": 1}, "temprature", "no field known"),
        ({"messages": [{"role": "user", "content": "x"}], "n": 2}, "n", "one answer comes back"),
        ({"messages": [{"role": "user", "content": "x"}], "max_tokens": "5"}, "max_tokens", "a whole number"),
        ({"messages": [{"role": "user", "content": "\ud83d"}]}, "messages[0].content", "half a UTF-16 pair"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(body: Any, param: str, said: str) -> None:
    """The field, what is wrong with it, and the nearest word."""
    with pytest.raises(ModelRequestError) as caught:
        client_format("chat").request(body)
    assert caught.value.details["param"] == param
    assert said in caught.value.message


def test_a_misspelt_field_is_told_its_name() -> None:
    """The hint is the nearest field."""
    with pytest.raises(ModelRequestError) as caught:
        client_format("chat").request({"messages": [{"role": "user", "content": "x"}], "temprature": 1})
    assert caught.value.hint == "did you mean 'temperature'?"


def test_unknown_fields_of_a_message_are_told() -> None:
    """What stands in a message and is not understood is among what was left out."""
    turn = {"role": "user", "content": "x", "prefix": True, "weight": None}
    assert client_format("chat").request({"messages": [turn]}).dropped == ("messages[0].prefix",)


FIELDS = Fields(names("a"), names("b"), {"c": "why"}, {"d": 1, "c": 1})


@pytest.mark.parametrize(
    ("body", "drop", "dropped"),
    [
        ({"a": 1, "b": 2}, (), ["b"]),
        ({"b": None, "c": None, "x": None}, (), []),
        ({"c": 1}, (), []),
        ({"c": False}, (), []),
        ({"c": 2, "x": 3}, ("c", "x"), ["c", "x"]),
        ({"c": 2, "x": 3}, ("*",), ["c", "x"]),
    ],
)
def test_fields_are_left_out_only_where_nothing_is_lost(body: Any, drop: Any, dropped: list[str]) -> None:
    """Harmless ones go, telling ones with a plain value say nothing, others go where the client allows it."""
    assert FIELDS.dropped(body, drop) == dropped
