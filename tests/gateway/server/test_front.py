"""The front of a listener: routes, methods, browsers, envelopes."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.gateway.server.serving import Served, chat, config, message, served
from tests.wire.replies import say
from tests.wire.server import WireServer

PAGE = "https://chat.example"


@pytest.fixture(scope="module")
def gateway() -> Generator[Served]:
    listeners = [{"port": 0, "allow_origins": [PAGE]}]
    with (
        WireServer(lambda request, path: say(request, path, "hi")) as upstream,
        served(config(upstream.url, listeners=listeners)) as found,
    ):
        yield found


def test_unknown_addresses_and_methods(gateway: Served) -> None:
    """What is not there is a 404, a wrong method a 405 that names the right ones, in the client's envelope."""
    assert gateway.client.get("/v1/nothing").status_code == 404
    wrong = gateway.client.get("/v1/messages")
    assert (wrong.status_code, wrong.headers["allow"], wrong.json()["type"]) == (405, "POST, OPTIONS", "error")
    assert gateway.client.delete("/v1/models").headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_page_that_may(gateway: Served) -> None:
    """A page of a named site may ask (preflight), read the answer and its headers, and errors too."""
    asks = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    allowed = gateway.client.options("/v1/chat/completions", headers=asks)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert allowed.headers["access-control-allow-headers"] == "x-api-key"
    for body in (chat(), chat(model="nope")):
        answer = gateway.post("/v1/chat/completions", body, headers={"origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_a_page_that_may_not(gateway: Served) -> None:
    """A page of another site, or one led here under another name, is refused, also in its preflight."""
    asks = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert gateway.client.options("/v1/messages", headers=asks).status_code == 403
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        refused = gateway.post("/v1/messages", message(), headers=headers)
        assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")


def test_wrong_types_are_said_in_either_envelope(gateway: Served) -> None:
    """A form is a 415 on both paths."""
    for path in ("/v1/chat/completions", "/v1/messages"):
        response = gateway.client.post(path, data={"model": "m"})
        assert response.status_code == 415
        assert "application/json" in response.json()["error"]["message"]


def test_what_is_heeded_must_be_understood(gateway: Served) -> None:
    """A deadline or a restart that says nothing is a 400, not passed over."""
    for headers in ({"x-engine-deadline": "soon"}, {"x-engine-restart": "perhaps"}):
        assert gateway.post("/v1/chat/completions", chat(), headers=headers).status_code == 400


def test_a_route_is_told(gateway: Served) -> None:
    """Which models would be asked, and why, is told without asking them; an unknown name is a 404."""
    told = gateway.post("/v1/route", chat()).json()
    assert (told["model"], told["routes"][0]["reason"]) == ("p/m", "named")
    assert gateway.post("/v1/route", chat(model="nope")).status_code == 404


def test_models_are_listed_as_the_client_reads_them(gateway: Served) -> None:
    """OpenAI's list by default, Anthropic's with its version header; an unknown model is a 404 in that envelope."""
    assert gateway.client.get("/v1/models").json()["object"] == "list"
    said = {"anthropic-version": "2023-06-01"}
    listed = gateway.client.get("/v1/models", headers=said).json()
    assert (listed["has_more"], listed["data"][0]["type"]) == (False, "model")
    assert gateway.client.get("/v1/models/nope", headers=said).json()["type"] == "error"
    assert gateway.client.get("/v1/models/p%2Fm").json()["id"] == "p/m"


def test_tokens_are_estimated(gateway: Served) -> None:
    """Counting tokens gives an estimate, and says that it is one."""
    counted = gateway.post("/v1/messages/count_tokens", message("word " * 100, model="p/m"))
    assert counted.headers["x-engine-estimate"] == "true"
    assert 100 <= counted.json()["input_tokens"] <= 300
