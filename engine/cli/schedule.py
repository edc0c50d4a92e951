"""``engine schedule``: runs that recur, fired by every ``engine serve`` and ``engine worker`` on the store."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.session import loaded, run_async
from engine.cli.storage import existing, opened, place_of
from engine.cli.terminal import me
from engine.schedules import Firing, Schedules, ScheduleState
from schemas.accounts import time_zone
from schemas.agents import AssistantSettings
from schemas.errors import NotFoundError, StoreError
from schemas.schedules import ScheduleSettings

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.")]
UserOption = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Whose, where several have that name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@asynccontextmanager
async def _schedules(store: str | None, config: str | None, *, looks: bool = False) -> AsyncGenerator[Schedules]:
    """The schedules of a configuration and its store; who only looks makes none.

    Raises:
        StoreError: The store ends with this process, or cannot be opened.
    """
    place = place_of(store, config)
    if not place.durable:
        raise StoreError(
            "a store in memory keeps no schedules",
            hint="name a file or a database by --store, or as store: in engine.yaml",
        )
    configured = loaded(config, quiet=True).settings.schedules
    async with (existing if looks else opened)(place) as runs:
        yield Schedules(runs, configured)


@commands.command()
def add(
    name: NameArgument,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What each run is asked for.")],
    every: Annotated[str | None, typer.Option("--every", metavar="TIME", help="300, 5min, 1h30m.")] = None,
    daily: Annotated[str | None, typer.Option("--daily", metavar="HH:MM", help="A time of day, in --zone.")] = None,
    cron: Annotated[str | None, typer.Option("--cron", metavar="LINE", help='"30 9 * * 1-5", in --zone.')] = None,
    zone: Annotated[str, typer.Option("--zone", help="A time zone, such as Europe/Berlin.")] = "UTC",
    assistant: Annotated[str, typer.Option("--assistant", help="In whose name it runs.")] = "",
    mode: Annotated[str, typer.Option("--mode", help="auto, plan, react or direct.")] = "auto",
    approve: Annotated[str | None, typer.Option("--approve", help="ask, all, none or plan.")] = None,
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose its runs are: a key's name.")] = "",
    budget: Annotated[float | None, typer.Option("--budget", min=0, help="USD, for each run.")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", min=0, help="Seconds, for each run.")] = None,
    overlap: Annotated[str, typer.Option("--overlap", help="While the run before goes on: skip or allow.")] = "skip",
    missed: Annotated[str, typer.Option("--missed", help="Times nobody was there for: once or skip.")] = "once",
    replace: Annotated[bool, typer.Option("--replace", help="In place of one that was added before.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Add a schedule: servers and workers on this store start its runs, each once."""
    told: dict[str, Any] = {"every": every, "daily": daily, "cron": cron, "zone": zone, "assistant": assistant}
    told |= {"mode": mode, "approve": approve, "user": user, "run_usd": budget, "run_seconds": time_limit}
    told |= {"overlap": overlap, "missed": missed}
    try:
        settings = ScheduleSettings.model_validate({"name": name, "task": task, **told})
    except ValidationError as exc:
        raise typer.BadParameter(_said(exc)) from None

    async def main() -> int:
        if assistant:
            _require_known(assistant, loaded(config, quiet=True).settings.assistants)
        async with _schedules(store, config) as schedules:
            added = await schedules.add(settings, replaces=replace, by=me(), through="terminal")
            state = added.state(await schedules.store.now())
        print(f"added {name}: {state.when}, next {_moment(state)}")
        return 0

    return run_async(main)


@commands.command("list")
def listed(store: given.StoreOption = None, config: given.ConfigOption = None, json: JsonOption = False) -> int:
    """List schedules: when each is due next, and what came of its last time."""

    async def main() -> int:
        async with _schedules(store, config, looks=True) as schedules:
            now = await schedules.store.now()
            found = [one.state(now) for one in await schedules.read()]
        if json:
            print(jsonlib.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False))
        elif found:
            head = ("schedule", "user", "when", "next", "last", "task")
            print_table(head, [_row(one) for one in found])
        else:
            print("there are no schedules", file=sys.stderr)
        return 0

    return run_async(main)


