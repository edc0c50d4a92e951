"""Who may call: keys at the door, in the client's own envelope; what a key and a listener allow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import cast

import anthropic
import openai
import pytest

from gateway.keys import Keyring, new_secret
from gateway.server.access import Access
from schemas.bookkeeping import ApiKey, KeyStore
from schemas.errors import AccessError, ConfigError
from schemas.gateway import Listener
from tests.gateway.server.serving import Keys, Served, chat, config, message, served
from tests.wire.replies import say
from tests.wire.server import WireServer


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="module")
def secrets(keys: Keys) -> dict[str, str]:
    """Return secrets by what they are for."""
    return {
        "good": keys.add("good"),
        "scoped": keys.add("scoped", models=("p/*",)),
        "elsewhere": keys.add("elsewhere", listeners=("inside",)),
        "expired": keys.add("expired", expires_at=1.0),
        "revoked": keys.add("revoked", revoked_at=1.0),
        "admin": keys.add("admin", scopes=("admin",)),
    }


@pytest.fixture(scope="module")
def gateway(keys: Keys, secrets: dict[str, str]) -> Generator[Served]:
    listeners = [{"port": 0, "keys": "required"}, {"name": "few", "port": 0, "models": ["a/*"], "keys": "none"}]
    listeners += [{"name": "one", "port": 0, "always": "a/m", "keys": "none"}]
    with (
        WireServer(lambda request, path: say(request, path, "hi")) as upstream,
        served(config(upstream.url, listeners=listeners), keys=keys) as found,
    ):
        yield found


@pytest.mark.parametrize("how", ["", "wrong", "made", "cut", "expired", "revoked", "basic"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/models", "/metrics", "/nothing"])
def test_without_a_right_key_nothing_is_told(gateway: Served, secrets: dict[str, str], path: str, how: str) -> None:
    """B74: no key, a wrong, expired or revoked one is 401 in the envelope of the client's format, whatever it asks."""
    made = {"": "", "wrong": "sk-123", "made": new_secret(), "cut": secrets["good"][:-1], "basic": secrets["good"]}
    scheme = "Basic" if how == "basic" else "Bearer"
    headers = {"authorization": f"{scheme} {made.get(how) or secrets.get(how)}"} if how else {}
    body = None if path in ("/v1/models", "/metrics") else chat()
    response = gateway.client.request("POST" if body else "GET", path, json=body, headers=headers)
    assert response.status_code == 401, response.text
    assert response.headers["www-authenticate"] == "Bearer"
    told = response.json()
    assert told["error"]["type"] == "authentication_error"
    assert (told.get("type") == "error") is (path == "/v1/messages")
    assert made.get(how) or "ek-" not in response.text


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
def test_a_right_key_is_taken_wherever_it_stands(gateway: Served, secrets: dict[str, str], header: str) -> None:
    """A key may come as a bearer token, as x-api-key, or as api-key."""
    value = f"bearer {secrets['good']}" if header == "authorization" else secrets["good"]
    assert gateway.post("/v1/chat/completions", chat(), headers={header: value}).status_code == 200


def test_the_sdks_know_the_refusal(gateway: Served, secrets: dict[str, str]) -> None:
    """B74: the SDKs raise their own AuthenticationError and PermissionDeniedError, without trying again."""
    with openai.OpenAI(api_key="sk-nope", base_url=f"{gateway.url}/v1") as client:
        with pytest.raises(openai.AuthenticationError, match="not valid"):
            client.chat.completions.create(**chat())
        with pytest.raises(openai.PermissionDeniedError, match="may not ask"):
            client.with_options(api_key=secrets["scoped"]).chat.completions.create(**chat(model="a/m"))
    with (
        anthropic.Anthropic(api_key="sk-nope", base_url=gateway.url) as other,
        pytest.raises(anthropic.AuthenticationError),
    ):
        other.messages.create(**message())  # pyright: ignore[reportArgumentType]


def test_what_a_key_is_for_binds_it(gateway: Served, secrets: dict[str, str]) -> None:
    """A key for other listeners is 403; one for some models sees and calls only those."""
    bearer = {"authorization": f"Bearer {secrets['elsewhere']}"}
    assert gateway.post("/v1/chat/completions", chat(), headers=bearer).status_code == 403
    bearer = {"authorization": f"Bearer {secrets['scoped']}"}
    assert gateway.post("/v1/chat/completions", chat(), headers=bearer).status_code == 200
    assert [model["id"] for model in gateway.client.get("/v1/models", headers=bearer).json()["data"]] == ["p/m"]
    assert gateway.client.get("/v1/models/a/m", headers=bearer).status_code == 404


