"""A client's call on its way through the gateway: its bytes, for whom, and what goes back."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic_core import from_json

from gateway.splice import with_member, with_model
from schemas.errors import ModelRequestError
from schemas.gateway import WireFormat

DEADLINE = "x-engine-deadline"
"""Header of a request: seconds the whole call may take, waits, retries and fallbacks included; ``30`` or ``30s``."""

_MOST_HEADER = 2_000
_SECONDS = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*s?\s*")


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
            parsed = _json(self.body)
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

    @property
    def deadline_s(self) -> float | None:
        """Seconds the client gives the whole call; None where it does not say.

        Raises:
            ModelRequestError: The header is no number above 0.
        """
        said = self.headers.get(DEADLINE)
        if said is None:
            return None
        match = _SECONDS.fullmatch(said)
        if match is None or float(match[1]) <= 0:
            raise ModelRequestError(
                f"{DEADLINE} {said[:40]!r} is no number of seconds above 0", hint="such as 30", details={"status": 400}
            )
        return float(match[1])

    @property
    def tells_usage(self) -> bool:
        """Whether a streamed answer in this format tells its usage in any case, or because the client asks for it."""
        if self.format != "chat" or not self.streamed:
            return True
        options: Any = self.parsed.get("stream_options")
        return isinstance(options, dict) and cast("dict[str, Any]", options).get("include_usage") is True

    def changed(self, parsed: dict[str, Any]) -> ClientCall:
        """Return the call with another body: what filters made of it."""
        body = json.dumps(parsed, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
        return ClientCall(self.format, body, self.headers, self.request_id, parsed)

    def naming(self, model: str, *, usage: bool = False) -> bytes:
        """Return the body with another model's name in it, every other byte as it came.

        Args:
            model: The name put in.
            usage: Whether ``stream_options`` shall ask for the usage, whatever the client said of it.
        """
        named = with_model(self.body, self.parsed, model)
        if not usage:
            return named
        options: Any = self.parsed.get("stream_options")
        own = cast("dict[str, Any]", options) if isinstance(options, dict) else {}
        return with_member(named, self.parsed, "stream_options", {**own, "include_usage": True})


def _json(body: bytes) -> Any:
    """Return a body as JSON; what the fast parser does not take (UTF-16, half a surrogate pair) the other one may."""
    try:
        return from_json(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except RecursionError:
        why = "it is nested too deep"
    except ValueError as exc:
        why = "it holds a number of thousands of digits" if "int_max_str_digits" in str(exc) else str(exc)
    raise ModelRequestError(f"the body is no JSON: {why}", details={"status": 400})


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


def plain(text: str) -> bytes:
    """Return a text as the value of a header: one short line of ASCII, whatever a client wrote into it.

    >>> plain("a/m failed 2×; x\\r\\ny: z")
    b'a/m failed 2x; x??y: z'
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if " " <= c <= "~" else "?" for c in text.replace("×", "x"))
    return text[:_MOST_HEADER].encode()
