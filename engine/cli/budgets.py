"""``engine budgets``: what keys, agents and all calls have spent of their budgets, and those that are paused."""

from __future__ import annotations

import difflib
import json as jsonlib
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import structlog
import typer

from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.keys import JsonOption, named
from engine.cli.session import run_async
from engine.cli.storage import Place, existing, opened, place_of
from engine.cli.terminal import me
from engine.durable.audit import accounted
from engine.waking import wake
from gateway.budgets import scope_of
from schemas.accounts import Account, period_end, shown_scope, time_zone
from schemas.audit import AuditEntry
from schemas.errors import NotFoundError, StoreError
from schemas.protocols import Ledger
from schemas.stores import RunStore

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
_log = structlog.get_logger("plan-execute-engine.gateway")

WhoArgument = Annotated[str, typer.Argument(metavar="WHOSE", help="key:NAME, agent:NAME, or all.")]


@commands.command("list")
def listed(
    of: Annotated[str, typer.Argument(metavar="WHOSE", help="Only those that begin so: key:, agent:, run:.")] = "",
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """List budgets: what is spent, reserved and allowed, until when; who is paused."""
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            names = {key.id: key.name for key in await kept.key_store.keys()}
            found = [one for one in await _ledger(kept).accounts() if _who(one, names).startswith(of)]
            now = await kept.now()
        if json:
            print(jsonlib.dumps([_told(one, names, now) for one in found], ensure_ascii=False))
        elif found:
            _print(found, names, now)
        else:
            print("no budget is counted here yet: one is opened by its first call", file=sys.stderr)
        return 0

    return run_async(main)


@commands.command()
def resume(
    who: WhoArgument,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Grant a budget its whole amount once more, for the period that runs.

    A gateway that runs sees it within a second; runs that are parked for nothing else go on.
    """
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            mine = await _of(kept, who)
            for scope in dict.fromkeys(one.scope for one in mine):
                async with _accounted(kept, who, "resumed", {"scope": scope}):
                    resumed = await _ledger(kept).resume(scope)
                for account in resumed:
                    _log.info("budget.resumed", scope=scope, measure=account.measure, limit=account.limit)
                    print(f"resumed {who}: {_amounts(account)}{_until(account, await kept.now())}")
            for run_id in await wake(kept, await _bearer(kept, who)):
                print(f"run {run_id} goes on")
        return 0

    return run_async(main)


@commands.command("set")
def change(
    who: WhoArgument,
    usd: Annotated[float | None, typer.Option("--usd", min=0.0, help="The most in USD.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", min=1, help="The most in tokens.")] = None,
    per: Annotated[Literal["day", "week", "month", "ever"], typer.Option("--per", help="Which budget.")] = "day",
    zone: Annotated[str, typer.Option("--zone", help="The time zone in which days begin.")] = "UTC",
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Set a budget's limit at once; what is spent stays spent.

    A rule of the configuration, or the key's own budget (engine keys change), sets its limit again when a gateway
    starts.
    """
    limits = {name: cap for name, cap in (("usd", usd), ("tokens", tokens)) if cap is not None}
    if not limits:
        raise typer.BadParameter("say how much: --usd, --tokens or both")
    time_zone(zone)
    place = _place(store, config)

    async def main() -> int:
        async with opened(place) as kept:
            period = "" if per == "ever" else per
            scope = scope_of(await _bearer(kept, who), period)
            async with _accounted(kept, who, "changed", {**limits, "per": per, "zone": zone}):
                await _ledger(kept).open(scope, limits, period=period, zone=zone)
            for account in await _ledger(kept).accounts(scope):
                if account.scope == scope:
                    print(f"{who}: {_amounts(account)}{_until(account, await kept.now())}")
        return 0

    return run_async(main)


def _accounted(store: RunStore, who: str, act: str, told: dict[str, Any]) -> AbstractAsyncContextManager[None]:
    """Do something to a budget, in sight of the audit trail."""
    entry = AuditEntry(at=0.0, what="budget", about=who, act=act, input=told, by=me(), through="terminal")
    return accounted(store.audit_book, entry)


def _ledger(store: RunStore) -> Ledger:
    """Return where budgets are counted. Raises StoreError: this store keeps none."""
    ledger = store.ledger()
    if ledger is None:
        raise StoreError("this store keeps no budgets")
    return ledger


async def _bearer(store: RunStore, who: str) -> str:
    """Return who stands for whom in scopes, where a key is known by its id.

    Raises:
        NotFoundError: There is no such key.
        typer.BadParameter: It is not whose budget.
    """
    kind, colon, name = who.partition(":")
    if who != "all" and (kind not in ("key", "agent", "run") or not colon or not name):
        raise typer.BadParameter(f"{who!r} is not whose budget: write key:NAME, agent:NAME or all")
    return f"key:{(await named(store, name)).id}" if kind == "key" else who


async def _of(store: RunStore, who: str) -> list[Account]:
    """Return the accounts of somebody. Raises NotFoundError: there is none; the hint gives near names."""
    bearer, accounts = await _bearer(store, who), await _ledger(store).accounts()
    found = [one for one in accounts if shown_scope(one.scope) == bearer and one.limit is not None]
    if not found:
        names = {key.id: key.name for key in await store.key_store.keys()}
        near = difflib.get_close_matches(who, {_who(one, names) for one in accounts}, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "engine budgets list shows those there are"
        raise NotFoundError(f"{who} has no budget that was used", hint=hint)
    return found


def _who(account: Account, names: dict[str, str]) -> str:
    kind, _, name = shown_scope(account.scope).partition(":")
    return f"key:{names.get(name, name)}" if kind == "key" else shown_scope(account.scope)


def _told(account: Account, names: dict[str, str], now: float) -> dict[str, object]:
    anew = period_end(account.period, account.zone, now)
    return {
        "of": _who(account, names),
        **account.model_dump(exclude={"began", "paused"}),
        "paused": bool(account.paused),
        "paused_at": account.paused or None,
        "begins_anew": anew or None,
    }


def _print(accounts: Sequence[Account], names: dict[str, str], now: float) -> None:
    rows = [
        (
            _who(one, names),
            one.measure,
            f"{one.spent:.6g}",
            "" if one.limit is None else f"{one.limit:.6g}",
            f"{one.reserved:.6g}" if one.reserved else "",
            one.period or "ever",
            _moment(period_end(one.period, one.zone, now)),
            "paused" if one.paused else "",
        )
        for one in accounts
    ]
    print_table(("budget of", "of", "spent", "limit", "reserved", "per", "begins anew", ""), rows, right=(2, 3, 4))


def _amounts(account: Account) -> str:
    return f"{account.spent:.6g} of {account.limit or 0.0:.6g} {account.measure} are spent"


def _until(account: Account, now: float) -> str:
    end = period_end(account.period, account.zone, now)
    return f", until {_moment(end)}" if end else ""


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def _place(store: str | None, config: str | None) -> Place:
    """Return the store of the budgets. Raises typer.BadParameter for one that ends with this process."""
    place = place_of(store, config)
    if not place.durable:
        raise typer.BadParameter(f"{place.shown} ends with its process; name a file or a database by --store")
    return place
