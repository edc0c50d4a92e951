"""One configuration as it is served: its engine, what answers for it, and how long it is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.abc

from engine.api import Engine
from engine.config import LoadedSettings
from engine.serve.drives import Drives
from gateway.gateway import Gateway
from gateway.server.guests import Guests
from gateway.server.metrics import Metrics
from schemas.gateway import Listener
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Renewal:
    """Where the next configuration of a server comes from.

    Attributes:
        load: Reads it. Raises ConfigError.
        listeners: Returns its ports. Raises ConfigError.
        gateway: Makes its gateway. Raises ConfigError.
        stamp: Something that changes when there is a new one.
        in_force: Called once nothing of it was refused.
    """

    load: Callable[[], Awaitable[LoadedSettings]]
    listeners: Callable[[LoadedSettings], Sequence[Listener]]
    gateway: Callable[[Settings, Metrics], Awaitable[Gateway]]
    stamp: Callable[[], object]
    in_force: Callable[[Settings], None] = lambda _: None


@dataclass(eq=False)
class House:
    """An engine, and its part of the server.

    Attributes:
        engine: Of one configuration.
        owned: Whether its connections are closed with it; those of the first engine are its maker's.
        guests: What answers for it.
    """

    engine: Engine
    owned: bool = True
    guests: Guests = field(default_factory=Guests)
    _kept: bool = False
    _replaced: anyio.Event = field(default_factory=anyio.Event)

    async def keep(self, drives: Drives, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Hold its MCP servers and agents until it was replaced and its last run is over.

        Cancellation: they are ended, and its connections closed.
        """
        self._kept = True
        try:
            async with self.engine.servers.hosting(), self.engine.agents.hosting():
                task_status.started()
                await self._replaced.wait()
                await drives.without(self.engine)
        finally:
            await self._close()

    async def leave(self) -> None:
        """Be replaced, with no request on it any more; or refused, before it was ever in force."""
        self._replaced.set()
        if not self._kept:
            await self._close()

    async def _close(self) -> None:
        if self.owned:
            with anyio.CancelScope(shield=True):
                await self.engine.gateway.aclose()
