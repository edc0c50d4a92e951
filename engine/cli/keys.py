"""``engine keys``: who may call models through ``engine gateway``, what of, and for how much."""

from __future__ import annotations

import difflib
import json as jsonlib
import re
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.keyoptions import ExpiresOption, Wishes, takes_wishes
from engine.cli.session import run_async
from engine.cli.storage import Place, existing, opened, place_of
from engine.cli.terminal import me
from engine.durable.audit import accounted
from engine.sinks.words import one_line, usd
from gateway.keys import hash_of, hint_of, new_secret, valid
from schemas.audit import AuditEntry
from schemas.bookkeeping import ApiKey, UsageQuery
from schemas.errors import ConflictError, NotFoundError
from schemas.stores import RunStore

_NAME = re.compile(r"[\w][\w .@/+-]{0,99}")
_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"
_DAY_S = 86_400.0

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="A key's name or id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
@takes_wishes
def create(
    name: NameArgument,
    wishes: Wishes,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Make a key, and print its secret: this once, for only its hash is kept.

    The secret alone goes to stdout: KEY=$(engine keys create app --usd 5). It works at once, also with a gateway that
    runs on the same store.
    """
    secret = new_secret()
    new = {"id": _new_id(), "name": _named(name), "hash": hash_of(secret), "hint": hint_of(secret)}
    key = ApiKey.model_validate({**new, "created_at": time.time(), **wishes.fields()})
    place = _place(store, config)

    async def main() -> int:
        async with opened(place) as kept, _accounted(kept, key, "created", key):
            await kept.key_store.add(key)
        _give(key, secret, json=json)
        return 0

    return run_async(main)


@commands.command("list")
def list_keys(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Revoked and expired ones too.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """List the keys there are, oldest first."""
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            keys = await kept.key_store.keys()
        now = time.time()
        shown = [key for key in keys if everything or valid(key, now)]
        if json:
            _print_json([_public(key) for key in shown])
        elif shown:
            head = ("name", "id", "secret", "models", "budget", "state")
            print_table(head, [_row(key, now) for key in shown])
        else:
            print(f"there are no API keys in {place.shown}")
        if len(shown) < len(keys) and not json:
            print(f"note: {len(keys) - len(shown)} revoked or expired; --all lists them", file=sys.stderr)
        return 0

    return run_async(main)


@commands.command()
def show(
    key: KeyArgument, store: given.StoreOption = None, config: given.ConfigOption = None, json: JsonOption = False
) -> int:
    """Show a key: what it may do, and what it used this month."""
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            found = await named(kept, key)
            month = datetime.now(UTC).strftime("%Y-%m-01")
            used = await kept.usage_book.read(UsageQuery(by=(), since=month, key=found.id))
            ledger = kept.ledger()
            accounts = [] if ledger is None else await ledger.accounts(f"key:{found.id}")
        if json:
            month_used = used[0].usage.model_dump() if used else {}
            _print_json({**_public(found), "this_month": month_used, "budgets": [a.model_dump() for a in accounts]})
            return 0
        lines = list(_lines(found, time.time()))
        if used:
            lines.append(("this month", f"{used[0].usage.calls:,} calls, {usd(used[0].usage.cost_usd)}"))
        for account in accounts:
            most = "no limit" if account.limit is None else f"{account.limit:,.10g}"
            lines.append((f"{account.measure} of the {account.period or 'whole'}", f"{account.spent:,.6g} of {most}"))
        width = max(len(word) for word, _ in lines)
        print("\n".join(f"{word:{width}}  {one_line(value)}" for word, value in lines))
        return 0

    return run_async(main)


@commands.command()
@takes_wishes
def change(
    key: KeyArgument,
    wishes: Wishes,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Change what a key may do; its secret, and what is not named, stay as they are."""
    if not wishes.fields():
        raise typer.BadParameter("say what to change, such as --usd 10 or --expires 30d")
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            found = await named(kept, key)
            changed = found.model_copy(update=wishes.fields(found))
            async with _accounted(kept, changed, "changed", changed, found):
                await kept.key_store.change(changed)
        _say(changed, f"changed key {changed.name}", json=json)
        return 0

    return run_async(main)


@commands.command()
def rotate(
    key: KeyArgument,
    grace: Annotated[
        float | None,
        typer.Option("--grace", parser=given.duration, metavar="TIME", help="How long the old secret works on; 24h."),
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="The old secret ends at once.")] = False,
    expires: ExpiresOption = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Give a key a new secret; the old one works for a day, or as --grace says."""
    secret = new_secret()
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            found = await named(kept, key)
            if found.revoked_at is not None:
                raise ConflictError(f"key {found.name} is revoked", hint="engine keys create makes another")
            until = time.time() + (0.0 if now else grace or _DAY_S)
            rotated = {"hash": hash_of(secret), "hint": hint_of(secret)}
            rotated |= {"previous_hash": None if now else found.hash, "previous_until": None if now else until}
            rotated |= {} if expires is None else {"expires_at": expires or None}
            changed = found.model_copy(update=rotated)
            async with _accounted(kept, changed, "rotated", changed, found):
                await kept.key_store.change(changed)
        _give(changed, secret, json=json)
        said = "has ended" if now else f"works until {_moment(until)}"
        print(f"note: the old secret {said}", file=sys.stderr)
        return 0

    return run_async(main)


@commands.command()
def revoke(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Names or ids.")],
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """End keys; a running gateway refuses them within two seconds.

    What they used stays counted.
    """
    place = _place(store, config)

    async def main() -> int:
        async with existing(place) as kept:
            found = [await named(kept, key) for key in keys]
            for one in found:
                if one.revoked_at is None:
                    async with _accounted(kept, one, "revoked"):
                        await kept.key_store.change(one.model_copy(update={"revoked_at": time.time()}))
                print(f"{'revoked' if one.revoked_at is None else 'was revoked already:'} {one.name} ({one.id})")
        return 0

    return run_async(main)


async def named(store: RunStore, text: str) -> ApiKey:
    """Return the key with this id or name; of several of a name the one that is not revoked, else the newest.

    Raises:
        NotFoundError: There is none; the hint gives near names. A whole secret is never repeated.
    """
    keys = await store.key_store.keys()
    if text.startswith("ek-"):
        found = [key for key in keys if hash_of(text) in (key.hash, key.previous_hash)]
        text = hint_of(text)
        hint = "a secret stands in your shell's history now: name keys by name or id"
    else:
        found = [key for key in keys if text in (key.id, key.name)]
        near = difflib.get_close_matches(text, [word for key in keys for word in (key.name, key.id)], 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "engine keys list --all shows those there are"
    if not found:
        raise NotFoundError(f"there is no API key {text[:100]!r}", hint=hint)
    return max(found, key=lambda key: (key.revoked_at is None, key.created_at))


def _accounted(
    store: RunStore, key: ApiKey, act: str, now: ApiKey | None = None, before: ApiKey | None = None
) -> AbstractAsyncContextManager[None]:
    """Do something to a key, in sight of the audit trail: what it set, but no hash."""
    old = {} if before is None else _public(before)
    changes = {} if now is None else {name: value for name, value in _public(now).items() if value != old.get(name)}
    told = {"id": key.id, **changes}
    entry = AuditEntry(at=0.0, what="key", about=key.name, act=act, input=told, by=me(), through="terminal")
    return accounted(store.audit_book, entry)


def _place(store: str | None, config: str | None) -> Place:
    """Return the store of the keys. Raises typer.BadParameter for one that ends with this process."""
    place = place_of(store, config)
    if not place.durable:
        raise typer.BadParameter(f"{place.shown} ends with its process; name a file or a database by --store")
    return place


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter(f"{name[:100]!r} is no name: letters, digits, spaces and .@/+_- (at most 100)")
    return name


def _new_id() -> str:
    return "k_" + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def _give(key: ApiKey, secret: str, *, json: bool) -> None:
    """Print a secret, once."""
    if json:
        _print_json({**_public(key), "secret": secret})
        return
    print(f"key {key.name} ({key.id}): its secret, shown this once", file=sys.stderr)
    print(secret)


def _say(key: ApiKey, text: str, *, json: bool) -> None:
    if json:
        _print_json(_public(key))
    else:
        print(text)


def _public(key: ApiKey) -> dict[str, Any]:
    """Return a key for programs, without its hashes."""
    return key.model_dump(mode="json", exclude={"hash", "previous_hash"})


def _print_json(value: object) -> None:
    print(jsonlib.dumps(value, indent=2, ensure_ascii=False))


def _row(key: ApiKey, now: float) -> tuple[str, ...]:
    return key.name, key.id, key.hint, ", ".join(key.models) or "all", _budget(key), _state(key, now)


def _budget(key: ApiKey) -> str:
    caps = [usd(key.usd)] if key.usd is not None else []
    caps += [f"{key.tokens:,} tokens"] if key.tokens is not None else []
    return f"{', '.join(caps)} {f'a {key.per}' if key.per else 'ever'}" if caps else "no limit"


def _state(key: ApiKey, now: float) -> str:
    if key.revoked_at is not None:
        return f"revoked {_moment(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if now >= key.expires_at else 'valid until'} {_moment(key.expires_at)}"


def _lines(key: ApiKey, now: float) -> Sequence[tuple[str, str]]:
    """Return what a key is, for people."""
    lines = [("name", key.name), ("id", key.id), ("secret", key.hint), ("state", _state(key, now))]
    lines += [("created", _moment(key.created_at)), ("models", ", ".join(key.models) or "all")]
    lines += [("listeners", ", ".join(key.listeners) or "all"), ("scopes", ", ".join(key.scopes) or "none")]
    lines += [("agent", key.agent)] if key.agent else []
    lines += [("budget", f"{_budget(key)}, days of {key.zone}")]
    if key.limits is not None:
        told = key.limits.model_dump(exclude_none=True)
        lines.append(("limits", ", ".join(f"{name} {value}" for name, value in told.items())))
    if key.previous_until is not None and key.previous_until > now:
        lines.append(("old secret", f"works until {_moment(key.previous_until)}"))
    return lines


def _moment(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")
