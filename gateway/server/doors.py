"""From where requests may come: under which names of a server, from which sites' pages.

A server on this machine is within reach of every web page that its user opens. Such a page cannot read the answers
where no CORS headers are sent, but it could send requests, or be served under a name that suddenly means 127.0.0.1.
Source: RFC 6454 (Origin), https://fetch.spec.whatwg.org/#http-cors-protocol.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from schemas.errors import OriginError

_LOCAL = ("localhost", "127.0.0.1", "::1")
_MOST_SEEN = 1_000


class Doors:
    """Lets requests in by their ``Host`` and ``Origin``.

    Args:
        hosts: Names the server is called by, beside those of this machine; empty: any.
        origins: Sites whose pages may use it, as browsers write them (``https://chat.example``); ``*``: every one.
        hint: What adds a name.
    """

    def __init__(self, hosts: Collection[str], origins: Collection[str] = (), *, hint: str = "") -> None:
        self._hosts = {_plain(host) for host in (*hosts, *_LOCAL)} if hosts else set[str]()
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._hint = hint
        self._seen: set[str] = set()

    def refusal(self, host: str, origin: str | None) -> OriginError | None:
        """Return why a request is not let in, or None.

        Args:
            host: The ``Host`` header; empty without one.
            origin: The ``Origin`` header.
        """
        if origin is None and host in self._seen:
            return None
        name = name_of(f"//{host}")
        if self._hosts and name not in self._hosts:
            return OriginError(f"this server is not {name[:80] or 'named'}", hint=self._hint)
        if origin is not None:
            if name_of(origin) == name or self.shares(origin):
                return None
            return OriginError(f"pages of {origin[:80]} may not use this server")
        if len(self._seen) < _MOST_SEEN:
            self._seen.add(host)
        return None

    def shares(self, origin: str) -> bool:
        """Whether pages of a site may read the answers."""
        return "*" in self._origins or origin.lower() in self._origins


@functools.lru_cache(64)
def is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def name_of(address: str) -> str:
    """Return the host's name in an address; empty when it has none.

    >>> name_of("http://Chat.Example.:80/x"), name_of("null")
    ('chat.example', '')
    """
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
