"""The seam: one request out, one answer back, as bytes. Formats, retries, errors and accounting are above it.

Two makers keep the contract: an official SDK's client (``sdk``, on any event loop) and HTTP/1.1 of our own
(``http1``, on asyncio, a tenth of the CPU). Both raise the same typed errors here, so that nobody above knows which
one it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, Self

import anyio

from gateway.providers.base import one_line
from schemas.errors import ModelError, ModelOutputError, ModelTimeoutError, ModelUnavailableError

MAX_BODY_BYTES = 64_000_000

_LINGER_S = 0.2


@dataclass(slots=True, eq=False)
class Sent:
    """One request to a provider's server.

    Attributes:
        where: ``provider/model``, for errors.
        url: The whole address.
        body: JSON.
        headers: All that are ours to say, the key among them; content type and length are the maker's.
        timeout_s: Longest time from sending to the last byte.
        first_token_s: Longest time until the reader says that content came (``Answer.began``); None: no such limit.
        stall_s: Longest silence after that; None: no such limit.
    """

    where: str
    url: str
    body: bytes
    headers: Mapping[str, str] = field(repr=False)
    timeout_s: float
    first_token_s: float | None = None
    stall_s: float | None = None
    method: str = "POST"


class Waits:
    """When an answer is too late: pure, the time is passed in.

    Args:
        sent: What the answer is to.
        now: The time it was sent at, on any clock that only grows.

    Attributes:
        content: Whether content came.
    """

    __slots__ = ("_deadline", "_first", "_heard", "_sent", "content")

    def __init__(self, sent: Sent, now: float) -> None:
        self._sent = sent
        self._deadline = now + sent.timeout_s
        self._first = None if sent.first_token_s is None else now + sent.first_token_s
        self._heard = now
        self.content = False

    def began(self) -> None:
        """Note that content came: from now on silence counts."""
        self.content = True

    def heard(self, now: float) -> None:
        """Note that bytes came."""
        self._heard = now

    @property
    def due(self) -> float:
        """The time from which it is too late, unless something comes before."""
        if not self.content:
            return self._deadline if self._first is None else min(self._deadline, self._first)
        stall_s = self._sent.stall_s
        return self._deadline if stall_s is None else min(self._deadline, self._heard + stall_s)

    def error(self) -> ModelTimeoutError:
        """Return the error for having waited until ``due``."""
        where, sent = self._sent.where, self._sent
        if self.due >= self._deadline:
            said, field_name, limit = f"did not finish within {sent.timeout_s:g} s", "timeout_s", sent.timeout_s
        elif self.content:
            said, field_name, limit = f"fell silent in its reply for {sent.stall_s:g} s", "stall_s", sent.stall_s
        else:
            said, limit = f"sent no first token within {sent.first_token_s:g} s", sent.first_token_s
            field_name = "first_token_s"
        return ModelTimeoutError(
            f"{where} {said}",
            hint=f"raise {field_name} of the provider, or ask for less",
            details={"model": where, field_name: limit},
        )


class Answer(ABC):
    """What came back: its head is there, its body comes. Close it in any case; iterating over it gives its chunks.

    Attributes:
        status: Of HTTP.
        headers: Looked up in any case.
    """

    status: int
    headers: Mapping[str, str]

    @abstractmethod
    async def chunk(self) -> bytes:
        """Return the next bytes as they come, unpacked; none after the last.

        Raises:
            ModelTimeoutError: It took too long.
            ModelUnavailableError: The connection broke off.
            ModelOutputError: The bytes can't be unpacked.
        """

    @abstractmethod
    def began(self) -> None:
        """Note that content came: ``stall_s`` counts from now on, and ``first_token_s`` no more."""

    async def finish(self) -> None:
        """Note that nothing more is wanted: the connection can be used again if the body ends soon, else it is cut."""
        with anyio.move_on_after(_LINGER_S, shield=True), suppress(ModelError):
            while await self.chunk():
                pass

    @abstractmethod
    async def close(self) -> None:
        """Give the connection back; in the middle of the body it is cut at once. May be called twice."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self.chunk()
        if not data:
            raise StopAsyncIteration
        return data

    async def read(self, most: int = MAX_BODY_BYTES, *, where: str = "the provider") -> bytes:
        """Return the rest of the body.

        Raises:
            ModelError: As ``chunk``; ModelOutputError also for more than ``most`` bytes.
        """
        parts: list[bytes] = []
        size = 0
        while data := await self.chunk():
            parts.append(data)
            size += len(data)
            if size > most:
                raise ModelOutputError(f"{where} sent a reply of more than {most:,} bytes", details={"model": where})
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Upstream(Protocol):
    """One provider's server."""

    async def send(self, sent: Sent) -> Answer:
        """Send a request once and return the answer as soon as its head is there, whatever its status.

        Redirects are not followed: a key would go where nobody sent it.

        Cancellation: cuts the connection at once.

        Raises:
            ModelTimeoutError: No head in time.
            ModelUnavailableError: The server can't be reached, or broke off.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections. Nothing can be sent afterwards."""
        ...


def unreachable(where: str, exc: BaseException) -> ModelError:
    """Return the error for a connection that failed, before or after the first byte."""
    return ModelUnavailableError(f"{where} can't be reached or broke off: {said(exc)}", details={"model": where})


def unreadable(where: str, exc: BaseException) -> ModelError:
    """Return the error for bytes that are no HTTP, or can't be unpacked."""
    return ModelOutputError(f"{where} sent what can't be read: {said(exc)}", details={"model": where})


def said(exc: BaseException) -> str:
    """Return what a library's exception says, on one line."""
    return one_line(exc) or type(exc).__name__