def test_numbers_of_everybody_are_for_admins(gateway: Served, secrets: dict[str, str]) -> None:
    """Where keys are needed, /metrics wants one with the scope admin."""
    found = [
        gateway.client.get("/metrics", headers={"x-api-key": secrets[name]}).status_code for name in ("good", "admin")
    ]
    assert found == [403, 200]


def test_health_needs_no_key(gateway: Served) -> None:
    """Whoever asks is told whether the gateway is up, and where its document is."""
    assert [gateway.client.get(path).status_code for path in ("/healthz", "/readyz", "/openapi.json")] == [200] * 3


def test_a_listener_has_its_own_models(gateway: Served) -> None:
    """What a listener does not offer is a 404 there, with what is near."""
    refused = gateway.client.post(f"{gateway.urls['few']}/v1/chat/completions", json=chat())
    assert refused.status_code == 404
    assert "a/*" in refused.json()["error"]["message"]
    taken = gateway.client.post(f"{gateway.urls['few']}/v1/messages", json=message())
    assert taken.status_code == 200


def test_a_listener_may_be_one_names_alone(gateway: Served) -> None:
    """Whatever a client asks for there, known or not, is that name's; nothing else is listed."""
    url = gateway.urls["one"]
    asked = [gateway.client.post(f"{url}/v1/chat/completions", json=chat(model=name)) for name in ("p/m", "gpt-x")]
    assert [response.headers["x-engine-model"] for response in asked] == ["a/m", "a/m"]
    assert [each["id"] for each in gateway.client.get(f"{url}/v1/models").json()["data"]] == ["a/m"]


def test_a_key_that_is_revoked_is_refused_soon() -> None:
    """B74: a key that another process revokes is refused within seconds, without a restart."""
    keys = Keys()
    secret = keys.add("mine")
    with served(config(), keys=keys, headers={"x-api-key": secret}) as gateway:
        assert gateway.client.get("/v1/models").status_code == 200
        key = keys.store._keys["k_mine"]  # pyright: ignore[reportPrivateUsage]
        keys.store._keys["k_mine"] = key.model_copy(update={"revoked_at": 1.0})  # pyright: ignore[reportPrivateUsage]
        until = time.monotonic() + 20
        while gateway.client.get("/v1/models").status_code == 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert gateway.client.get("/v1/models").status_code == 401


def test_the_first_key_shuts_the_door() -> None:
    """B74: on this machine alone no key is needed until there is one; from then on it is."""
    keys = Keys()
    with served(config(), keys=keys) as gateway:
        assert gateway.client.get("/v1/models").status_code == 200
        keys.add("first")
        until = time.monotonic() + 20
        while gateway.client.get("/v1/models").status_code == 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert gateway.client.get("/v1/models").status_code == 401


@pytest.mark.parametrize("mode", ["auto", "none"])
def test_a_port_for_others_needs_keys(mode: str) -> None:
    """A port that others reach is refused without keys, in one line that says what to do."""
    listener = {"host": "0.0.0.0", "port": 0, "keys": mode}
    with pytest.raises(ConfigError, match="could spend your money") as refused, served(config(listeners=[listener])):
        pass
    assert refused.value.hint


def test_a_port_for_others_opens_with_keys() -> None:
    """With a key, or where keys are required in any case, it opens."""
    keys = Keys()
    listener = {"host": "0.0.0.0", "port": 0, "keys": "required"}
    with served(config(listeners=[listener]), keys=keys) as gateway:
        url = gateway.url.replace("0.0.0.0", "127.0.0.1")
        assert gateway.client.get(f"{url}/v1/models").status_code == 401


def test_one_looks_for_a_first_key_for_all_who_come_at_once() -> None:
    """While nobody has a key, the store is asked once for a crowd; once there is a key, none of it gets in."""
    keys = Keys()
    store, looks = keys.store, list[int]()

    class Counted:
        async def keys(self) -> list[ApiKey]:
            looks.append(1)
            await asyncio.sleep(0)
            return await store.keys()

    async def crowd(access: Access) -> list[ApiKey | BaseException | None]:
        return await asyncio.gather(*(access.key(None) for _ in range(50)), return_exceptions=True)

    access = Access(Listener(port=1), Keyring(cast("KeyStore", Counted())))
    assert asyncio.run(crowd(access)) == [None] * 50
    assert len(looks) == 1
    keys.add("first")
    later = Access(Listener(port=1), Keyring(cast("KeyStore", Counted())))
    assert {type(one) for one in asyncio.run(crowd(later))} == {AccessError}
    assert len(looks) == 2
