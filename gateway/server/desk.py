"""What the routes of one listener share, and the configuration that they serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from gateway.gateway import Gateway
from gateway.keys import Keyring
from gateway.server.access import Access, Names
from gateway.server.charging import Charging
from gateway.server.doors import Doors, is_loopback
from gateway.server.guests import NOBODY, Guests
from gateway.server.metrics import Metrics
from schemas.bookkeeping import UsageBook
from schemas.errors import StoreError
from schemas.gateway import Listener
from schemas.settings import Settings

CALMNESS_S = 2.0
"""How long what the server stands on may take to say that it is well."""


class Site:
    """One configuration in use. It is closed when it was replaced and the last request on it is over.

    Attributes:
        settings: All of it.
        gateway: Made of it.
        guests: What is served beside it.
        in_flight: Requests that use it.
    """

    def __init__(self, settings: Settings, gateway: Gateway, guests: Guests = NOBODY, *, owns: bool = True) -> None:
        self.settings = settings
        self.gateway = gateway
        self.guests = guests
        self._owns = owns
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        """Count a request that begins."""
        self.in_flight += 1
        if self.in_flight == 1:
            self._idle.clear()

    def leave(self) -> None:
        """Count one that is over."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def aclose(self) -> None:
        """Wait for the last request, then close the connections to the providers."""
        await self._idle.wait()
        await self.close()

    async def close(self) -> None:
        """Close the connections to the providers, unless the gateway is another's, and let its guests go."""
        await self.guests.over()
        if self._owns:
            await self.gateway.aclose()


@dataclass(slots=True)
class Leaving:
    """Whether the server is about to stop."""

    now: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes of one listener share.

    Attributes:
        ready: Raises when what the server stands on (its store) is away.
        usage: What calls used, for ``/v1/usage``; None: it is not counted.
        charging: Which runs calls may count to.
    """

    listener: Listener
    site: Site
    access: Access
    names: Names
    doors: Doors
    metrics: Metrics
    leaving: Leaving
    ready: Callable[[], Awaitable[object]] | None = None
    usage: UsageBook | None = None
    charging: Charging = field(default_factory=lambda: Charging(None))

    @property
    def gateway(self) -> Gateway:
        """The gateway of the configuration in use."""
        return self.site.gateway

    @property
    def guests(self) -> Guests:
        """What is served beside it."""
        return self.site.guests

    async def check_ready(self) -> None:
        """Return if calls can be taken. Raises StoreError."""
        if self.leaving.now:
            raise StoreError("the gateway is leaving")
        try:
            with anyio.fail_after(CALMNESS_S):
                if self.ready is not None:
                    await self.ready()
                await self.guests.ready()
        except (TimeoutError, OSError):
            raise StoreError("the store does not answer") from None


def make_desk(
    listener: Listener,
    site: Site,
    keyring: Keyring | None,
    metrics: Metrics,
    leaving: Leaving,
    ready: Callable[[], Awaitable[object]] | None = None,
    usage: UsageBook | None = None,
    token: str | None = None,
    charging: Charging | None = None,
) -> Desk:
    """Return the desk of a listener."""
    named = bool(listener.allow_hosts) or is_loopback(listener.host)
    hosts = (*listener.allow_hosts, listener.host) if named else ()
    doors = Doors(hosts, listener.allow_origins, hint=f"allow_hosts of listener {listener.name!r} adds a name")
    names = Names(listener, site.gateway, site.guests)
    access, charging = Access(listener, keyring, token), charging or Charging(None)
    return Desk(listener, site, access, names, doors, metrics, leaving, ready, usage, charging)
