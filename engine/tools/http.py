"""One HTTP exchange for a tool: capped in size, to addresses that were checked.

The name is resolved here, every address it has is checked, and the connection is made to one of these very addresses
while Host header and TLS keep the name: a name that resolves to something else a moment later (DNS rebinding) gains
nothing. No redirect is followed, no cookie kept, no proxy and no .netrc of the environment used.
"""

from __future__ import annotations

import functools
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio

from engine.tools.failures import describe
from schemas.errors import EngineError, ToolFailedError, ToolUnavailableError

if TYPE_CHECKING:
    import httpcore2

ACCEPTED_ENCODINGS = "gzip, deflate"
_GZIP_OR_ZLIB = 47  # zlib's window bits: either header, found by itself
_CHUNK = 65_536

Check = Callable[[str, str], None]
"""(host, an address it resolved to): raises a ToolError where that may not be reached."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. The URL is absolute and already encoded."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are lower case, ``truncated`` tells that the body was longer than asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer whose body is still on its way; header names are lower case, the chunks as they came."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncGenerator[bytes]


@asynccontextmanager
async def opened(order: Order, *, check: Check | None = None) -> AsyncGenerator[Incoming]:
    """Send one request and give its answer to read, piece by piece; leaving the block closes the connection.

    Raises:
        ToolFailedError, ToolUnavailableError: As ``exchange``; reading the chunks raises them, too.

    Cancellation: the connection is closed at once; there is no deadline here but the caller's.
    """
    place = _place(order.url)
    plain = (("Accept-Encoding", "identity"),)
    async with AsyncExitStack() as stack:
        try:
            response = await stack.enter_async_context(_answer(order, check, plain))
        except EngineError:
            raise
        except Exception as exc:
            raise _failure(exc, place) from exc
        yield Incoming(response.status, _lower(response), _told(response.aiter_stream(), place))


async def _told(chunks: AsyncGenerator[bytes], place: str) -> AsyncGenerator[bytes]:
    """Yield chunks; what goes wrong on the way is said in our terms."""
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
    except EngineError:
        raise
    except Exception as exc:
        raise _failure(exc, place) from exc


def _lower(response: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


async def exchange(order: Order, *, max_bytes: int, check: Check | None = None) -> Reply:
    """Send one request and read its answer, decompressed, up to ``max_bytes``.

    Raises:
        ToolFailedError: The address is refused, its certificate is wrong, or the answer cannot be read.
        ToolUnavailableError: No answer: not reached, or broken off. ``details["ambiguous"]`` is False when the
            request was certainly not sent.

    Cancellation: the connection is closed at once; there is no deadline here but the caller's.
    """
    place = _place(order.url)
    try:
        async with _answer(order, check) as response:
            headers = _lower(response)
            body, truncated = await _read(response.aiter_stream(), headers, max_bytes)
            return Reply(response.status, headers, body, truncated)
    except EngineError:
        raise
    except zlib.error as exc:
        raise ToolFailedError(f"the answer of {place} cannot be decompressed ({exc})") from None
    except Exception as exc:
        raise _failure(exc, place) from exc


@asynccontextmanager
async def _answer(
    order: Order, check: Check | None, coding: tuple[tuple[str, str], ...] = (("Accept-Encoding", ACCEPTED_ENCODINGS),)
) -> AsyncGenerator[httpcore2.Response]:
    import httpcore2  # a third of a second: only when a request is made

    backend: Any = _Pinned(check)
    length = (("Content-Length", str(len(order.body))),) if order.body is not None else ()
    sent = [*order.headers, *coding, *length]
    headers = [(name.encode(), value.encode()) for name, value in [("Host", _place(order.url)), *sent]]
    async with (
        httpcore2.AsyncConnectionPool(ssl_context=_tls(), max_connections=1, network_backend=backend) as pool,
        pool.stream(order.method, order.url, headers=headers, content=order.body) as response,
    ):
        yield response


@functools.cache
def _tls() -> ssl.SSLContext:
    import httpcore2

    return httpcore2.default_ssl_context()


class _Pinned:
    """Connects to an address that was resolved and checked here (an ``AsyncNetworkBackend`` of httpcore2)."""

    def __init__(self, check: Check | None) -> None:
        self._check = check

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, check every address, and connect to the first that answers."""
        import httpcore2

        name = host.strip("[]")
        addresses = await resolve(name, port)
        for address in addresses:
            if self._check is not None:
                self._check(name, address)
        backend: Any = httpcore2.AnyIOBackend()
        failure: Exception | None = None
        for address in addresses:
            try:
                return await backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
        raise failure or httpcore2.ConnectError(f"{name} has no address")

    async def sleep(self, seconds: float) -> None:
        """Wait (the pool's own retries)."""
        await anyio.sleep(seconds)


