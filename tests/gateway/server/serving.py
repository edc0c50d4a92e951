"""A gateway server on loopback, in a thread and an event loop of its own, over real providers' wire formats."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2

from engine.config import settings_from
from engine.durable.keys import MemoryKeys
from gateway.gateway import Gateway
from gateway.keys import Keyring, hash_of, new_secret
from gateway.server.guests import Guests
from gateway.server.metrics import Metrics
from gateway.server.server import Backing, Server
from schemas.bookkeeping import ApiKey, UsageBook
from schemas.gateway import Listener
from schemas.settings import Settings


@dataclass
class Keys:
    """API keys that a test hands out."""

    store: MemoryKeys = field(default_factory=MemoryKeys)

    def add(self, name: str = "k", **fields: Any) -> str:
        """Keep a key and return its secret."""
        secret = new_secret()
        key = ApiKey(id=f"k_{name}", name=name, hash=hash_of(secret), **fields)
        self.store._keys[key.id] = key  # pyright: ignore[reportPrivateUsage] (no event loop here)
        return secret


@dataclass
class Served:
    """A server that runs; ``client`` speaks to its first listener."""

    server: Server
    thread: threading.Thread
    urls: dict[str, str]
    client: httpx2.Client
    config: dict[str, Any]
    failure: list[BaseException]

    @property
    def url(self) -> str:
        """Of the first listener."""
        return next(iter(self.urls.values()))

    def stop(self) -> None:
        """Stop it, and wait."""
        self.server.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def post(self, path: str, body: Any = None, **how: Any) -> httpx2.Response:
        """POST JSON."""
        return self.client.post(path, json=body, **how)

    def metric(self, name: str, /, **labels: str) -> float:
        """Return the sum of a metric's values with these labels."""
        found = 0.0
        for line in self.client.get("/metrics").text.splitlines():
            head, _, value = line.rpartition(" ")
            held = all(f'{key}="{said}"' in head for key, said in labels.items())
            if head.partition("{")[0] == f"engine_gateway_{name}" and held:
                found += float(value)
        return found


def chat(text: str = "hello", model: str = "p/m", **more: Any) -> dict[str, Any]:
    """Return the body of a chat completion."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def message(text: str = "hello", model: str = "a/m", **more: Any) -> dict[str, Any]:
    """Return the body of a message."""
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


def config(url: str = "http://127.0.0.1:9", **more: Any) -> dict[str, Any]:
    """Return a configuration with a provider of each format at ``url``, and one listener on a free port."""
    providers = [
        {"name": "p", "kind": "openai", "base_url": f"{url}/v1", "api_key": "secret-p", "models": [{"name": "m"}]},
        {"name": "a", "kind": "anthropic", "base_url": url, "api_key": "secret-a", "models": [{"name": "m"}]},
    ]
    return {"model_providers": providers, "listeners": [{"port": 0}], **more}


@contextmanager
def served(
    given: Mapping[str, Any],
    *,
    keys: Keys | None = None,
    make: Callable[[Settings, Metrics], Awaitable[Gateway]] | None = None,
    stamp: Callable[[], object] | None = None,
    ready: Callable[[], Awaitable[object]] | None = None,
    headers: Mapping[str, str] | None = None,
    usage: UsageBook | None = None,
    guests: Guests | None = None,
) -> Generator[Served]:
    """Serve a configuration; changing ``Served.config`` and reloading serves another one."""
    held = dict(given)
    up = threading.Event()
    failure: list[BaseException] = []
    urls: dict[str, str] = {}

    async def settings() -> Settings:
        return settings_from(held, {}).settings

    async def gateway(found: Settings, metrics: Metrics) -> Gateway:
        return Gateway(found, environ={}, observers=[metrics], maker="http1")

    def on_up(places: Sequence[tuple[Listener, str]]) -> None:
        urls.update({listener.name: url for listener, url in places})
        up.set()

    def run() -> None:
        try:
            anyio.run(server.run_until_stopped)
        except BaseException as exc:
            failure.append(exc)
        up.set()

    keyring = Keyring(keys.store) if keys is not None else None

    async def beside(_settings: Settings, _gateway: Gateway) -> Guests:
        assert guests is not None
        return guests

    aside = beside if guests is not None else None
    backing = Backing(settings, make or gateway, stamp, keyring, ready, usage, guests=aside)
    server = Server(backing, on_up=on_up)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(30)
    if failure:
        raise failure[0]
    with httpx2.Client(base_url=next(iter(urls.values())), timeout=30, headers=headers) as client:
        found = Served(server, thread, urls, client, held, failure)
        try:
            yield found
        finally:
            found.stop()
    assert not failure, failure
