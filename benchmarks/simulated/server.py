"""The simulated model over HTTP: chat completions and messages, streamed and whole, at a model's speed.

``python -m benchmarks.simulated.server`` prints its address and serves until its stdin closes. A run is registered
(``PUT /runs/{token}``: its case and profile), asks at ``/{token}/v1/chat/completions`` or ``/{token}/v1/messages``
as at any provider, and what its calls took is read back (``GET /runs/{token}``); ``GET /prompts`` returns the first
prompt of each system and part, as it came.

Tokens come on an absolute schedule: the n-th is due at the first one's time plus n times the time of a token, however
late one before it was; a sum of sleeps would drift.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any, cast

import uvicorn

from benchmarks.simulated import wires
from benchmarks.simulated.guests import Guest, Guests, Reply
from benchmarks.simulated.oracle import WARM, Said

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Provider:
    """Answers every registered run. One a process."""

    def __init__(self) -> None:
        self._guests = Guests()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        path, method = cast("str", scope["path"]), cast("str", scope["method"])
        body = await _body(receive)
        if path == "/prompts":
            await _json(send, self._guests.prompts)
            return
        if path.startswith("/runs/"):
            await self._register(method, path.removeprefix("/runs/"), body, send)
            return
        token, _, rest = path.strip("/").partition("/")
        guest = self._guests.get(token)
        wire: wires.Wire = "messages" if rest.endswith("messages") else "chat"
        if guest is None:
            await _json(send, wires.error(wire, "not_found_error", f"no run is registered as {token!r}"), 404)
            return
        await self._answer(guest, wire, json.loads(body), receive, send)

    async def _register(self, method: str, token: str, body: bytes, send: Send) -> None:
        if method == "PUT":
            self._guests.register(token, json.loads(body))
            await _json(send, {})
        elif method == "DELETE":
            self._guests.forget(token)
            await _json(send, {})
        else:
            await _json(send, self._guests.calls(token))

    async def _answer(self, guest: Guest, wire: wires.Wire, body: Any, receive: Receive, send: Send) -> None:
        if wires.part_of(str(body["model"])) == WARM:  # no call of the run
            await _json(send, wires.whole(wire, str(body["model"]), Said("pong"), wires.Counts(1, 0, 1), 0))
            return
        reply = self._guests.reply(guest, wire, body, monotonic())
        try:
            if reply.error:
                await _json(send, wires.error(wire, reply.error, "simulated"), reply.call.status, _waits(guest, reply))
            elif body.get("stream"):
                await _stream(reply, reply.events(wire), receive, send)
            elif reply.call.fault == "cut":
                await _break_off(reply, wire, send)
            else:
                await _until(reply.pace.due(len(reply.written)))
                await _json(send, reply.whole(wire))
        finally:
            guest.ended(reply.call, monotonic())


def _waits(guest: Guest, reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return the headers that say when to come back."""
    if reply.call.fault != "rate_limit":
        return []
    wait_ms = guest.profile.retry_after_s / guest.profile.speed * 1_000
    return [(b"retry-after", b"%d" % max(1, round(wait_ms / 1_000))), (b"retry-after-ms", b"%d" % wait_ms)]


async def _until(due: float) -> None:
    wait = due - monotonic()
    if wait > 0:
        await asyncio.sleep(wait)


async def _stream(reply: Reply, events: wires.Events, receive: Receive, send: Send) -> None:
    left = asyncio.create_task(_left(receive))
    told, gone, cut = 0, False, reply.call.fault == "cut"
    try:
        await _start(send, 200, [(b"content-type", b"text/event-stream; charset=utf-8")])
        pending = events.head()
        last = len(reply.written) // 2 if cut else len(reply.written)
        for number, (index, text) in enumerate(reply.written[:last], 1):
            await _until(reply.pace.due(number))
            if left.done():
                gone = True
                return
            await send({"type": "http.response.body", "body": pending + events.token(index, text), "more_body": True})
            pending, told = b"", number
        if cut:
            gone = True
            raise ConnectionResetError("simulated")
        await send({"type": "http.response.body", "body": pending + events.end(), "more_body": False})
    finally:
        left.cancel()
        if gone:
            reply.call.left(told)


async def _break_off(reply: Reply, wire: wires.Wire, send: Send) -> None:
    """Send half of an answer that is no stream, in half the time, and drop the connection."""
    half = len(reply.written) // 2
    await _until(reply.pace.due(half))
    body = json.dumps(reply.whole(wire), ensure_ascii=False).encode()
    reply.call.left(half)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await _start(send, 200, headers)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    raise ConnectionResetError("simulated")


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _json(send: Send, value: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *(headers or ())]
    await _start(send, status, told)
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)


def main() -> None:
    """Serve until stdin closes."""
    server = _Server(
        uvicorn.Config(
            cast("Any", Provider()), host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none"
        )
    )

    def wait() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
