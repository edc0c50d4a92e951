"""Serves a gateway: opens its ports, reloads without dropping a request, drains before it stops."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from types import FrameType

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

from gateway.gateway import Gateway
from gateway.keys import Keyring
from gateway.server.charging import Charging
from gateway.server.desk import Desk, Leaving, Site, make_desk
from gateway.server.front import Front
from gateway.server.guests import NOBODY, Guests
from gateway.server.metrics import Metrics, Reading
from gateway.server.port import Port
from gateway.server.ports import listen
from schemas.bookkeeping import UsageBook
from schemas.errors import ConfigError, EngineError, NoRouteError
from schemas.gateway import Listener
from schemas.settings import Settings

LOOK_S = 0.4
"""How often the configuration is looked at; one that changed is read when it stayed so for two looks."""
LAST_WORDS_S = 3.0
"""How long broken-off calls may take to say so."""
CANCELLED = 130

_log = structlog.get_logger("plan-execute-engine.gateway")


@dataclass(frozen=True, slots=True)
class Backing:
    """What a server stands on.

    Attributes:
        settings: Reads the configuration. Raises ConfigError.
        gateway: Makes the gateway of it; ``metrics`` and what else observes calls is told to it.
        stamp: Something that changes when the configuration's file does; None: there is none.
        keyring: API keys; None: nobody has one.
        ready: Raises when the store is away; None: there is none.
        usage: Where calls are counted, for ``/v1/usage``; None: nowhere.
        token: The server's own token, which may do everything; empty: none is set; None: there is no such thing.
        guests: What is served beside a gateway; None: nothing.
        owner: Gives whose a run is (NotFoundError: there is none), so that only its owner's calls count to it.
        owns: Whether the gateways are closed here.
        told: Told of each configuration that is put in force.
    """

    settings: Callable[[], Awaitable[Settings]]
    gateway: Callable[[Settings, Metrics], Awaitable[Gateway]]
    stamp: Callable[[], object] | None = None
    keyring: Keyring | None = None
    ready: Callable[[], Awaitable[object]] | None = None
    usage: UsageBook | None = None
    token: str | None = None
    guests: Callable[[Settings, Gateway], Awaitable[Guests]] | None = None
    owns: bool = True
    told: Callable[[Settings], Awaitable[None]] | None = None
    owner: Callable[[str], Awaitable[str]] | None = None

    async def site(self, metrics: Metrics) -> Site:
        """Read the configuration and make what stands on it. Raises ConfigError, StoreError."""
        settings = await self.settings()
        gateway = await self.gateway(settings, metrics)
        try:
            guests = NOBODY if self.guests is None else await self.guests(settings, gateway)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await Site(settings, gateway, owns=self.owns).close()
            raise
        return Site(settings, gateway, guests, owns=self.owns)


class Server:
    """Serves until a signal, or ``stop``.

    SIGHUP, or a changed file, reloads: requests that begin from then on get the new settings, those that run end on
    the old ones. SIGTERM and SIGINT drain; a second one leaves at once.

    Args:
        backing: What it stands on.
        on_up: Called with (listener, URL) of every port, once all of them answer, and anew after each reload.
        metrics: For ``/metrics``; its own by default.
    """

    def __init__(
        self,
        backing: Backing,
        *,
        on_up: Callable[[Sequence[tuple[Listener, str]]], None] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._backing = backing
        self._on_up = on_up
        self._ports: dict[str, Port] = {}
        self._closed: list[Port] = []
        self._site: Site | None = None
        self._leaving = Leaving()
        self._stamp: object = None
        self._seen: object = None
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_reload = False
        self.metrics = Metrics() if metrics is None else metrics
        self.metrics.sources.append(self._readings)

    async def run_until_stopped(self) -> None:
        """Serve. Raises ConfigError and StoreError when it cannot begin."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._stamp = self._seen = self._stamped()
        await self._load()
        async with anyio.create_task_group() as group:
            with self._signals():
                self._say_up()
                group.start_soon(self._warm)
                await self._serve(group)
                await self._drain()
        assert self._site is not None
        await self._site.close()

    async def _warm(self) -> None:
        """Import beside the first requests what they will need: who carries them, and the list of prices."""
        assert self._site is not None
        gateway = self._site.gateway
        try:
            await anyio.to_thread.run_sync(import_module, "gateway.upstream.http1")
            await anyio.to_thread.run_sync(gateway.models)
        except Exception:
            _log.exception("what requests need could not be made ready; the first ones will take longer")

    def stop(self) -> None:
        """Drain and end; may be called from any thread."""
        self._leaving.now = True
        self._awake()

    def reload(self) -> None:
        """Read the configuration anew; may be called from any thread."""
        self._told_to_reload = True
        self._awake()

    def _awake(self) -> None:
        if self._loop is not None and self._wake is not None:
            with suppress(RuntimeError):  # it is over already
                self._loop.call_soon_threadsafe(self._wake.set)

    async def _serve(self, group: TaskGroup) -> None:
        assert self._wake is not None
        ticked = 0.0
        while not self._leaving.now:
            with anyio.move_on_after(LOOK_S):
                await self._wake.wait()
            self._wake.clear()
            if time.monotonic() - ticked >= 1.0:
                ticked = time.monotonic()
                self._closed = [port for port in self._closed if port.connections]
                for port in (*self._ports.values(), *self._closed):
                    port.tick()
                assert self._site is not None
                await self._site.gateway.flush()
            before, self._seen = self._seen, self._stamped()
            # a file that is still being written changes between two looks
            if self._told_to_reload or (self._seen != self._stamp and self._seen == before):
                self._told_to_reload, self._stamp = False, self._seen
                await self._reload(group)

    async def _reload(self, group: TaskGroup) -> None:
        """Put a new configuration in force; one that is wrong is refused, and the old one stays."""
        try:
            old = self._site
            await self._load()
            if old is not None:
                group.start_soon(old.aclose)
        except EngineError as exc:
            self.metrics.reloaded("refused")
            _log.error("the new configuration is refused, the old one stays", error=exc.message, hint=exc.hint)
        except Exception:
            self.metrics.reloaded("refused")
            _log.exception("the new configuration is refused, the old one stays")
        else:
            self.metrics.reloaded("ok")
            self._say_up()

    async def _load(self) -> None:
        """Read the configuration and put it in force, or raise and change nothing."""
        backing = self._backing
        site = await backing.site(self.metrics)
        try:
            desks = _desks(backing, site, self.metrics, self._leaving)
            for desk in desks:
                await _check(desk)
            ports = await self._opened(desks)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await site.close()
            raise
        self._exchange(site, ports)
        await site.guests.begin()
        if backing.told is not None:
            await backing.told(site.settings)

    async def _opened(self, desks: Iterable[Desk]) -> dict[str, tuple[Port, Desk]]:
        """Return the ports of a configuration: those there are, and new ones, opened."""
        found: dict[str, tuple[Port, Desk]] = {}
        with ExitStack() as undo:
            for desk in desks:
                place = _place(desk.listener)
                port = self._ports.get(place)
                if port is None:
                    hint = f"choose another port or host for listener {desk.listener.name!r}"
                    port = Port(listen(desk.listener.host, desk.listener.port, hint=hint), Front(desk))
                    undo.callback(port.close)
                    await port.open()
                found[place] = (port, desk)
            undo.pop_all()
        return found

    def _exchange(self, site: Site, ports: dict[str, tuple[Port, Desk]]) -> None:
        gone = [port for place, port in self._ports.items() if place not in ports]
        self._ports = {place: port for place, (port, _) in ports.items()}
        for port, desk in ports.values():
            port.front.desk = desk
        for port in gone:
            port.close()
        self._closed += gone
        self._site = site
        self.metrics.configured((one.name, model.name) for one in site.settings.model_providers for model in one.models)

    async def _drain(self) -> None:
        """Stop accepting, let calls end for as long as is configured, then end them with an error."""
        assert self._site is not None
        until = time.monotonic() + self._site.settings.gateway.drain_s
        self._site.guests.leave()
        ports = [*self._ports.values(), *self._closed]
        for port in ports:
            port.close()
        if all([await port.drained(until - time.monotonic()) for port in ports]):
            return
        for port in ports:
            port.break_off()
        if not all([await port.drained(LAST_WORDS_S) for port in ports]):
            for port in ports:
                port.abort()

    def _say_up(self) -> None:
        if self._on_up is not None:
            self._on_up([(port.front.desk.listener, port.url) for port in self._ports.values()])

    def _stamped(self) -> object:
        return None if self._backing.stamp is None else self._backing.stamp()

    def _readings(self) -> Iterable[Reading]:
        for port in self._ports.values():
            labels = {"listener": port.front.desk.listener.name}
            connections = port.connections
            running = sum(connection.running is not None for connection in connections)
            yield Reading("in_flight", "Calls that are being answered.", running, labels)
            yield Reading("connections", "Connections of clients that are open.", len(connections), labels)

    @contextmanager
    def _signals(self) -> Generator[None]:
        """Heed signals; in a thread of a program that has its own, none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {signal.SIGINT: self._hear_stop, signal.SIGTERM: self._hear_stop}
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._hear_reload
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear_reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reload()

    def _hear_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._leaving.now:
            os._exit(CANCELLED)
        self.stop()


async def checked(backing: Backing) -> None:
    """Read a configuration and hold it to what a server needs, opening nothing. Raises ConfigError, StoreError."""
    metrics = Metrics()
    site = await backing.site(metrics)
    try:
        for desk in _desks(backing, site, metrics, Leaving()):
            await _check(desk)
    finally:
        await site.close()


def _desks(backing: Backing, site: Site, metrics: Metrics, leaving: Leaving) -> list[Desk]:
    listeners = site.settings.listeners or (Listener(),)
    check_listeners(listeners)
    charging = Charging(backing.owner)
    return [
        make_desk(each, site, backing.keyring, metrics, leaving, backing.ready, backing.usage, backing.token, charging)
        for each in listeners
    ]


def check_listeners(listeners: Sequence[Listener]) -> None:
    """Hold listeners to each other. Raises ConfigError: two have the same name, or the same port."""
    for index, listener in enumerate(listeners):
        for other in listeners[:index]:
            if other.name == listener.name:
                raise ConfigError(f"listeners[{index}].name: there is another listener {listener.name!r}")
            if _place(other) == _place(listener):
                raise ConfigError(
                    f"listeners[{index}].port: {listener.host}:{listener.port} is taken by listener {other.name!r}"
                )


async def _check(desk: Desk) -> None:
    """Raises ConfigError: a port that others reach has no keys, or a default model is none."""
    listener = desk.listener
    await desk.access.check()
    if listener.default_model is not None and not desk.guests.knows(listener.default_model):
        try:
            desk.gateway.resolve(listener.default_model)
        except NoRouteError as exc:
            raise ConfigError(f"default_model of listener {listener.name!r}: {exc.message}", hint=exc.hint) from None


def _place(listener: Listener) -> str:
    """What makes a port the same one over reloads."""
    return f"{listener.host}:{listener.port}" if listener.port else f"{listener.host}:{listener.name}"
