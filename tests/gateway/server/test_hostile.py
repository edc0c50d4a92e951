"""Clients that leave all at once, keys that end meanwhile: nothing stays reserved, held or open."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import anyio
import pytest

from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from gateway.server.metrics import Metrics
from schemas.settings import Settings
from tests.gateway.server.serving import Keys, Served, chat, config, served
from tests.wire.replies import say
from tests.wire.server import WireServer

PRICED = {"name": "m", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0}
CLIENTS = 24


def until(holds: Callable[[], bool], said: str) -> None:
    """Wait for something that comes soon."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, said
        time.sleep(0.02)


def streaming(gateway: Served, stack: ExitStack, secret: str) -> socket.socket:
    """A client that has asked for a stream."""
    client = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.client.base_url.port or 0)))
    body = json.dumps(chat(stream=True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {secret}\r\n"
    client.sendall(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    return client


@pytest.mark.parametrize("abruptly", [True, False])
def test_clients_that_leave_at_once_hold_nothing(abruptly: bool) -> None:
    """B68: of streams that are cut all at once no reservation, no place in line and no connection is left."""
    ledger, keys, made = MemoryLedger(), Keys(), list[Gateway]()

    async def make(settings: Settings, metrics: Metrics) -> Gateway:
        made.append(Gateway(settings, environ={}, observers=[metrics], ledger=ledger, maker="http1"))
        return made[-1]

    with WireServer(lambda request, path: say(request, path, "hi " * 3000, split=200, pause_s=0.05)) as upstream:
        given = config(upstream.url, gateway={"budgets": [{"of": "all", "usd": 100}]})
        given["model_providers"][0]["models"] = [{**PRICED, "max_parallel": CLIENTS}]
        with served(given, make=make, keys=keys) as gateway, ExitStack() as stack:
            secret = keys.add("k", usd=50, scopes=("admin",))
            gateway.client.headers["authorization"] = f"Bearer {secret}"
            clients = [streaming(gateway, stack, secret) for _ in range(CLIENTS)]
            assert {client.recv(12) for client in clients} == {b"HTTP/1.1 200"}
            assert gateway.metric("in_flight") == CLIENTS
            for client in clients:
                if abruptly:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                client.close()
            until(lambda: gateway.metric("in_flight") == 0, "calls go on")
            until(lambda: gateway.metric("running") == 0, "places are held")
            assert gateway.metric("clients_left_total") == CLIENTS
        accounts = anyio.run(ledger.accounts)
        assert {one.scope.partition("@")[0] for one in accounts} == {"all", "key:k_k"}
        assert all(one.reserved == 0 and one.spent > 0 for one in accounts if one.measure == "usd")


def test_a_key_that_is_revoked_ends_no_stream() -> None:
    """B74: a stream that runs when its key is revoked ends whole, and is the key's last."""
    keys = Keys()
    script = WireServer(lambda request, path: say(request, path, "hi " * 10, split=100, pause_s=0.05))
    with script as upstream, served(config(upstream.url), keys=keys) as gateway:
        secret, kept = keys.add("k"), keys.store._keys  # pyright: ignore[reportPrivateUsage] (no event loop here)
        gateway.client.headers["authorization"] = f"Bearer {secret}"
        with gateway.client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as response:
            lines = response.iter_lines()
            next(lines)
            kept["k_k"] = kept["k_k"].model_copy(update={"revoked_at": 1.0})
            rest = [line for line in lines if line]
        assert (response.status_code, rest[-1]) == (200, "data: [DONE]")
        until(lambda: gateway.post("/v1/chat/completions", chat()).status_code == 401, "the key is still taken")
