"""One server for everything: the gateway's, with assistants among its models, and the runs API and page beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.abc
from starlette.routing import BaseRoute

from engine.api import Engine
from engine.beside import beside
from engine.config import LoadedSettings
from engine.configured import ConfigurationAccount
from engine.recurring import Recurring
from engine.renewing import renewed
from engine.schedules import Schedules
from engine.serve.app import RunsApplication
from engine.serve.chat.facade import Facade
from engine.serve.desk import Desk
from engine.serve.drives import Drives
from engine.serve.house import House, Renewal
from engine.serve.mcp.door import McpDoor
from engine.serve.payers import Payers
from engine.serve.schedules import ScheduleRoutes
from engine.serve.streaming import Leaving
from gateway.gateway import Gateway
from gateway.keys import Keyring
from gateway.server.guests import Guests
from gateway.server.metrics import Metrics
from gateway.server.server import Backing, Server
from schemas.errors import ConfigError, StoreError
from schemas.gateway import Listener
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Serving:
    """How an engine is served.

    Attributes:
        listeners: The ports.
        drives: Whether accepted runs are driven by this process.
        most: Runs in flight at once.
        token: Who has it may do everything; empty: there is none.
        body_bytes: The largest request of the runs API.
        grace_s: How long requests, and then runs, may go on when the server stops.
        source: Where the configuration comes from, for the audit trail.
    """

    listeners: Sequence[Listener] = (Listener(port=8765),)
    drives: bool = True
    most: int = 100
    token: str = ""
    body_bytes: int = 8_000_000
    grace_s: float = 5.0
    source: str = ""


class EngineServer:
    """Serves an engine until a signal, and after a change of its configuration the next one.

    Args:
        engine: Its maker closes it; what is not entered yet has its MCP servers and agents held here.
        how: How it is served.
        metrics: What observes the engine's gateway, for ``/metrics``.
        more: Further routes beside the runs API.
        on_up: As for ``gateway.server.Server``.
        renewal: Where another configuration comes from; None: there is only this one.
    """

    def __init__(
        self,
        engine: Engine,
        how: Serving,
        *,
        metrics: Metrics | None = None,
        more: Sequence[BaseRoute] = (),
        on_up: Callable[[Sequence[tuple[Listener, str]]], None] | None = None,
        renewal: Renewal | None = None,
    ) -> None:
        self._how = how
        self._more = more
        self._renewal = renewal
        self.drives = Drives(engine, most=how.most, drives=how.drives)
        self.leaving = Leaving(anyio.Event())
        self._payers = Payers(engine.store.key_store)
        self._mcp = McpDoor(self.drives, self.leaving.event)
        self._recurring = Recurring(engine, Schedules(engine.store, engine.settings.schedules), self.drives.take)
        self._first: House | None = House(engine, owned=False)
        self._loaded: LoadedSettings = engine.loaded
        self._group: anyio.abc.TaskGroup | None = None
        stamp = None if renewal is None else renewal.stamp
        keyring, usage = Keyring(engine.store.key_store), engine.store.usage_book
        self._account = ConfigurationAccount(engine.store.audit_book, how.source, "serve")
        backing = Backing(
            self._settings,
            self._gateway,
            stamp,
            keyring,
            engine.store.now,
            usage,
            how.token,
            self._beside,
            owns=False,
            told=self._told,
            owner=self._owner,
        )
        self._server = Server(backing, metrics=metrics, on_up=on_up)

    async def run_until_stopped(self) -> None:
        """Serve until a signal (SIGTERM, SIGINT) or ``stop``, then let the runs go; a second signal leaves at once.

        SIGHUP, or a changed file, puts the next configuration in force where there is a ``renewal``: for requests and
        runs that begin from then on; what runs goes on with what it began with.

        Raises:
            ConfigError: A port cannot be had, or others can reach it and no key or token is asked for.
            StoreError: The store cannot be read.
        """
        await self._payers.read()
        driving = self.drives.going(self._how.grace_s)
        async with beside() as self._group, driving, self._mcp.going(), self._recurring.going():
            await self._server.run_until_stopped()

    def stop(self) -> None:
        """Drain and end; may be called from any thread."""
        self._server.stop()

    def reload(self) -> None:
        """Read the configuration anew; may be called from any thread."""
        self._server.reload()

    async def _settings(self) -> Settings:
        """Return the settings to serve: at first the engine's, then what was read anew. Raises ConfigError."""
        listeners = self._how.listeners
        if self._first is None:
            if self._renewal is None:
                raise ConfigError("this server was given no other configuration", hint="start it anew")
            self._loaded = await self._renewal.load()
            listeners = self._renewal.listeners(self._loaded)
        found = self._loaded.settings
        gateway = found.gateway.model_copy(update={"drain_s": self._how.grace_s})
        return found.model_copy(update={"listeners": tuple(listeners), "gateway": gateway})

    async def _gateway(self, settings: Settings, metrics: Metrics) -> Gateway:
        if self._first is not None or self._renewal is None:
            return self.drives.engine.gateway
        return await self._renewal.gateway(settings, metrics)

    async def _beside(self, _settings: Settings, gateway: Gateway) -> Guests:
        """Return what is served beside a gateway. Raises ConfigError."""
        house, self._first = self._first, None
        if house is None:
            try:
                house = House(renewed(self.drives.engine, self._loaded, gateway))
            except BaseException as exc:
                with anyio.CancelScope(shield=True):
                    await gateway.aclose()
                raise (self._loaded.located(exc) if isinstance(exc, ConfigError) else exc) from None
        gateway.payer = self._payers
        desk = Desk(house.engine, self.drives, self.leaving, self._how.body_bytes, self._payers)
        schedules = ScheduleRoutes(desk, self._recurring)
        application = RunsApplication(desk, (*self._more, self._mcp.route(), *schedules.routes()))
        return Guests(
            Facade(desk), application, self.leaving.event.set, self._ready, partial(self._begin, house), house.leave
        )

    async def _begin(self, house: House) -> None:
        """Put a configuration in force: runs that begin from now on are its engine's."""
        engine = self.drives.engine = self._recurring.engine = house.engine
        self._recurring.schedules = Schedules(engine.store, engine.settings.schedules)
        self._recurring.look()
        assert self._group is not None
        await self._group.start(house.keep, self.drives)

    async def _told(self, settings: Settings) -> None:
        if self._renewal is not None:
            self._renewal.in_force(settings)
        await self._account(settings)

    async def _owner(self, run_id: str) -> str:
        return (await self.drives.engine.store.summary(run_id)).user

    async def _ready(self) -> None:
        if self.drives.leaving:
            raise StoreError("the server is leaving")