async def resolve(host: str, port: int) -> list[str]:
    """Return a host's addresses, each once, in the system's order.

    Raises:
        ToolFailedError: There is no such host.
        ToolUnavailableError: It could not be asked now.
    """
    literal = _literal(host)
    if literal is not None:
        return [literal]
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as exc:
        if exc.errno == socket.EAI_AGAIN:
            raise ToolUnavailableError(f"{host} cannot be resolved now", details={"ambiguous": False}) from exc
        raise ToolFailedError(f"there is no host {host}") from exc
    except UnicodeError:
        raise ToolFailedError(f"there is no host {host}: it is no valid name") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _literal(host: str) -> str | None:
    """Return the address a host is written as, in any of the forms that the system's resolver takes for one.

    >>> _literal("2130706433"), _literal("0x7f.1"), _literal("::1"), _literal("example.com")
    ('127.0.0.1', '127.0.0.1', '::1', None)
    """
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


async def _read(chunks: AsyncGenerator[bytes], headers: Mapping[str, str], most: int) -> tuple[bytes, bool]:
    """Read up to ``most`` bytes; what is compressed is unpacked no further than that, however small it came."""
    unpack = _unpacker(headers.get("content-encoding", ""))
    body, received = bytearray(), 0
    async with aclosing(chunks):
        async for chunk in chunks:
            received += len(chunk)
            body += unpack(chunk, most + 1 - len(body)) if unpack else chunk
            if len(body) > most or received > most + _CHUNK:
                return bytes(body[:most]), True
    return bytes(body), False


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes] | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in ("gzip", "x-gzip", "deflate"):
        raise ToolFailedError(f"the answer is compressed by {encoding[:40]}, which was not asked for")
    unzip = zlib.decompressobj(_GZIP_OR_ZLIB)
    begun = False

    def unpack(data: bytes, room: int) -> bytes:
        nonlocal unzip, begun
        try:
            unpacked = unzip.decompress(data, room)
        except zlib.error:
            if begun or name != "deflate":
                raise
            unzip = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers send deflate without its header
            unpacked = unzip.decompress(data, room)
        begun = True
        return unpacked

    return unpack


def _failure(exc: Exception, place: str) -> EngineError:
    """Say in our terms why there is no answer; connecting failed before anything was sent."""
    import httpcore2

    certificate = next((link for link in _chain(exc) if isinstance(link, ssl.SSLError)), None)
    if certificate is not None and isinstance(exc, httpcore2.ConnectError):
        return ToolFailedError(f"no safe connection to {place}: {describe(certificate)}")
    if isinstance(exc, (httpcore2.ConnectError, httpcore2.ConnectTimeout)):
        return ToolUnavailableError(f"{place} cannot be reached: {_reason(exc)}", details={"ambiguous": False})
    if isinstance(exc, (httpcore2.NetworkError, httpcore2.RemoteProtocolError, httpcore2.TimeoutException)):
        return ToolUnavailableError(f"{place} broke off: {_reason(exc)}")
    return ToolFailedError(f"the request to {place} failed: {describe(exc)}")


def _chain(exc: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while exc is not None and len(links) < 10:
        links.append(exc)
        exc = exc.__cause__ or exc.__context__
    return links


def _reason(exc: Exception) -> str:
    text = " ".join(str(exc).split())
    return text[:200] or type(exc).__name__


def _place(url: str) -> str:
    """Return host and port of a URL: what may be shown of it, as its query may hold a secret.

    >>> _place("https://api.example.com:8443/v1?key=secret")
    'api.example.com:8443'
    """
    return url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
