"""The contract of a provider that takes clients' own bytes: same format on both sides, nothing translated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from gateway.limits import Quota
from gateway.upstream.base import Answer
from gateway.wire.base import Meter
from schemas.errors import ModelError
from schemas.gateway import WireFormat
from schemas.model import ModelRequest


@runtime_checkable
class Relayer(Protocol):
    """A ``Provider`` that can also pass bytes on. It makes exactly one attempt, as ``Provider`` does."""

    @property
    def formats(self) -> Collection[WireFormat]:
        """The request formats that its server takes as they are."""
        ...

    def takes(self, format: WireFormat, model: str) -> bool:  # noqa: A002
        """Whether a model is served in a format; a client's call in any other is translated."""
        ...

    async def relay(
        self,
        format: WireFormat,  # noqa: A002  one word per thing
        model: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        streamed: bool,
    ) -> Answer:
        """Send a client's request as it is and return the answer once its head is there; close it in any case.

        Its time limits are those of the provider: ``first_token_s`` and ``stall_s`` of a streamed answer, too.

        Args:
            format: How the body is written; one of ``formats``.
            model: For errors; the body names it already.
            body: What is sent, byte for byte.
            headers: The client's own that its format knows (such as ``anthropic-beta``), names in lower case.
            timeout_s: Longest time to the last byte.
            streamed: Whether the body asks for a stream.

        Cancellation: cuts the connection at once.

        Raises:
            ModelError: The server can't be reached, or answered with another status than 2xx: classified, with its
                ``status`` and ``retry_after_s`` in ``details``, and without the key.
            ConfigError: The API key is missing.
        """
        ...

    async def count(self, model: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> bytes | None:
        """Return the server's own answer to how many tokens a request of the Messages API has; None: it does not count.

        Raises:
            ModelError: The server can't be reached in time, or refuses the request.
            ConfigError: The API key is missing.
        """
        ...

    def lost(self, model: str, request: ModelRequest) -> tuple[str, ...]:
        """Return the wishes of a translated request that its format has no words for."""
        ...

    def meter(self, format: WireFormat) -> Meter:  # noqa: A002
        """Return a meter for one answer in a format."""
        ...

    def quota(self, model: str) -> Quota | None:
        """Return what the server said of its limits since this was asked before, beside whatever answer."""
        ...

    def told(self, model: str, error: object) -> ModelError:
        """Return our error for one told inside an answer whose status says success (``Meter.error``)."""
        ...
