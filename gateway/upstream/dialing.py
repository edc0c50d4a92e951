"""Where connections to a server begin: its addresses, its certificate, and the proxy that leads there. asyncio only.

Proxies of the environment are heeded, and looked up once. Certificates are checked against the system's.
"""

from __future__ import annotations

import asyncio
import base64
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
_Addresses = Sequence[Any]  # as ``socket.getaddrinfo`` has them
P = TypeVar("P", bound=asyncio.Protocol)


class Origin:
    """One server, and the way to it.

    Args:
        url: Any address of it; what follows its port is not looked at.

    Attributes:
        name: Scheme, host and port.
        authority: What stands in ``Host``.
        proxy: What leads there, as the environment says; None: nothing has to.
        prefix: What stands before a request's path: nothing, or all of the address where a proxy forwards requests.
        fields: Lines of a request's head that are for the proxy.

    Raises:
        ValueError: The address is none, or the proxy is of a kind that is not spoken.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self._port = _place(parts)
        self._tls = parts.scheme == "https"
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.authority = shown if self._port == _PORTS[parts.scheme] else f"{shown}:{self._port}"
        self.name = f"{parts.scheme}://{shown}:{self._port}"
        self.proxy = _proxy(parts.scheme, self.host)
        self._first = (self.host, self._port) if self.proxy is None else _place(self.proxy)
        passed_on = self.proxy is not None and not self._tls
        self.prefix = f"http://{self.authority}" if passed_on else ""
        self.fields = _authorized(self.proxy) if passed_on else ""
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
            opened = await aiohappyeyeballs.start_connection(
                await self._addresses(loop), happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1
            )
            try:
                if self._tls and self.proxy is not None:
                    await self._tunnel(opened, self.proxy)
                await loop.create_connection(
                    lambda: protocol,
                    sock=opened,
                    ssl=_trust() if self._tls else None,
                    server_hostname=self.host if self._tls else None,
                )
            except BaseException:
                opened.close()
                raise
        return protocol

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
        except OSError:
            if self._found is found:
                self._found = None
            raise

    async def _tunnel(self, opened: socket.socket, proxy: SplitResult) -> None:
        """Have a proxy lead to the server. Raises OSError.

        Source: RFC 9110 section 9.3.6.
        """
        loop = asyncio.get_running_loop()
        target = self.name.partition("://")[2]
        asked = f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{_authorized(proxy)}\r\n"
        await loop.sock_sendall(opened, asked.encode())
        told = b""
        while b"\r\n\r\n" not in told:
            more = await loop.sock_recv(opened, 4096)
            told += more
            if not more or len(told) > _HEAD_BYTES:
                raise ConnectionError("the proxy broke off")
        status = told.split(maxsplit=2)[1:2]
        if not told.startswith(b"HTTP/1.") or not status or not status[0].startswith(b"2"):
            said = status[0].decode("ascii", "replace") if status else "nothing that is HTTP"
            raise ConnectionError(f"the proxy answered {said}")


async def _looked_up(host: str, port: int) -> _Addresses:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found:
        raise OSError(f"{host} has no address")
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
    return host, parts.port or _PORTS[parts.scheme]


def _proxy(scheme: str, host: str) -> SplitResult | None:
    """Return the proxy that the environment names for a server."""
    if proxy_bypass(host):
        return None
    proxies = getproxies()
    named = proxies.get(scheme) or proxies.get("all")
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http":
        raise ValueError(f"the environment names a proxy that speaks {proxy.scheme}; only http:// is spoken")
    return proxy


def _authorized(proxy: SplitResult | None) -> str:
    """Return the line that a proxy wants to know its users by."""
    if proxy is None or not proxy.username:
        return ""
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"proxy-authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"


@cache
def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
