"""One server for everything: the gateway's, with assistants among its models, and the runs API and page beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
from starlette.routing import BaseRoute

from engine.api import Engine
from engine.configured import ConfigurationAccount
from engine.recurring import Recurring
from engine.schedules import Schedules
from engine.serve.app import RunsApplication
from engine.serve.chat.facade import Facade
from engine.serve.desk import Desk
from engine.serve.drives import Drives
from engine.serve.mcp.door import McpDoor
from engine.serve.payers import Payers
from engine.serve.schedules import ScheduleRoutes
from engine.serve.streaming import Leaving
from gateway.gateway import Gateway
from gateway.keys import Keyring
from gateway.server.guests import Guests
from gateway.server.metrics import Metrics
from gateway.server.server import Backing, Server
from schemas.errors import StoreError
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
    """Serves an engine until a signal.

    Args:
        engine: Entered by the caller, who also leaves it.
        how: How it is served.
        metrics: What observes the engine's gateway, for ``/metrics``.
        more: Further routes beside the runs API.
        on_up: As for ``gateway.server.Server``.
    """

    def __init__(
        self,
        engine: Engine,
        how: Serving,
        *,
        metrics: Metrics | None = None,
        more: Sequence[BaseRoute] = (),
        on_up: Callable[[Sequence[tuple[Listener, str]]], None] | None = None,
    ) -> None:
        self._engine = engine
        self._how = how
        self.drives = Drives(engine, most=how.most, drives=how.drives)
        self.leaving = Leaving(anyio.Event())
        self._payers = Payers(engine.store.key_store)
        engine.gateway.payer = self._payers
        desk = Desk(engine, self.drives, self.leaving, how.body_bytes, self._payers)
        self._mcp = McpDoor(engine, self.drives, self.leaving.event)
        self._recurring = Recurring(engine, Schedules(engine.store, engine.settings.schedules), self.drives.take)
        schedules = ScheduleRoutes(desk, self._recurring)
        application = RunsApplication(desk, (*more, self._mcp.route(), *schedules.routes()))
        self._guests = Guests(Facade(desk), application, self.leaving.event.set, self._ready)
        keyring, usage = Keyring(engine.store.key_store), engine.store.usage_book
        backing = Backing(
            self._settings,
            self._gateway,
            None,
            keyring,
            engine.store.now,
            usage,
            how.token,
            self._beside,
            owns=False,
            told=ConfigurationAccount(engine.store.audit_book, how.source, "serve"),
        )
        self._server = Server(backing, metrics=metrics, on_up=on_up)

    async def run_until_stopped(self) -> None:
        """Serve until a signal (SIGTERM, SIGINT) or ``stop``, then let the runs go; a second signal leaves at once.

        Raises:
            ConfigError: A port cannot be had, or others can reach it and no key or token is asked for.
            StoreError: The store cannot be read.
        """
        await self._payers.read()
        async with self.drives.going(self._how.grace_s), self._mcp.going(), self._recurring.going():
            await self._server.run_until_stopped()

    def stop(self) -> None:
        """Drain and end; may be called from any thread."""
        self._server.stop()

    async def _settings(self) -> Settings:
        found = self._engine.settings
        gateway = found.gateway.model_copy(update={"drain_s": self._how.grace_s})
        return found.model_copy(update={"listeners": tuple(self._how.listeners), "gateway": gateway})

    async def _gateway(self, _settings: Settings, _metrics: Metrics) -> Gateway:
        return self._engine.gateway

    async def _beside(self, _settings: Settings, _gateway: Gateway) -> Guests:
        return self._guests

    async def _ready(self) -> None:
        if self.drives.leaving:
            raise StoreError("the server is leaving")