@commands.command()
def show(
    name: NameArgument,
    user: UserOption = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Show one schedule, and what came of its latest times."""

    async def main() -> int:
        async with _schedules(store, config, looks=True) as schedules:
            state = (await schedules.find(name, user)).state(await schedules.store.now())
        if json:
            print(jsonlib.dumps(state.model_dump(mode="json"), ensure_ascii=False))
            return 0
        for key, value in state.model_dump(mode="json", exclude_defaults=True, exclude={"fired", "next_at"}).items():
            print(f"{key}: {value}")
        print(f"next: {_moment(state)}")
        for firing in state.fired:
            print(f"  {_at(firing.due, state.zone)}  {_outcome(firing)}")
        return 0

    return run_async(main)


@commands.command()
def pause(
    name: NameArgument, user: UserOption = None, store: given.StoreOption = None, config: given.ConfigOption = None
) -> int:
    """Start no more runs of a schedule until it is resumed."""
    return _switch(name, user, store, config, paused=True)


@commands.command()
def resume(
    name: NameArgument, user: UserOption = None, store: given.StoreOption = None, config: given.ConfigOption = None
) -> int:
    """Let a schedule go on; what was due while it was paused is left out."""
    return _switch(name, user, store, config, paused=False)


@commands.command()
def remove(
    name: NameArgument, user: UserOption = None, store: given.StoreOption = None, config: given.ConfigOption = None
) -> int:
    """Remove a schedule that was added; runs it started go on.

    One of the configuration is taken out there.
    """

    async def main() -> int:
        async with _schedules(store, config) as schedules:
            await schedules.remove(await schedules.find(name, user), by=me(), through="terminal")
        print(f"removed {name}")
        return 0

    return run_async(main)


def _switch(name: str, user: str | None, store: str | None, config: str | None, *, paused: bool) -> int:
    async def main() -> int:
        async with _schedules(store, config) as schedules:
            found = await schedules.find(name, user)
            switched = await schedules.switch(found, paused=paused, by=me(), through="terminal")
            state = switched.state(await schedules.store.now())
        print(f"paused {name}" if paused else f"resumed {name}: next {_moment(state)}")
        return 0

    return run_async(main)


def _require_known(assistant: str, assistants: Sequence[AssistantSettings]) -> None:
    """Return if an assistant is configured. Raises NotFoundError."""
    names = [one.name for one in assistants]
    if assistant not in names:
        hint = f"there are {', '.join(names)}" if names else "the configuration has none: leave --assistant out"
        raise NotFoundError(f"there is no assistant '{assistant}'", hint=hint)


def _said(exc: ValidationError) -> str:
    """Return what is wrong with a schedule: where, what was expected, what is there."""
    error: Any = exc.errors()[0]
    expected = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if not error["loc"]:
        return f"give {expected}"
    field = str(error["loc"][0])
    option = {"run_usd": "budget", "run_seconds": "time-limit"}.get(field, field)
    where = option.upper() if option in ("name", "task") else f"--{option}"
    return f"{where}: expected {expected}, not {error['input']!r}"


def _row(state: ScheduleState) -> tuple[str, ...]:
    last = _outcome(state.fired[0]) if state.fired else "-"
    return state.name, state.user or "-", state.when, _moment(state), last, " ".join(state.task.split())[:60]


def _outcome(firing: Firing) -> str:
    missed = f" ({firing.missed} missed before it)" if firing.missed else ""
    return f"{firing.run_id or f'none: {firing.reason}'}{missed}"


def _moment(state: ScheduleState) -> str:
    if state.paused:
        return "paused"
    if not state.enabled:
        return "disabled"
    return "once engine serve or engine worker runs" if state.next_at is None else _at(state.next_at, state.zone)


def _at(when: float, zone: str) -> str:
    return f"{datetime.fromtimestamp(when, time_zone(zone)):%Y-%m-%d %H:%M:%S} {zone}"
