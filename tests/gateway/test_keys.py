"""API keys at the door."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.durable.keys import MemoryKeys
from gateway.keys import AWAY_S, MOST_REFUSED, Keyring, hash_of, hint_of, new_secret, require, well_formed
from schemas.bookkeeping import ApiKey
from schemas.errors import AccessError, ScopeError, StoreError

pytestmark = pytest.mark.anyio


class Watched(MemoryKeys):
    """Counts the look-ups, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.away = False
        self.slow_s = 0.0

    async def find(self, key_hash: str) -> ApiKey | None:
        """Look a key up."""
        self.asked += 1
        await anyio.sleep(self.slow_s)
        if self.away:
            raise StoreError("gone")
        return await super().find(key_hash)


class Clock:
    """A clock that is moved by hand; both of a keyring's."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def store() -> Watched:
    """No keys."""
    return Watched()


@pytest.fixture
def keyring(store: Watched, clock: Clock) -> Keyring:
    """A keyring on the store and the clock."""
    return Keyring(store, now=clock, clock=clock)


async def added(store: MemoryKeys, name: str = "app", **fields: Any) -> tuple[str, ApiKey]:
    """Keep a new key and return (secret, key)."""
    secret = new_secret()
    key = ApiKey(id=f"k_{name}", name=name, hash=hash_of(secret), **fields)
    await store.add(key)
    return secret, key


async def refusal(keyring: Keyring, secret: str | None) -> AccessError:
    """Return how a secret is refused."""
    with pytest.raises(AccessError) as caught:
        await keyring.find(secret)
    assert caught.value.http_status == 401
    return caught.value


async def test_a_secret_leads_to_its_key(keyring: Keyring, store: Watched) -> None:
    """B74: a key is found by its secret, of which only the hash is kept."""
    secret, key = await added(store)
    assert await keyring.find(secret) == key
    assert secret not in key.model_dump_json()


async def test_none_and_wrong_ones_are_refused(keyring: Keyring, store: Watched) -> None:
    """B74: no key, a wrong one and a revoked one are refused with 401; the last two in the same words."""
    secret, _ = await added(store, revoked_at=5.0)
    missing, wrong, revoked = [await refusal(keyring, given) for given in (None, new_secret(), secret)]
    assert "needed" in missing.message
    assert (wrong.message, wrong.hint, wrong.details) == (revoked.message, revoked.hint, revoked.details)


async def test_expired_keys_are_refused(keyring: Keyring, store: Watched, clock: Clock) -> None:
    """B74: a key is taken until its expiry, to the moment, although it was looked up just before."""
    secret, _ = await added(store, expires_at=1_000.5)
    await keyring.find(secret)
    clock.now = 1_000.5
    assert "expired on 1970-01-01 00:16 UTC" in (await refusal(keyring, secret)).message


async def test_a_revoked_key_is_refused_soon(keyring: Keyring, store: Watched, clock: Clock) -> None:
    """B74: what is revoked in the store is refused within 2 s by whoever took it before."""
    secret, key = await added(store)
    await keyring.find(secret)
    await store.change(key.model_copy(update={"revoked_at": 1.0}))
    clock.now += 2
    await refusal(keyring, secret)


async def test_the_old_secret_has_its_grace(keyring: Keyring, store: Watched, clock: Clock) -> None:
    """B74: after a rotation both secrets are taken, the old one until its time is over."""
    old, key = await added(store)
    new = new_secret()
    rotated = {"hash": hash_of(new), "previous_hash": key.hash, "previous_until": 1_060.0}
    await store.change(key.model_copy(update=rotated))
    assert (await keyring.find(old)).id == (await keyring.find(new)).id == key.id
    clock.now = 1_060.0
    await refusal(keyring, old)
    await keyring.find(new)


async def test_the_store_is_asked_once_a_second(keyring: Keyring, store: Watched, clock: Clock) -> None:
    """A hundred calls with one key, at once and one after another, are one look-up; a wrong key's too."""
    secret, _ = await added(store)
    store.slow_s = 0.01
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(keyring.find, secret)
    for _ in range(50):
        await keyring.find(secret)
    assert store.asked == 1
    wrong = new_secret()
    for _ in range(10):
        await refusal(keyring, wrong)
    assert store.asked == 2
    clock.now += 1.5
    await keyring.find(secret)
    assert store.asked == 3


async def test_a_key_stays_the_same_object(keyring: Keyring, store: Watched, clock: Clock) -> None:
    """Looked at again, a key that did not change is the same object, so that nothing else looks at it again."""
    secret, key = await added(store)
    first = await keyring.find(secret)
    await store.change(key.model_copy())
    clock.now += 2
    assert await keyring.find(secret) is first
    await store.change(key.model_copy(update={"usd": 1.0}))
    clock.now += 2
    assert (await keyring.find(secret)).usd == 1.0


async def test_a_typo_costs_no_look_up(keyring: Keyring, store: Watched) -> None:
    """A secret that was not copied whole is told so, and the store is not asked."""
    secret = new_secret()
    swapped = secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]
    for typo in (secret[:-1], secret + "x", swapped, f" {secret}", secret.replace("ek-", "sk-")):
        assert "copied whole" in (await refusal(keyring, typo)).hint
    assert store.asked == 0


@pytest.mark.parametrize("text", ["ü" * 52, "\udc80", "ek-", " ", "x" * 100_000, "ek-" + "é" * 49])
async def test_any_text_may_be_sent(keyring: Keyring, text: str) -> None:
    """Whatever stands in the header is refused in the same way."""
    await refusal(keyring, text)


async def test_wrong_keys_take_no_memory(keyring: Keyring) -> None:
    """A flood of wrong keys leaves a bounded trace."""
    for _ in range(MOST_REFUSED + 10):
        await refusal(keyring, new_secret())
    assert len(keyring) == MOST_REFUSED


async def test_known_keys_outlive_an_outage(keyring: Keyring, store: Watched, clock: Clock) -> None:
    """While the store is away a key that was seen lately is taken, another one is not refused but told of the store."""
    secret, _ = await added(store)
    await keyring.find(secret)
    store.away = True
    clock.now += 60
    assert (await keyring.find(secret)).name == "app"
    with pytest.raises(StoreError):
        await keyring.find(new_secret())
    clock.now += AWAY_S
    with pytest.raises(StoreError):
        await keyring.find(secret)


def test_a_key_is_held_to_its_scopes() -> None:
    """B74: a key asks for its models only, at its listeners, and reads usage only with the scope."""
    key = ApiKey(id="k_1", name="app", hash="0" * 64, models=("fast", "openai/*"), listeners=("inner",))
    require(key, listener="inner", model="openai/gpt-5")
    for wrong in ({"model": "anthropic/claude"}, {"listener": "outer"}, {"scope": "usage"}, {"model": "faster"}):
        with pytest.raises(ScopeError) as caught:
            require(key, **wrong)
        assert caught.value.http_status == 403
    require(key.model_copy(update={"scopes": ("admin",)}), scope="usage")


def test_secrets_are_long_and_checked() -> None:
    """A secret has 256 random bits and says when a character is wrong; its hint gives nothing away."""
    found = {new_secret() for _ in range(100)}
    assert len(found) == 100
    assert all(len(secret) == 52 and well_formed(secret) for secret in found)
    assert all(len(hint_of(secret)) == 12 for secret in found)
