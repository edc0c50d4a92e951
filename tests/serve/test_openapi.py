"""What /openapi.json says of the runs API: all of it, and true, for every example is sent to a server."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from engine.serve.openapi import _TAKEN  # pyright: ignore[reportPrivateUsage] (every example is held to its schema)
from engine.testing import FakeTool, ScriptedProvider
from schemas.model import ModelRequest
from tests.runs import engine_of
from tests.serve.serving import Served, served

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
PLAN = {
    "goal": "the weather",
    "steps": [
        {"id": "1", "tool": "look", "tool_input": {"city": "Bonn"}},
        {"id": "2", "tool": "look", "tool_input": {"city": "Bergen"}},
        {"id": "3", "tool": "big", "tool_input": {}},
    ],
    "answer": "{{2}}",
}
ASKS = {"goal": "tell", "steps": [{"id": "1", "tool": "send", "tool_input": {}}], "answer": "sent"}
STARTS: Mapping[str, dict[str, Any]] = {
    "done": {"plan": PLAN},
    "approval": {"plan": ASKS},
    "question": {"task": "where is it?", "mode": "plan"},
}
ABOUT = {"answer": "question", "estimate": "done", "fork": "done"}


def _replies(request: ModelRequest) -> Any:
    """Ask once, then answer."""
    said = "\n".join(message.text for message in request.messages)
    if request.output is None or "Oslo" in said or "where" not in said:
        return {"steps": [{"look": {"city": "Oslo"}}]} if request.output is not None else "In Oslo."
    return {"steps": [{"ask": "In which city?"}]}


def make() -> Any:
    """An engine with what the examples are about."""
    send = FakeTool("send", "ok", approval="always", effects="effectful", input_schema={"type": "object"})
    big = FakeTool("big", "x" * 100_000, input_schema={"type": "object"})
    return engine_of(FakeTool("look", 7, input_schema=CITY), big, send, provider=ScriptedProvider(_replies))


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make) as found:
        yield found


@pytest.fixture(scope="module")
def told(here: Served) -> dict[str, Any]:
    return here.client.get("/openapi.json").json()


def test_every_route_is_told_with_what_it_takes(told: dict[str, Any]) -> None:
    """One document has the gateway's paths and the runs API's, each with a summary; bodies refer to schemas it has."""
    assert {"/v1/chat/completions", "/runs", "/runs/{run_id}", "/runs/{run_id}/fork"} <= set(told["paths"])
    for path, methods in told["paths"].items():
        for method, about in methods.items():
            assert about["summary"], path
            assert method not in ("post", "patch") or about["requestBody"]["content"], path
            for content in about.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                assert not name or name in told["components"]["schemas"], path


def test_examples_are_right() -> None:
    """Every example of a body is one that is taken."""
    for model, example in _TAKEN.values():
        assert model.model_validate(example)


def test_every_query_parameter_is_told(here: Served, told: dict[str, Any]) -> None:
    """What GET /runs takes stands in the document, and the server names the same."""
    named = [each["name"] for each in told["paths"]["/runs"]["get"]["parameters"]]
    hint = here.client.get("/runs", params={"texd": "x"}).json()["error"]["hint"]
    assert set(named) | {"due"} == set(hint.rpartition("possible here: ")[2].split(", "))


@pytest.mark.parametrize(("method", "path"), _TAKEN, ids=lambda part: part)
def test_every_example_is_done(method: str, path: str, here: Served, told: dict[str, Any]) -> None:
    """A client that sends an example of the document, about a run that fits it, is answered with success."""
    name = path.rpartition("/")[2]
    about = told["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["example"]
    if "{run_id}" in path:
        here.post("", {**STARTS[ABOUT.get(name, "approval")], "run_id": name, "wait": True})
    if name == "{name}":  # one that the example of POST has made
        made = told["paths"][path.rpartition("/")[0]]["post"]["requestBody"]["content"]["application/json"]["example"]
        here.client.post(path.rpartition("/")[0], json=made)
    place = path.format(run_id=name, name="weather" if "agents" in path else "news")
    done = here.client.request(method, place, json=about)
    assert done.is_success, done.text


def test_everything_that_is_told_can_be_read(here: Served, told: dict[str, Any]) -> None:
    """Every GET of the document is answered, about a run that there is."""
    here.post("", {**STARTS["done"], "run_id": "read", "wait": True})
    sha256 = here.get("/read")["steps"][2]["result"]["artifact"]["sha256"]
    names = {"run_id": "read", "sha256": sha256, "form": "svg", "path": "app/main.js", "id": "engine", "name": "news"}
    here.client.post("/schedules", json=_TAKEN["POST", "/schedules"][1])
    for path, methods in told["paths"].items():
        if "get" in methods:
            assert here.client.get(path.format(**names)).is_success, path
