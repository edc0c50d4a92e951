"""A real server on loopback in a thread of its own, and a real client that can be cut off at any byte."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from engine.api import Engine
from engine.serve.house import Renewal
from engine.serve.server import EngineServer, Serving
from schemas.events import LoggedRecord
from schemas.gateway import Listener
from schemas.live import LiveEvent, LiveProgress, LiveReset, LiveText
from tests.gateway.server.serving import Keys


@dataclass
class Served:
    """A server that runs; ``stop`` ends it as a signal would."""

    url: str
    client: httpx2.Client
    server: EngineServer
    thread: threading.Thread
    failure: list[BaseException] = field(default_factory=list[BaseException])
    urls: dict[str, str] = field(default_factory=dict[str, str])
    listeners: Sequence[Listener] = ()

    def stop(self) -> None:
        """Stop it and wait."""
        self.server.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def post(self, path: str, body: Any = None, status: int | None = None) -> Any:
        """POST JSON to a path under /runs and return what came back, with that status if one is named."""
        return _json(self.client.post(f"/runs{path}", json=body or {}), status)

    def get(self, path: str, status: int | None = 200) -> Any:
        """GET a path under /runs."""
        return _json(self.client.get(f"/runs{path}"), status)

    def ended(self, run_id: str) -> Any:
        """Wait for a run's end and return its view."""
        self.client.get(f"/runs/{run_id}/events", params={"live": "false"})
        return self.get(f"/{run_id}")

    def asked(self, run_id: str) -> Any:
        """Wait until a run asks a person, and return what."""
        for _ in range(2_000):
            found = self.get(f"/{run_id}")["approvals"]
            if found:
                return found[0]
            threading.Event().wait(0.02)
        raise AssertionError("nothing was asked")

    def until(self, run_id: str, *status: str) -> Any:
        """Wait until a run has a status and return its view."""
        for _ in range(2_000):
            found = self.get(f"/{run_id}")
            if found["status"] in status:
                return found
            threading.Event().wait(0.02)
        raise AssertionError(f"{run_id} is {found['status']}, not {status}")


def _json(response: httpx2.Response, status: int | None) -> Any:
    assert status is None or response.status_code == status, response.text
    return response.json() if response.content else None


@contextmanager
def served(
    make_engine: Callable[[], Engine],
    *,
    listeners: Sequence[Mapping[str, Any]] = ({},),
    hosts: Sequence[str] = (),
    keys: Keys | None = None,
    entered: bool = True,
    renewal: Renewal | None = None,
    **how: Any,
) -> Generator[Served]:
    """Serve an engine, made in the server's own thread and event loop, on free ports."""
    up, made = threading.Event(), list[EngineServer]()
    failure: list[BaseException] = []
    urls: dict[str, str] = {}
    ports = [Listener.model_validate({"port": 0, "allow_hosts": hosts, **each}) for each in listeners]

    def on_up(places: Sequence[tuple[Listener, str]]) -> None:
        urls.update({listener.name: url for listener, url in places})
        up.set()

    async def main() -> None:
        engine = make_engine()
        async with engine if entered else aclosing(engine):
            for key in keys.store._keys.values() if keys is not None else ():  # pyright: ignore[reportPrivateUsage]
                await engine.store.key_store.add(key)
            serving = Serving(**{"grace_s": 0.1, "listeners": ports, **how})
            made.append(EngineServer(engine, serving, on_up=on_up, renewal=renewal))
            await made[0].run_until_stopped()

    def run() -> None:
        try:
            anyio.run(main)
        except BaseException as exc:
            failure.append(exc)
        up.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(20)
    if failure:
        raise failure[0]
    token, url = how.get("token"), next(iter(urls.values()))
    headers = {b"authorization": f"Bearer {token}".encode()} if token else {}
    with httpx2.Client(base_url=url, timeout=20, headers=headers) as client:
        found = Served(url, client, made[0], thread, failure, urls, ports)
        try:
            yield found
        finally:
            found.stop()
    assert not failure, failure


@dataclass
class Message:
    """One server-sent event as a browser reads it."""

    id: str
    data: dict[str, Any]

    @property
    def item(self) -> LoggedRecord | LiveEvent:
        """What was sent."""
        kinds: dict[str, Any] = {"text": LiveText, "reset": LiveReset, "progress": LiveProgress}
        if "seq" in self.data:
            return LoggedRecord.from_json(dict(self.data))
        return kinds[self.data["kind"]].model_validate(self.data)


def messages(raw: bytes) -> Iterator[Message]:
    """Yield the events that are whole in what came: those whose empty line is there."""
    for block in raw.split(b"\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))
        if "data" in lines:
            yield Message(lines.get("id", ""), json.loads(lines["data"]))


def read_bytes(url: str, path: str, last: str, most: int) -> tuple[bytes, bool]:
    """GET a stream over a plain socket, cut the line after ``most`` bytes of it; return it, and whether it ended.

    The body comes chunked; an event is looked for in what is whole of it.
    """
    host, port = urlsplit(url).hostname, urlsplit(url).port
    assert host is not None
    assert port is not None
    with socket.create_connection((host, port), timeout=60) as line:
        head = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n"
        head += f"last-event-id: {last}\r\n" if last else ""
        line.sendall(f"{head}\r\n".encode())
        raw = b""
        while len(raw) < most:
            piece = line.recv(min(4096, most - len(raw)))
            if not piece:
                return _unchunked(raw), True
            raw += piece
    return _unchunked(raw), False


def _unchunked(raw: bytes) -> bytes:
    head, _, rest = raw.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return rest
    body = b""
    while rest:
        size, found, rest = rest.partition(b"\r\n")
        if not found or int(size, 16) == 0:
            break
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body
