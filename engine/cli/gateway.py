"""``engine gateway``: any client's calls to any provider, over HTTP."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import anyio
import typer

from engine.cli import load
from engine.cli import options as given
from engine.cli.notices import say_notice, traced
from engine.cli.outfit import Outfit, file_of, run_server, settle_memory, stamp_of
from engine.cli.storage import Place, opened, place_of
from engine.config import LoadedSettings, load_settings
from engine.configured import ConfigurationAccount
from gateway.keys import Keyring
from gateway.server.server import Backing, Server, checked
from schemas.errors import ConfigError
from schemas.gateway import Listener
from schemas.settings import Settings
from schemas.stores import RunStore

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def gateway(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; one that others reach needs API keys.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", min=0, max=65535, help="8766 unless configured; 0 takes a free one.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the configuration, show what it comes to, and serve nothing.")
    ] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Answer model calls of any client, in its own format, over HTTP.

    Chat completions, messages, responses and embeddings, to every configured provider. A changed file or SIGHUP
    reloads; Ctrl-C or SIGTERM drains, a second one leaves at once. docs/gateway.md has the rest.
    """
    source = Source(file_of(config), host, port)
    place = place_of(store, config)
    found = source.load()
    say_notice(found)

    async def main() -> int:
        async with opened(place) as kept:
            with traced(found):
                outfit = Outfit(found, kept)
                backing = _backing(source, kept, outfit)
                if check:
                    await checked(backing)
                    load("showing").show(found.settings, source.file, place)
                    return 0
                settle_memory()
                server = Server(backing, on_up=_say_up(place))
                async with outfit.going(server.metrics):
                    await server.run_until_stopped()
        return 0

    return run_server(main)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration comes from, and what the command line changes of it.

    Attributes:
        file: None: the environment.
        host, port: Of the only listener, where they are given.
    """

    file: Path | None
    host: str | None = None
    port: int | None = None

    def load(self) -> LoadedSettings:
        """Read it. Raises ConfigError."""
        found = load_settings(None if self.file is None else str(self.file), os.environ)
        return replace(found, settings=self._listening(found.settings))

    def stamp(self) -> object:
        """Return something that changes when the file does; None while there is none."""
        return stamp_of(self.file)

    @property
    def folder(self) -> Path:
        """Where the user's own modules are looked for."""
        return Path.cwd() if self.file is None else self.file.resolve().parent

    def _listening(self, settings: Settings) -> Settings:
        listeners = list(settings.listeners) or [Listener()]
        asked = {"host": self.host, "port": self.port}
        changes = {name: value for name, value in asked.items() if value is not None}
        if changes and len(listeners) > 1:
            raise ConfigError(
                f"--{next(iter(changes))} cannot say which of {len(listeners)} listeners it means",
                hint=f"write it under listeners in {self.file}",
            )
        listeners[0] = listeners[0].model_copy(update=changes)
        return settings.model_copy(update={"listeners": tuple(listeners)})


def _backing(source: Source, store: RunStore, outfit: Outfit) -> Backing:
    async def settings() -> Settings:
        return (await anyio.to_thread.run_sync(source.load)).settings

    async def owner(run_id: str) -> str:
        return (await store.summary(run_id)).user

    account = ConfigurationAccount(store.audit_book, str(source.file or "the environment"), "gateway")

    async def told(settings: Settings) -> None:
        outfit.in_force(settings)
        await account(settings)

    keyring = Keyring(store.key_store)
    return Backing(settings, outfit.gateway, source.stamp, keyring, store.now, store.usage_book, owner=owner, told=told)


def _say_up(place: Place) -> Callable[[Sequence[tuple[Listener, str]]], None]:
    def say(ports: Sequence[tuple[Listener, str]]) -> None:
        for listener, url in ports:
            name = "" if len(ports) == 1 else f" {listener.name}"
            print(f"engine gateway{name}: {url} (store {place.shown})", file=sys.stderr, flush=True)

    return say
