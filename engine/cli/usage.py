"""``engine usage``: what model calls used, and what they cost."""

from __future__ import annotations

import csv as csvlib
import json as jsonlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import typer
from rich.text import Text

from engine.cli import options as given
from engine.cli.columns import Cell, print_table
from engine.cli.keys import named
from engine.cli.session import run_async
from engine.cli.storage import existing, place_of
from engine.sinks.words import count
from gateway.accounting import row_of
from schemas.bookkeeping import UsageField, UsageLine, UsageQuery
from schemas.errors import NotFoundError
from schemas.stores import RunStore

FIELDS = ("day", "key", "provider", "model", "agent", "role", "run")
_SPAN = {"d": 1, "w": 7}

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def day(text: str) -> str:
    """Return the day (UTC) of ``2026-11-21``, ``2026-11`` (its first), ``today``, ``yesterday``, or ``7d`` ago.

    Raises:
        typer.BadParameter: It is none.
    """
    told, today = text.strip().lower(), datetime.now(UTC).date()
    if told in ("today", "yesterday"):
        return str(today - timedelta(days=told == "yesterday"))
    if told[:-1].isdigit() and told[-1:] in _SPAN:
        return str(today - timedelta(days=min(int(told[:-1]) * _SPAN[told[-1]], 100_000)))
    try:
        return str(datetime.strptime(told if told.count("-") == 2 else f"{told}-01", "%Y-%m-%d").date())  # noqa: DTZ007  a day of no zone
    except ValueError:
        said = f"{text!r} is no day: write 2026-11-21, 2026-11, today, yesterday, or how long ago (7d, 4w)"
        raise typer.BadParameter(said) from None


def names(text: str) -> tuple[UsageField, ...]:
    """Return the fields of ``model,day``. Raises typer.BadParameter for others."""
    asked = [name.strip().lower() for name in text.split(",") if name.strip()]
    wrong = [name for name in asked if name not in (*FIELDS, "run_id")]
    if wrong or not asked:
        raise typer.BadParameter(f"{(wrong or [text])[0]!r} is none of {', '.join(FIELDS)}")
    fields = ["run_id" if name == "run" else name for name in asked]
    return cast("tuple[UsageField, ...]", tuple(dict.fromkeys(fields)))


@commands.command()
def usage(
    by: Annotated[
        Any, typer.Option("--by", parser=names, metavar="NAMES", help=f"Any of {','.join(FIELDS)}; day,model.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", parser=day, metavar="DAY", help="2026-11-21, 2026-11, today, 7d, 4w.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", parser=day, metavar="DAY", help="Included.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only this key's, by name or id.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only this model, or provider/model.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Only this agent's.")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Only this run's.")] = None,
    most: Annotated[int | None, typer.Option("--top", min=1, metavar="N", help="Only the N costliest.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values, a line a row.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Say what model calls used, and what they cost.

    It counts the calls of runs, and those of clients of engine gateway. Days are those of UTC. A cost with a + lacks
    calls whose price nobody knows; ? is a cost nobody knows.
    """
    if csv and json:
        raise typer.BadParameter("--csv and --json: choose one")
    place = place_of(store, config)
    query = UsageQuery(by=by or ("day", "model"), since=since, until=until, model=model, agent=agent, most=most)

    async def main() -> int:
        async with existing(place) as kept:
            asked = query.model_copy(update={"key": await _key(kept, key), "run_id": run})
            rows = await kept.usage_book.read(asked)
            whole = await kept.usage_book.read(asked.model_copy(update={"by": (), "most": None}))
            called = {one.id: one.name for one in await kept.key_store.keys()} if "key" in asked.by else {}
        total = whole[0] if whole else UsageLine()
        if json:
            found = {"rows": [row_of(row, asked.by) for row in rows], "total": row_of(total, ())}
            print(jsonlib.dumps(found, indent=2, ensure_ascii=False))
        elif csv:
            _write_csv([row_of(row, asked.by) for row in rows], asked.by)
        elif rows:
            _show(rows, total, asked, called)
        else:
            print(f"nothing was counted in {place.shown}{' for that' if asked != UsageQuery(by=asked.by) else ''}")
        return 0

    return run_async(main)


async def _key(store: RunStore, text: str | None) -> str | None:
    """Return the id of a key that is named; one that was counted and is no longer there may be named by its id."""
    if text is None:
        return None
    try:
        return (await named(store, text)).id
    except NotFoundError:
        if text.startswith("k_") and await store.usage_book.read(UsageQuery(by=(), key=text)):
            return text
        raise


def _write_csv(rows: Sequence[dict[str, Any]], by: Sequence[str]) -> None:
    head = list(rows[0]) if rows else list(row_of(UsageLine(), tuple(by)))
    writer = csvlib.DictWriter(sys.stdout, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> Any:
    """A value as a spreadsheet takes it: an unknown cost is empty, and no text is a formula.

    Source: OWASP, "CSV Injection".
    """
    if isinstance(value, float):
        return f"{value:.9f}"
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _show(rows: Sequence[UsageLine], total: UsageLine, query: UsageQuery, called: dict[str, str]) -> None:
    """Print a table: the names asked for, then numbers; columns in which nothing stands are left out."""
    by = query.by
    heads = ["run" if name == "run_id" else name for name in by]
    lines = [(*(_named(name, getattr(row, name), called) for name in by), *_numbers(row)) for row in rows]
    last: tuple[Cell, ...] = ("total", *("" for _ in by[1:]), *(Text(text, style="bold") for text in _numbers(total)))
    head = (*heads, *_HEADS)
    shown = [column for column in range(len(head)) if column < len(by) or _matters(head[column], total)]
    right = [place for place, column in enumerate(shown) if column >= len(by)]
    print_table(
        [head[column] for column in shown], ([line[c] for c in shown] for line in (*lines, last)), right=right
    )  # fmt: skip
    _notes(rows, total, query)


def _notes(rows: Sequence[UsageLine], total: UsageLine, query: UsageQuery) -> None:
    notes: list[str] = []
    if total.unpriced_calls:
        lacking = "call has" if total.unpriced_calls == 1 else "calls have"
        notes.append(f"{total.unpriced_calls:,} {lacking} no known price and are in no cost (prices: model_providers)")
    if query.most is not None and len(rows) == query.most:
        notes.append(f"the {count(len(rows), 'costliest row')} of those there are; the total is of all")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


_HEADS = ("calls", "input", "cached", "cache write", "output", "reasoning", "failed", "from cache", "cost USD")
_ALWAYS = {"calls", "input", "output", "cost USD"}


def _numbers(line: UsageLine) -> tuple[str, ...]:
    used = line.usage
    numbers = (
        used.calls, used.input_tokens, used.cached_tokens, used.cache_write_tokens, used.output_tokens,
        used.reasoning_tokens, line.failed_calls, line.cached_answers,
    )  # fmt: skip
    return (*(f"{number:,}" for number in numbers), _cost(line))


def _matters(head: str, total: UsageLine) -> bool:
    return head in _ALWAYS or _numbers(total)[_HEADS.index(head)] != "0"


def _cost(line: UsageLine) -> str:
    if line.usage.cost_usd is None:
        return "?"
    return f"{line.usage.cost_usd:,.6f}{'+' if line.unpriced_calls else ''}"


def _named(field: str, value: str, called: dict[str, str]) -> str:
    if field == "key":
        return f"{called[value]} ({value})" if value in called else value or "none"
    return value or "none"
