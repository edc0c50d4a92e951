"""A client's call on its way through the gateway: its bytes, for whom, and what goes back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from schemas.errors import ModelRequestError
from schemas.gateway import WireFormat


@dataclass(slots=True, eq=False)
class ClientCall:
    """What a client sent.

    Attributes:
        format: How it is written.
        body: The bytes, as they came.
        headers: Of the request, names in lower case; only those that providers may see or that we heed.
        request_id: Ours, told in every answer, log line and span.
    """

    format: WireFormat
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    request_id: str = ""
    _parsed: dict[str, Any] | None = None

    @property
    def parsed(self) -> dict[str, Any]:
        """The body as JSON, parsed once.

        Raises:
            ModelRequestError: It is no JSON object.
        """
        if self._parsed is None:
            try:
                parsed: Any = json.loads(self.body)
            except (ValueError, RecursionError) as exc:
                raise ModelRequestError(f"the body is no JSON: {exc}", details={"status": 400}) from None
            if not isinstance(parsed, dict):
                raise ModelRequestError("the body is no JSON object", details={"status": 400})
            self._parsed = cast("dict[str, Any]", parsed)
        return self._parsed

    @property
    def model(self) -> str:
        """The name asked for; empty where none is."""
        name = self.parsed.get("model")
        return name if isinstance(name, str) else ""

    @property
    def streamed(self) -> bool:
        """Whether the answer is to be streamed."""
        return self.parsed.get("stream") is True


@dataclass(slots=True, eq=False)
class WireReply:
    """What goes back to the client: its head at once, its body as it comes.

    Attributes:
        status: Of HTTP.
        headers: Names in lower case; content type, route, cost and the like, never the provider's cookies.
        body: Whole events of a stream, or a whole body. Closing it early closes the provider's stream at once.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: AsyncIterator[bytes]
