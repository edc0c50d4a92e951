"""Who may ask: a token where one is set, no page of another site, no other host's name, no silent connection."""

from __future__ import annotations

import socket
from collections.abc import Generator
from urllib.parse import urlsplit

import httpx2
import pytest

from engine.serve import server
from engine.serve.server import listen
from gateway.server.doors import is_loopback
from gateway.server.ports import address
from schemas.errors import ConfigError
from tests.runs import engine_of
from tests.serve.serving import Served, served

TOKEN = "s3cret-é"


@pytest.fixture(scope="module")
def guarded() -> Generator[Served]:
    with served(engine_of, token=TOKEN, hosts=["127.0.0.1", "engine.example"]) as found:
        yield found


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_told(guarded: Served, given: str | None) -> None:
    """No token, a wrong one or another scheme is 401 in JSON, for every address but the two that say we are up."""
    headers = {"authorization": given.encode()} if given is not None else {}
    with httpx2.Client(base_url=guarded.url) as client:
        for path in ("/runs", "/runs/x", "/nothing"):
            response = client.get(path, headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "request.access")
            assert response.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json()["status"] == "ready"


def test_with_the_token_all_is(guarded: Served) -> None:
    """Whoever sends the token may ask, letters beyond ASCII included."""
    headers = {"authorization": f"bearer {TOKEN}".encode()}
    assert httpx2.get(f"{guarded.url}/runs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "engine.example"}, 200),
        ({"host": "localhost:1"}, 200),
        ({"host": "127.0.0.1.", "origin": "http://127.0.0.1:9"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "["}, 403),
    ],
)
def test_pages_of_other_sites_are_kept_out(guarded: Served, headers: dict[str, str], status: int) -> None:
    """A browser led here by another site's page, or by another host's name (DNS rebinding), is refused."""
    auth = {"authorization": f"Bearer {TOKEN}".encode()}
    response = httpx2.get(f"{guarded.url}/runs", headers={**headers, **auth})
    assert response.status_code == status, response.text


def test_a_body_that_a_form_could_send_is_refused(guarded: Served) -> None:
    """Only JSON starts a run: what a page may send without asking (a form, plain text) does not."""
    headers = {"authorization": f"Bearer {TOKEN}".encode(), "content-type": "text/plain"}
    response = httpx2.post(f"{guarded.url}/runs", content=b'{"task": "x"}', headers=headers)
    assert (response.status_code, "application/json" in response.json()["error"]["hint"]) == (400, True)


def test_an_open_port_needs_a_token() -> None:
    """Listening beyond this machine without a token is refused before anything is opened; with one it is not."""
    with pytest.raises(ConfigError, match="token"):
        listen("0.0.0.0", 0, None)
    listen("0.0.0.0", 0, "t").close()
    assert [is_loopback(host) for host in ("127.9.9.9", "::1", "localhost", "10.0.0.1", "example.com")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_port_in_use_is_said() -> None:
    """A port that is taken, or an address that is not this machine's, is one clear error."""
    with listen("127.0.0.1", 0, None) as taken:
        port = urlsplit(address(taken)).port
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: address already in use"):
            listen("127.0.0.1", port or 0, None)
    with pytest.raises(ConfigError, match="cannot listen"):
        listen("203.0.113.1", 0, "t")


def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which no request comes, or half of one, is closed after a while."""
    monkeypatch.setattr(server, "HEADER_S", 0.2)
    with served(engine_of) as here:
        for said in (b"", b"GET /healthz HTTP/1.1\r\nhos"):
            with socket.create_connection(("127.0.0.1", urlsplit(here.url).port or 0), timeout=10) as line:
                line.sendall(said)
                assert line.recv(100) == b""
