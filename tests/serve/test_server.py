"""Who may ask: a token or a key where there are any, no page of another site, no other host's name."""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import urlsplit

import httpx2
import pytest

from schemas.errors import ConfigError
from tests.gateway.server.serving import Keys
from tests.runs import engine_of
from tests.serve.serving import Served, served

TOKEN = "s3cret-é"


@pytest.fixture(scope="module")
def guarded() -> Generator[Served]:
    with served(engine_of, token=TOKEN, hosts=["engine.example"]) as found:
        yield found


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_told(guarded: Served, given: str | None) -> None:
    """No token, a wrong one or another scheme is 401 in JSON, for every address but the two that say we are up."""
    headers = {"authorization": given.encode()} if given is not None else {}
    with httpx2.Client(base_url=guarded.url) as client:
        for path, code in (
            ("/runs", "request.access"),
            ("/nothing", "request.access"),
            ("/v1/models", "invalid_api_key"),
        ):
            response = client.get(path, headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, code)
            assert response.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json()["status"] == "ready"


def test_with_the_token_all_is(guarded: Served) -> None:
    """Whoever sends the token may ask, letters beyond ASCII included, for runs, models and numbers."""
    headers = {"authorization": f"bearer {TOKEN}".encode()}
    for path in ("/runs", "/v1/models", "/metrics"):
        assert httpx2.get(f"{guarded.url}{path}", headers=headers).status_code == 200


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


def test_an_open_port_needs_a_token_or_a_key() -> None:
    """Listening beyond this machine is refused where nobody could be told from anybody; a token or a key opens it."""
    with pytest.raises(ConfigError, match="run your tools"), served(engine_of, listeners=[{"host": "0.0.0.0"}]):
        pass
    with served(engine_of, listeners=[{"host": "0.0.0.0"}], token="t") as here:
        assert here.client.get("/runs", headers={"host": "any.example"}).status_code == 200
    keys = Keys()
    secret = keys.add("ann")
    with served(engine_of, listeners=[{"host": "0.0.0.0"}], keys=keys) as here:
        assert here.client.get("/runs").status_code == 401
        assert here.client.get("/runs", headers={"x-api-key": secret}).status_code == 200


def test_a_port_in_use_is_said() -> None:
    """A port that is taken, or an address that is not this machine's, is one clear error."""
    with served(engine_of) as here:
        port = urlsplit(here.url).port
        taken = pytest.raises(ConfigError, match=f"127.0.0.1:{port}: address already in use")
        with taken, served(engine_of, listeners=[{"port": port}]):
            pass
    with (
        pytest.raises(ConfigError, match="cannot listen"),
        served(engine_of, listeners=[{"host": "203.0.113.1"}], token="t"),
    ):
        pass
