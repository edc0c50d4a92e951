"""Tools that the client runs itself."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dag.hazards import access
from engine.serve.chat.clienttools import client_specs, given_by, own_name, wish_of
from gateway.wire.chat.asked import asked_request
from schemas.errors import ModelRequestError

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def request(*names: str, **more: Any) -> Any:
    tools = [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in names]
    return asked_request({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": tools, **more})


def test_tools_become_tools_of_the_run() -> None:
    """Each is a tool of kind client; calls with different arguments do not wait for each other."""
    (spec,) = client_specs(request("weather"), ())
    assert (spec.kind, spec.name, spec.required) == ("client", "weather", ("city",))
    assert not access(spec, {"city": "a"}).writes & access(spec, {"city": "b"}).writes
    assert access(client_specs(request("weather", parallel_tool_calls=False), ())[0], {"city": "a"}).undeclared


def test_a_name_of_ours_gets_a_prefix() -> None:
    """Where one of ours has the name, the client's is told apart, and called back by its own."""
    (spec,) = client_specs(request("search"), {"search"})
    assert (spec.name, own_name(spec.name)) == ("client.search", "search")


def test_the_clients_choice_counts() -> None:
    """None offers nothing; a named tool is the only one; required is told to the models."""
    assert client_specs(request("a", "b", tool_choice="none"), ()) == ()
    named = request("a", "b", tool_choice={"type": "function", "function": {"name": "b"}})
    assert [spec.name for spec in client_specs(named, ())] == ["b"]
    required = request("a", "b", tool_choice="required")
    assert "a, b" in wish_of(required, client_specs(required, ()))
    assert wish_of(request("a"), client_specs(request("a"), ())) == ""


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ({"name": "a b"}, "'a b' is no name"),
        ({"name": "a", "parameters": {"type": "array"}}, "must be an object"),
        ({"name": "a", "parameters": {"type": "object", "properties": {"x": {"type": "wrong"}}}}, "no JSON Schema"),
    ],
)
def test_a_tool_that_is_none(function: dict[str, Any], told: str) -> None:
    """A wrong name or schema is told with its place."""
    with pytest.raises(ModelRequestError, match=told):
        client_specs(request(tools=[{"type": "function", "function": function}]), ())


def test_a_name_twice() -> None:
    """Two tools of one name cannot be told apart."""
    with pytest.raises(ModelRequestError, match="two tools named 'a'"):
        client_specs(request("a", "a"), ())


def results(*ids: str, asked: tuple[str, ...] = (), then: str = "") -> Any:
    calls = [{"id": one, "type": "function", "function": {"name": "a", "arguments": "{}"}} for one in asked]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
    messages += [{"role": "assistant", "content": None, "tool_calls": calls}] if calls else []
    messages += [{"role": "tool", "tool_call_id": one, "content": '{"n": 1}'} for one in ids]
    messages += [{"role": "user", "content": then}] if then else []
    return asked_request({"model": "m", "messages": messages}).messages


def test_results_find_their_run() -> None:
    """Ids carry run and approval; JSON is read; earlier results are history."""
    given = given_by(results("call_r1_a1", "call_r1_a2", asked=("call_r1_a1", "call_r1_a2")))
    assert given is not None
    assert (given.run_id, given.values) == ("r1", {"a1": {"n": 1}, "a2": {"n": 1}})
    assert given_by(results()) is None


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (results("call_r1_a1", asked=("call_r1_a1", "call_r1_a2")), "no result for 'call_r1_a2'"),
        (results(asked=("call_r1_a1",), then="well?"), "no result for 'call_r1_a1'"),
        (results("call_r1_a1", "call_r1_a1"), "two tool messages"),
        (results("toolu_7"), "none of this assistant's calls"),
        (results("call_r1_a1", "call_r2_a1"), "of different runs"),
    ],
)
def test_results_that_do_not_fit(messages: Any, told: str) -> None:
    """Missing, doubled, unknown and mixed ids are told."""
    with pytest.raises(ModelRequestError, match=told):
        given_by(messages)
