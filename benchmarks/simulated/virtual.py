"""The simulated model inside this process, on a virtual clock: the same bytes, no socket, and no time but its own.

What waits here wakes at exactly its time, so that a run's seconds are its own to the last digit, whatever the machine
does meanwhile. Only systems of this process can be run so.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import anyio

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.world import Clock
from benchmarks.simulated import wires
from benchmarks.simulated.guests import Guest, Guests, Reply
from benchmarks.simulated.oracle import WARM, Said
from benchmarks.simulated.profile import Profile
from gateway.upstream.base import Answer, Sent
from schemas.errors import ModelUnavailableError

ADDRESS = "http://virtual.invalid"
CLOCK = Clock(anyio.current_time, anyio.sleep)
"""The event loop's own: virtual where ``virtually`` runs it."""


@dataclass(slots=True)
class VirtualProvider:
    """Where the models are, for a runner; and what carries requests to them, for a gateway (an ``Upstream``)."""

    _guests: Guests = field(default_factory=Guests)

    async def register(self, token: str, case: Case, profile: Profile, system: str) -> str:
        """Register a run and return the base URL of its models."""
        self._guests.enter(token, Guest(case, profile, system))
        return f"{ADDRESS}/{token}"

    async def calls(self, token: str) -> list[Mapping[str, Any]]:
        """Return what a run's calls took, and forget the run."""
        found = self._guests.calls(token)
        self._guests.forget(token)
        return [*found]

    async def prompts(self) -> dict[str, str]:
        """Return the first prompt that each system sent for each part, tools and all, by ``system: part``."""
        return self._guests.prompts

    async def send(self, sent: Sent) -> Answer:
        """Take a request.

        Raises:
            ModelUnavailableError: No run is registered at its address.
        """
        token, _, rest = urlsplit(sent.url).path.strip("/").partition("/")
        guest = self._guests.get(token)
        if guest is None:
            raise ModelUnavailableError(f"no run is registered as {token!r}")
        wire: wires.Wire = "messages" if rest.endswith("messages") else "chat"
        body = json.loads(sent.body)
        if wires.part_of(str(body["model"])) == WARM:
            return _Written(wires.whole(wire, str(body["model"]), Said("pong"), wires.Counts(1, 0, 1), 0))
        reply = self._guests.reply(guest, wire, body, anyio.current_time())
        if reply.error:
            guest.ended(reply.call, anyio.current_time())
            return _Written(wires.error(wire, reply.error, "simulated"), reply.call.status, _waits(guest, reply))
        if body.get("stream"):
            return _Streamed(guest, reply, wire)
        cut = reply.call.fault == "cut"
        written = len(reply.written) // 2 if cut else len(reply.written)
        await anyio.sleep_until(reply.pace.due(written))
        if cut:
            reply.call.left(written)
        guest.ended(reply.call, anyio.current_time())
        if cut:
            raise ModelUnavailableError("the simulated reply broke off")
        return _Written(reply.whole(wire))

    async def aclose(self) -> None:
        """Nothing is open."""


def _waits(guest: Guest, reply: Reply) -> dict[str, str]:
    return {"retry-after": f"{guest.profile.retry_after_s:g}"} if reply.call.fault == "rate_limit" else {}


class _Written(Answer):
    """An answer that is there as a whole."""

    def __init__(self, told: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = {"content-type": "application/json", **(headers or {})}
        self._left = json.dumps(told, ensure_ascii=False).encode()

    async def chunk(self) -> bytes:
        """Return all of it, once."""
        left, self._left = self._left, b""
        return left

    def began(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""


class _Streamed(Answer):
    """An answer that comes token by token, each at its time."""

    def __init__(self, guest: Guest, reply: Reply, wire: wires.Wire) -> None:
        self.status, self.headers = 200, {"content-type": "text/event-stream"}
        self._guest, self._reply, self._events = guest, reply, reply.events(wire)
        cut = reply.call.fault == "cut"
        self._left = deque(reply.written[: len(reply.written) // 2 if cut else None])
        self._told, self._open, self._cut = 0, True, cut

    async def chunk(self) -> bytes:
        """Return the next token's event.

        Raises:
            ModelUnavailableError: The stream is one that is cut.
        """
        if self._left:
            await anyio.sleep_until(self._reply.pace.due(self._told + 1))
            index, text = self._left.popleft()
            head = b"" if self._told else self._events.head()
            self._told += 1
            last = b"" if self._left or self._cut else self._end()
            return head + self._events.token(index, text) + last
        if self._cut:
            raise ModelUnavailableError("the simulated stream was cut")
        return b""

    def began(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Note what the client did not wait for."""
        if self._open:
            self._open = False
            self._reply.call.left(self._told)
            self._guest.ended(self._reply.call, anyio.current_time())

    def _end(self) -> bytes:
        self._open = False
        self._guest.ended(self._reply.call, anyio.current_time())
        return self._events.end()
