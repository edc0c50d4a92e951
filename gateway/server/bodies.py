"""A request's body: in size, in time, as JSON in UTF-8, unpacked where it came packed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

from gateway.server.answering import Receive
from schemas.errors import RequestError, RequestMediaError, RequestSlowError, RequestTooLargeError

PAUSE_S = 20.0
"""A body of which nothing more comes for this long is given up."""
WHOLE_S = 300.0
"""The longest time of a whole body."""
_MOST_SEEN = 200
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

_json_types: set[str] = {"application/json"}
"""Content types seen that are JSON in UTF-8. Bounded: clients can make them up."""


class ClientLeftError(Exception):
    """The client left before its request was whole; there is nobody to answer."""


async def read_body(receive: Receive, headers: Mapping[str, str], most: int) -> bytes:
    """Return the whole body, unpacked.

    Args:
        receive: ASGI's.
        headers: ``content-type``, ``content-length`` and ``content-encoding``, where the client sent them.
        most: The largest body in bytes, packed and unpacked.

    Raises:
        RequestMediaError: It says it is no JSON, not in UTF-8, or packed in a way that is not read here.
        RequestTooLargeError: It is larger; what says so in its head is not read at all.
        RequestSlowError: It did not come in time.
        RequestError: It cannot be unpacked.
        ClientLeftError: The client went away.
    """
    _check_type(headers.get("content-type"))
    packed = headers.get("content-encoding", "identity").strip().lower()
    if packed != "identity" and packed not in _WINDOW:
        raise RequestMediaError(f"content-encoding {packed[:40]!r} is not read here", hint="gzip, deflate, or none")
    length = headers.get("content-length", "")
    if length and length.isdecimal() and int(length) > most:
        raise _too_large(most)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] != "http.request":
        raise ClientLeftError
    if message.get("more_body"):
        body = await _rest(receive, body, most)
    if len(body) > most:
        raise _too_large(most)
    return body if packed == "identity" else _unpacked(body, _WINDOW[packed], most)


async def _rest(receive: Receive, begun: bytes, most: int) -> bytes:
    pieces, size = [begun], len(begun)
    try:
        async with asyncio.timeout(WHOLE_S):
            while size <= most:
                async with asyncio.timeout(PAUSE_S):
                    message = await receive()
                if message["type"] != "http.request":
                    raise ClientLeftError
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise RequestSlowError(f"the request's body did not come in time: {size:,} bytes are here") from None
    return b"".join(pieces)


def _check_type(given: str | None) -> None:
    if given is None or given in _json_types:
        return
    kind, *parameters = (part.strip().lower() for part in given.split(";"))
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise RequestMediaError(f"content-type {kind[:60]!r} is not read here", hint="send application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(" \"'") not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise RequestMediaError(f"charset {value[:40]!r} is not read here", hint="send JSON in UTF-8")
    if len(_json_types) < _MOST_SEEN:
        _json_types.add(given)


def _unpacked(body: bytes, window: int, most: int) -> bytes:
    """Unpack; a body that grows beyond ``most`` is given up at once, however small it came."""
    unpacker = zlib.decompressobj(window)
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error as exc:
        raise RequestError(f"the body cannot be unpacked: {exc}") from None
    if len(found) > most:
        raise _too_large(most)
    if not unpacker.eof:
        raise RequestError("the body cannot be unpacked: it is cut off")
    return found


def _too_large(most: int) -> RequestTooLargeError:
    return RequestTooLargeError(
        f"the request is larger than {most:,} bytes", hint="gateway.body_bytes in engine.yaml is the limit"
    )
