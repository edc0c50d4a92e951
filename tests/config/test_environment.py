"""What is found where no file says it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from genai_prices.data import providers as priced

from engine.config import environment
from engine.config.environment import ROLE_MODELS, find_local_server, providers_from, role_models


@contextmanager
def server(status: int, body: str, *, delay_s: float = 0.0) -> Iterator[int]:
    """Serve one answer to every GET on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay_s)
            self.send_response(status if self.path.endswith("/v1/models") else 404)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd.server_address[1]
        httpd.shutdown()


def models(*names: str) -> str:
    """Return the body of GET /v1/models."""
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]})


def test_anthropic_key() -> None:
    """ANTHROPIC_API_KEY gives the official models, the key itself is not copied."""
    found, notice = providers_from({"ANTHROPIC_API_KEY": "secret"})
    assert (found[0].name, found[0].api_key, found[0].base_url) == ("anthropic", "$ANTHROPIC_API_KEY", None)
    assert "secret" not in notice


def test_both_keys_make_a_list() -> None:
    """With both keys each role is a list tried in order."""
    found, _ = providers_from({"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"})
    names = [name.partition("/")[0] for name in role_models("planner", found) or ()]
    assert names == ["anthropic", "openai"]


def test_compatible_server_is_asked_for_its_models() -> None:
    """OPENAI_BASE_URL of another server: its own models play the roles."""
    with server(200, models("nomic-embed-text", "mine")) as port:
        found, _ = providers_from({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"})
    assert role_models("planner", found) == ("openai/mine",)


def test_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as not set; then the offline model is used, and said."""
    monkeypatch.setattr(environment.find_local_server, "__defaults__", ((), 0.1))
    found, notice = providers_from({"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": ""})
    assert [provider.kind for provider in found] == ["offline"]
    assert "offline model" in notice
    assert "\n" not in notice


def test_local_server_is_found() -> None:
    """A server on loopback that lists models is used, and its calls cost nothing."""
    with server(200, models("llama")) as port:
        found = find_local_server([("ollama", port)], timeout_s=2)
    assert found is not None
    assert (found.name, found.models[0].name, found.local) == ("ollama", "llama", True)


@pytest.mark.parametrize(
    ("status", "body"), [(404, "{}"), (200, "<html>"), (200, "[]"), (200, '{"data": [1]}'), (200, models())]
)
def test_other_servers_are_not_models(status: int, body: str) -> None:
    """A web server that happens to listen there is not taken for a model."""
    with server(status, body) as port:
        assert find_local_server([("vllm", port)], timeout_s=2) is None


def test_silent_server_costs_no_more_than_the_limit() -> None:
    """A server that accepts and says nothing costs 100 ms, not more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert find_local_server([("ollama", silent.getsockname()[1])]) is None
    assert time.monotonic() - began < 0.3


def test_slow_trickle_costs_no_more_than_the_limit() -> None:
    """A server that answers too late is not used."""
    with server(200, models("late"), delay_s=0.4) as port:
        began = time.monotonic()
        assert find_local_server([("ollama", port)]) is None
        assert time.monotonic() - began < 0.3


def test_offline_plays_roles_only_alone() -> None:
    """The offline model plays a role only where there is no other; it can always be named."""
    found, _ = providers_from({"ANTHROPIC_API_KEY": "a"})
    assert found[-1].name == "offline"
    assert role_models("executor", found) == ("anthropic/" + ROLE_MODELS["anthropic"]["executor"],)


@pytest.mark.parametrize("kind", ["anthropic", "openai"])
def test_role_models_are_priced(kind: str) -> None:
    """Every default model is in the installed price list, and the planner's costs more than the executor's."""
    prices = {model.id: model for provider in priced if provider.id == kind for model in provider.models}
    assert set(ROLE_MODELS[kind].values()) <= set(prices)
    assert ROLE_MODELS[kind]["planner"] != ROLE_MODELS[kind]["executor"]
