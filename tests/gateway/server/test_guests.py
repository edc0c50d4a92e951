"""What is served beside a gateway: names that somebody else answers, and an application for all other paths."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

from gateway.exchange import ClientCall
from gateway.server.failures import Headers
from gateway.server.guests import VISIT, Guests
from gateway.server.visit import Message, Receive, Send, Visit
from schemas.errors import BusyError, EngineError
from tests.gateway.server.serving import Keys, Served, chat, config, served

KEYS = Keys()
ANN = {"authorization": f"Bearer {KEYS.add('ann')}"}


class Echo:
    """Answers for ``echo`` with what was said."""

    def names(self) -> Sequence[str]:
        return ["echo", "busy"]

    def describe(self, name: str) -> Mapping[str, Any]:
        return {"description": f"says {name}"}

    async def answer(self, visit: Visit, call: ClientCall, name: str) -> None:
        if name == "busy":
            raise BusyError("not now", details={"retry_after_s": 3})
        await visit.answer_json({"said": call.parsed["messages"][-1]["content"]})


class Pages:
    """An application that says who asks."""

    async def __call__(self, scope: Message, receive: Receive, send: Send, /) -> None:
        del receive
        visit: Visit = scope[VISIT]
        body = json.dumps({"path": scope["path"], "key": visit.key and visit.key.name}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def is_open(self, path: str) -> bool:
        return path == "/"

    def failure(self, error: EngineError, /) -> tuple[int, Headers, bytes]:
        return error.status, [], b"in its own words"

    def document(self) -> Mapping[str, Any]:
        return {}


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    listeners = [{"port": 0, "keys": "required", "allow_origins": ["https://chat.example"]}]
    with served(config(listeners=listeners), keys=KEYS, guests=Guests(Echo(), Pages())) as found:
        yield found


def test_a_name_that_is_an_assistants(here: Served) -> None:
    """A call for such a name is answered by whoever has it; its errors come in the client's envelope."""
    assert here.post("/v1/chat/completions", chat("hi", "echo"), headers=ANN).json() == {"said": "hi"}
    refused = here.post("/v1/chat/completions", chat("hi", "busy"), headers=ANN)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    listed = here.client.get("/v1/models", headers=ANN).json()["data"]
    assert [(one["id"], one["owned_by"]) for one in listed[:2]] == [("echo", "engine"), ("busy", "engine")]
    assert "did you mean echo?" in here.post("/v1/chat/completions", chat("hi", "ecoh"), headers=ANN).text


def test_all_other_paths(here: Served) -> None:
    """What the gateway has nothing at is the application's: behind the same doors and keys, but for its open pages."""
    assert here.client.get("/x/y", headers=ANN).json() == {"path": "/x/y", "key": "ann"}
    assert (here.client.get("/x/y").status_code, here.client.get("/x/y").text) == (401, "in its own words")
    assert here.client.get("/").json() == {"path": "/", "key": None}
    assert here.client.get("/", headers={"host": "evil.example"}).status_code == 403
    answer = here.client.get("/x", headers={**ANN, "origin": "https://chat.example"})
    assert answer.headers["access-control-allow-origin"] == "https://chat.example"
    assert answer.headers["x-request-id"]
    asked = {"origin": "https://chat.example", "access-control-request-method": "DELETE"}
    assert "DELETE" in here.client.options("/x", headers=asked).headers["access-control-allow-methods"]
