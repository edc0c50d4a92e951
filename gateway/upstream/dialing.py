"""Where connections to a server begin: its addresses, its certificate, and the proxy that leads there. asyncio only.

Proxies of the environment are heeded, and looked up once. Certificates are checked against the system's.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import ssl
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohappyeyeballs

CONNECT_S = 30.0

_NEXT_ADDRESS_S = 0.25  # RFC 8305 section 5
_LOOKED_UP_S = 10.0
_PORTS = {"http": 80, "https": 443}
_HEAD_BYTES = 65_536
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+(?:%[\w.-]+)?", re.ASCII)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_KEPT_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
_Addresses = Sequence[Any]  # as ``socket.getaddrinfo`` has them
P = TypeVar("P", bound=asyncio.Protocol)


class Origin:
    """One server, and the way to it.

    Args:
        url: Any address of it; what follows its port is not looked at.

    Attributes:
        name: Scheme, host and port.
        tls: Whether it is spoken to in private.
        authority: What stands in ``Host``.
        proxy: What leads there, as the environment says; None: nothing has to.
        prefix: What stands before a request's path: nothing, or all of the address where a proxy forwards requests.
        login: What such a proxy knows its users by, if anything.

    Raises:
        ValueError: The address is none, or the proxy is of a kind that is not spoken.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self._port = _place(parts)
        self.tls = parts.scheme == "https"
        self._known_as = self.host.partition("%")[0].rstrip(".")  # no certificate holds a zone, or the root's dot
        shown = f"[{self._known_as}]" if ":" in self.host else self.host
        self.authority = shown if self._port == _PORTS[parts.scheme] else f"{shown}:{self._port}"
        self.name = f"{parts.scheme}://{shown}:{self._port}"
        self.proxy = _proxy(parts.scheme, self.host, self._port)
        self._first = (self.host, self._port) if self.proxy is None else _place(self.proxy)
        passed_on = self.proxy is not None and not self.tls
        self.prefix = f"http://{self.authority}" if passed_on else ""
        self.login = login(self.proxy) if passed_on else ""
        self._found: asyncio.Task[_Addresses] | None = None
        self._found_until = 0.0

    async def dial(self, protocol: P) -> P:
        """Open a connection; its protocol has its transport then.

        Cancellation: what was begun is closed.

        Raises:
            OSError: Nobody answers there (``ssl.SSLError``: or it is somebody else).
            TimeoutError: Not within ``CONNECT_S``.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_S):
            opened = await self._connected(loop)
            try:
                if self.tls and self.proxy is not None:
                    await self._tunnel(opened, self.proxy)
                await loop.create_connection(
                    lambda: protocol,
                    sock=opened,
                    ssl=trust() if self.tls else None,
                    server_hostname=self._known_as if self.tls else None,
                )
            except BaseException:
                opened.close()
                raise
        return protocol

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        """Return a connection to the first address that answers. Raises OSError, without the address in it."""
        addresses = await self._addresses(loop)
        try:
            opened = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1
            )
        except OSError as exc:
            raise ConnectionError(os.strerror(exc.errno) if exc.errno else str(exc)) from None
        except RuntimeError as exc:  # some of uvloop's are
            raise ConnectionError(str(exc)) from None
        _keep_alive(opened)
        return opened

    async def _addresses(self, loop: asyncio.AbstractEventLoop) -> _Addresses:
        """Return where to try, looked up once for all that ask at a time and a little while after."""
        if self._found is None or loop.time() > self._found_until:
            host, port = self._first
            self._found = loop.create_task(_looked_up(host, port))
            self._found.add_done_callback(_heeded)
            self._found_until = loop.time() + _LOOKED_UP_S
        found = self._found
        try:
            return await asyncio.shield(found)
        except Exception:
            if self._found is found:
                self._found = None
            raise

    async def _tunnel(self, opened: socket.socket, proxy: SplitResult) -> None:
        """Have a proxy lead to the server. Raises OSError.

        Source: RFC 9110 section 9.3.6.
        """
        loop = asyncio.get_running_loop()
        target = self.name.partition("://")[2]
        known = f"proxy-authorization: {login(proxy)}\r\n" if login(proxy) else ""
        await loop.sock_sendall(opened, f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{known}\r\n".encode())
        told = b""
        while b"\r\n\r\n" not in told:
            more = await loop.sock_recv(opened, 4096)
            told += more
            if not more or len(told) > _HEAD_BYTES:
                raise ConnectionError("the proxy broke off")
        status = _STATUS.match(told)
        if status is None:
            raise ConnectionError("the proxy answered nothing that is HTTP")
        if not status[1].startswith(b"2"):
            raise ConnectionError(f"the proxy answered {status[1].decode()}")
        if not told.endswith(b"\r\n\r\n") or told.count(b"\r\n\r\n") > 1:
            raise ConnectionError("the proxy sent more than its answer")


def login(parts: SplitResult | None) -> str:
    """Return what user and password in an address are said as, or nothing.

    Source: RFC 7617.
    """
    if parts is None or not (parts.username or parts.password):
        return ""
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(user.encode()).decode()}"


def _keep_alive(opened: socket.socket) -> None:
    """Have the system look whether the other side is still there, and be seen by whatever forgets silent connections:
    a model may think for many minutes.
    """
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEPT_ALIVE:
        if hasattr(socket, name):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _looked_up(host: str, port: int) -> _Addresses:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as exc:
        raise OSError(f"the name of its server can't be looked up: {exc.strerror}") from None
    if not found:
        raise OSError("the name of its server has no address")
    return found


def _heeded(found: asyncio.Task[_Addresses]) -> None:
    """Look at how a search ended that nobody may wait for any more."""
    if not found.cancelled():
        found.exception()


def _place(parts: SplitResult) -> tuple[str, int]:
    host = parts.hostname
    if parts.scheme not in _PORTS or not host:
        raise ValueError("the address is none of http:// or https://")
    if not host.isascii():
        host = host.encode("idna").decode()
    if not _HOST.fullmatch(host):
        raise ValueError("the host in the address is none")
    return host, parts.port or _PORTS[parts.scheme]


def _proxy(scheme: str, host: str, port: int) -> SplitResult | None:
    """Return the proxy that the environment names for a server."""
    proxies = getproxies()
    named = proxies.get(scheme) or proxies.get("all")
    if not named or proxy_bypass(host) or proxy_bypass(f"{host}:{port}"):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http":
        raise ValueError(f"the environment names a proxy that speaks {proxy.scheme}; only http:// is spoken")
    if not proxy.hostname:
        raise ValueError("the environment names a proxy without a host")
    return proxy


@cache
def trust() -> ssl.SSLContext:
    """Return whom to believe: the system's certificates (``SSL_CERT_FILE``, ``SSL_CERT_DIR``), read once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
