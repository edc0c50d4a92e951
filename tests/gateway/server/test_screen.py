"""A listener's filters before and behind assistants."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from engine.api import Engine
from engine.testing import ScriptedProvider, scripted_engine
from gateway.filters import Filters
from gateway.gateway import Gateway
from schemas.model import ModelRequest
from tests.serve.serving import Served, served

FILTERS = [
    {"name": "pii", "kind": "pii"},
    {"name": "ban", "kind": "words", "options": {"deny": ["xyzzy"]}},
]
PORT = {"name": "front", "port": 0, "filters": ["pii", "ban"]}
SEEN = list[str]()


def echo(request: ModelRequest) -> str:
    """Say what was asked, and one more word where that is wanted."""
    asked = request.messages[-1].text
    SEEN.append(asked)
    return f"You said: {asked}" + (" xyzzy" if "magic" in asked else "")


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    assistants = [{"name": "talk", "mode": "direct"}]
    fields: dict[str, Any] = {"filters": FILTERS, "assistants": assistants, "listeners": [PORT]}

    def make() -> Engine:
        provider = ScriptedProvider(echo)
        engine = scripted_engine(provider, **fields)
        filters = Filters(engine.settings, {})
        engine.gateway = Gateway(
            engine.settings, ledger=engine.ledger, providers={"scripted": provider}, filters=filters
        )
        return engine

    with served(make, listeners=[PORT]) as found:
        yield found


def say(here: Served, text: str, **more: Any) -> Any:
    """Ask the assistant."""
    messages = [{"role": "user", "content": text}]
    return here.client.post("/v1/chat/completions", json={"model": "talk", "messages": messages, **more})


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_asked_and_answered_passes_the_filters(here: Served, stream: bool) -> None:
    """What a filter takes out of a question no model sees, and what it took is back in the answer."""
    SEEN.clear()
    reply = say(here, "write to ann@example.com please", stream=stream)
    assert reply.status_code == 200
    assert SEEN
    assert not any("ann@example.com" in text for text in SEEN)
    assert "You said: " in reply.text.replace('"}}', "")
    if stream:
        assert "data: [DONE]" in reply.text
    else:
        assert "ann@example.com" in reply.json()["choices"][0]["message"]["content"]


def test_a_question_that_is_refused_starts_no_run(here: Served) -> None:
    """A filter that refuses a question answers in the client's envelope; no run is begun."""
    before = here.client.get("/runs").json()["runs"]
    refused = say(here, "say xyzzy")
    assert refused.status_code == 400
    assert "xyzzy" not in refused.text
    assert here.client.get("/runs").json()["runs"] == before


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_stopped_is_not_seen(here: Served, stream: bool) -> None:
    """A filter that stops an answer ends it as the format has it."""
    reply = say(here, "do magic", stream=stream)
    assert reply.status_code == 200
    assert "xyzzy" not in reply.text
