"""Which store a command works on, and how it is opened."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import typer
from platformdirs import user_state_path

from engine.cli.failure import error_line
from engine.config import declared_settings, resolve_secret
from engine.durable.opening import file_of, open_store
from schemas.care import Retention
from schemas.errors import StoreError
from schemas.stores import RunStore

VARIABLE = "ENGINE_STORE"
FILE_NAME = "runs.db"
MEMORY = "memory:"

_USER = r"\g<user>@"
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^/@:]*):[^@]*@")


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs are kept.

    Attributes:
        url: As ``open_store`` takes it.
        folder: What a relative path in it is relative to.
        chosen: Who chose it.
        flags: The options that lead there again, for commands that are shown; empty or with a leading space.
        keep: How much of the past it keeps; None: all of it.
    """

    url: str
    folder: Path | None = None
    chosen: Literal["option", "environment", "configuration", "default"] = "default"
    flags: str = ""
    keep: Retention | None = None

    @property
    def durable(self) -> bool:
        """Whether runs outlive this process."""
        return not self.url.lower().startswith("memory:")

    @property
    def shared(self) -> bool:
        """Whether workers, of other machines too, may drive its runs."""
        return self.url.lower().startswith("postgres")

    @property
    def shown(self) -> str:
        """The store as a person names it, without a password."""
        return _PASSWORD.sub(_USER, self.url.removeprefix("sqlite:"))


def state_folder() -> Path:
    """Return where this platform keeps what programs remember."""
    return user_state_path("plan-engine", appauthor=False)


def place_of(
    option: str | None = None,
    config: str | None = None,
    *,
    in_memory: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Place:
    """Return where runs are kept: ``--store``, else ENGINE_STORE, else ``store:``, else a file in the state folder.

    Raises:
        typer.BadParameter: ``--store`` together with ``--no-store``, or an empty one.
        ConfigError: The configuration cannot be read, or names a variable that is not set.
    """
    if in_memory:
        if option is not None:
            raise typer.BadParameter("--store and --no-store: choose one")
        return Place(MEMORY, chosen="option")
    again = f" --config {shlex.quote(config)}" if config else ""
    if option is not None:
        if not option.strip():
            raise typer.BadParameter("--store is empty; name a file or a URL")
        return Place(option, chosen="option", flags=f"{again} --store {shlex.quote(_PASSWORD.sub(_USER, option))}")
    named = environ.get(VARIABLE, "").strip()
    if named:
        return Place(named, chosen="environment", flags=again)
    settings, folder = declared_settings(config, environ)
    url = resolve_secret(settings.store_url, environ)
    if url:
        return Place(url, folder, "configuration", again, settings.retention)
    return Place(str(state_folder() / FILE_NAME), flags=again, keep=settings.retention)


@asynccontextmanager
async def opened(place: Place) -> AsyncGenerator[RunStore]:
    """Open a store, and close it.

    Raises:
        ConfigError: It names no store.
        StoreError: It cannot be opened; names it.
    """
    store = await open_store(place.url, place.folder, keep=place.keep)
    try:
        yield store
    finally:
        with anyio.CancelScope(shield=True):
            await store.aclose()


@asynccontextmanager
async def existing(place: Place) -> AsyncGenerator[RunStore]:
    """Open a store to look at what is there, or to go on with it: nothing is made.

    Where runs are kept by default, or as configured, there may be nothing yet: then there is nothing in it.

    Raises:
        ConfigError: It names no store.
        StoreError: The file that somebody named is not there, or the store cannot be opened.
    """
    missing = is_missing(place)
    if missing and place.chosen in ("option", "environment"):
        raise missing_error(place)
    async with opened(Place(MEMORY) if missing else place) as store:
        yield store


def is_missing(place: Place) -> bool:
    """Whether a store is a file that is not there. Raises ConfigError for a name of no store."""
    file = file_of(place.url, place.folder)
    return file is not None and not file.exists()


def missing_error(place: Place) -> StoreError:
    """Return what to raise where nothing shall be made."""
    return StoreError(f"there is no store {place.shown}", hint="--store names another; the first run makes it")


@asynccontextmanager
async def kept(place: Place) -> AsyncGenerator[tuple[RunStore, Place]]:
    """Open the store that a new run is kept in, and return it with where it really is.

    The file in the state folder that nobody asked for must not keep anybody from working: where it cannot be opened,
    that is said, and the run is kept in memory.

    Raises:
        ConfigError: What somebody chose names no store.
        StoreError: The store that somebody chose cannot be opened.
    """
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened(place))
        except StoreError as exc:
            if place.chosen != "default":
                raise
            said = f"this run is kept in memory only: {exc.message}"
            print(error_line(said, "--store FILE keeps it elsewhere").replace("error", "note", 1), file=sys.stderr)
            place = Place(MEMORY)
            store = await stack.enter_async_context(opened(place))
        yield store, place


@asynccontextmanager
async def consulted(config: str | None) -> AsyncGenerator[RunStore]:
    """Open the store for what was learned from runs; where it cannot be opened, nothing is known.

    Raises:
        ConfigError: The configuration cannot be read, or names no store.
    """
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened(place_of(None, config)))
        except StoreError as exc:
            note = error_line(f"what earlier runs took is not known: {exc.message}").replace("error", "note", 1)
            print(note, file=sys.stderr)
            store = await stack.enter_async_context(opened(Place(MEMORY)))
        yield store
