"""What calls used, added up as they end and written behind their backs.

The observer adds a record to a line in memory, a few microseconds a call. Once a second, or after a thousand calls, the
lines are written under the name of a batch, so that a write whose end nobody heard of counts once when it is tried
again. While the store is away lines go on to be merged: what is lost is what a crash of the process takes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import anyio
import structlog
from pydantic import ValidationError

from gateway.keys import require
from gateway.record import CallRecord
from schemas.accounts import NANO
from schemas.bookkeeping import ApiKey, UsageBook, UsageLine, UsageQuery
from schemas.errors import RequestFieldError, StoreError
from schemas.result import Usage

EVERY_S = 1.0
AT_ONCE = 1_000
"""So many calls are written without waiting for the second to be over; and so many lines in one batch."""
MOST_LINES = 50_000
"""Beyond this many lines in memory calls are no longer told apart by run; beyond twice as many, nor by agent, role."""
LONGEST_PAUSE_S = 15.0
PATIENCE_S = 10.0
"""How long what is left is tried to be written before the process ends."""
_DAY_S = 86_400
_KNOWN = (
    "there are by (day, key, provider, model, agent, role, run), since and until (YYYY-MM-DD), key, model, agent, run,"
    " most"
)

_Names = tuple[str, str, str, str, str, str, str]
_log = structlog.get_logger("plan-execute-engine.gateway")


class Accounting:
    """Counts calls in a book; give it to a gateway as an observer. Belongs to one event loop.

    Args:
        book: Where usage is counted.
        now: Gives Unix time.
    """

    def __init__(self, book: UsageBook, *, now: Callable[[], float] = time.time) -> None:
        self._book = book
        self._now = now
        self._lines: dict[_Names, list[int]] = {}
        self._calls = 0
        self._sending: tuple[str, list[UsageLine]] | None = None
        self._busy: anyio.Event | None = None
        self._some = anyio.Event()
        self._many = anyio.Event()
        self._day = ""
        self._day_ends = 0.0
        self._away = False

    def __call__(self, record: CallRecord) -> None:
        """Count a call that is over."""
        now = self._now()
        if now >= self._day_ends:
            self._turn(now)
        names = (self._day, record.key, record.provider, record.model, record.agent, record.role, record.run_id)
        sums = self._lines.get(names)
        if sums is None:
            sums = self._line(names)
        self._calls += 1
        if self._calls == AT_ONCE:
            self._many.set()
        if record.cached:
            sums[10] += 1
            return
        usage, cost = record.usage, record.cost_usd
        sums[0] += 1
        sums[1] += usage.input_tokens
        sums[2] += usage.cached_tokens
        sums[3] += usage.cache_write_tokens
        sums[4] += usage.cache_write_1h_tokens
        sums[5] += usage.output_tokens
        sums[6] += usage.reasoning_tokens
        if cost is None:
            sums[8] += 1
        else:
            sums[7] += round(cost * NANO)
        if record.outcome:
            sums[9] += 1

    @property
    def waiting(self) -> int:
        """How many lines are still to be written."""
        return len(self._lines) + (len(self._sending[1]) if self._sending is not None else 0)

    async def flush(self) -> None:
        """Write everything that was counted so far.

        Raises:
            StoreError: It cannot be written; it is kept, and the next flush tries again.

        Cancellation: what was under way is written again, and counts once.
        """
        while self._busy is not None:
            await self._busy.wait()
        self._busy = anyio.Event()
        try:
            while self._sending is not None or self._lines:
                if self._sending is None:
                    self._sending = (uuid.uuid4().hex, self._taken())
                batch, lines = self._sending
                await self._book.add(lines, batch=batch)
                self._sending = None
        finally:
            self._busy.set()
            self._busy = None
        self._away = False

    async def run(self) -> None:
        """Write what is counted, at most a second later, until cancelled; a store that is away is waited for."""
        pause_s = EVERY_S
        while True:
            self._some, self._many = anyio.Event(), anyio.Event()
            if not self.waiting:
                await self._some.wait()
            with anyio.move_on_after(EVERY_S):
                await self._many.wait()
            try:
                await self.flush()
                pause_s = EVERY_S
            except StoreError as exc:
                self._say_away(exc)
                await anyio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Write behind what is done inside, and on leaving all that is left.

        Cancellation: what is left is written for at most ``PATIENCE_S`` all the same.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self.run)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                await self.finish()

    async def settle(self) -> None:
        """Write what was counted so far, if that goes quickly; what is left stays for the next time."""
        if not self.waiting:
            return
        with anyio.move_on_after(EVERY_S, shield=True):
            try:
                await self.flush()
            except StoreError as exc:
                self._say_away(exc)

    async def finish(self) -> None:
        """Write what is left before the process ends; what cannot be written by then is said, and lost."""
        pause_s = 0.1
        with anyio.move_on_after(PATIENCE_S, shield=True):
            while self.waiting:
                try:
                    await self.flush()
                except StoreError as exc:
                    self._say_away(exc)
                    await anyio.sleep(pause_s)
                    pause_s = min(2 * pause_s, EVERY_S)
        if self.waiting:
            lost = self._lost()
            _log.error("usage could not be written and is lost", calls=lost.usage.calls, nano_usd=lost.cost_nano_usd)

    def _turn(self, now: float) -> None:
        """Begin the day that it is now."""
        self._day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
        self._day_ends = (now // _DAY_S + 1) * _DAY_S

    def _line(self, names: _Names) -> list[int]:
        """Return a new line; where there are too many, one that tells less apart."""
        if len(self._lines) >= MOST_LINES:
            day, key, provider, model, agent, role, _ = names
            if len(self._lines) >= 2 * MOST_LINES:
                agent = role = ""
            names = (day, key, provider, model, agent, role, "")
        self._some.set()
        return self._lines.setdefault(names, [0] * 11)

    def _taken(self) -> list[UsageLine]:
        """Take the lines that were begun first out of memory, as many as one batch holds."""
        taken = list(islice(self._lines.items(), AT_ONCE))
        for names, _ in taken:
            del self._lines[names]
        self._calls = 0
        return [_line_of(names, sums) for names, sums in taken]

    def _lost(self) -> UsageLine:
        lines = [_line_of(names, sums) for names, sums in self._lines.items()]
        lines += self._sending[1] if self._sending is not None else []
        usage = sum((line.usage for line in lines), Usage())
        return UsageLine(usage=usage, cost_nano_usd=sum(line.cost_nano_usd for line in lines))

    def _say_away(self, exc: StoreError) -> None:
        if not self._away:
            self._away = True
            _log.warning("usage cannot be written: it is kept and tried again", error=exc.message)


async def usage_payload(book: UsageBook, key: ApiKey | None, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``GET /v1/usage`` answers.

    Args:
        book: Where usage is counted.
        key: Who asks: the scope ``usage`` shows what that key used, ``admin`` what everybody did. None: keys are not
            needed here, and whoever asks sees everything.
        asked: The query string: ``by`` (names joined by commas), ``since``, ``until``, ``key``, ``model``, ``agent``,
            ``run``.

    Raises:
        ScopeError: The key may not read it.
        RequestFieldError: A field is not known, or has a value that is not possible.
        StoreError: The store is away.
    """
    query = query_of(asked)
    if key is not None and "admin" not in key.scopes:
        require(key, scope="usage")
        if query.key not in (None, key.id, key.name):
            require(key, scope="admin")
        query = query.model_copy(update={"key": key.id})
    rows = await book.read(query)
    total = await book.read(query.model_copy(update={"by": (), "most": None}))
    return {
        "object": "list",
        "by": list(query.by),
        "data": [row_of(row, query.by) for row in rows],
        "total": row_of(total[0] if total else UsageLine(), ()),
    }


def query_of(asked: Mapping[str, str]) -> UsageQuery:
    """Return the query that names and values mean, as they stand in a query string. Raises RequestFieldError."""
    fields: dict[str, Any] = {("run_id" if name == "run" else name): value for name, value in asked.items() if value}
    if "by" in fields:
        names = [name.strip() for name in fields["by"].split(",")]
        fields["by"] = tuple("run_id" if name == "run" else name for name in names if name)
    try:
        return UsageQuery.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = str(first["loc"][0])
        told = asked.get("run" if field == "run_id" else field, "")[:80]
        raise RequestFieldError(f"{field}: {told!r} is not possible", hint=_KNOWN, details={"param": field}) from None


def row_of(line: UsageLine, by: tuple[str, ...]) -> dict[str, Any]:
    """Return a line as programs read it: the names asked for (``run_id`` as ``run``), then its numbers."""
    names = {"run" if name == "run_id" else name: getattr(line, name) for name in by}
    usage = line.usage.model_dump()
    cost = usage.pop("cost_usd")
    return {
        **names,
        **usage,
        "cost_usd": cost,
        "cost_nano_usd": line.cost_nano_usd,
        "unpriced_calls": line.unpriced_calls,
        "failed_calls": line.failed_calls,
        "cached_answers": line.cached_answers,
    }


def _line_of(names: _Names, sums: list[int]) -> UsageLine:
    day, key, provider, model, agent, role, run_id = names
    calls, read, cached, written, hour, output, reasoning, nano, unpriced, failed, answers = sums
    usage = Usage(
        calls=calls,
        input_tokens=read,
        cached_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        output_tokens=output,
        reasoning_tokens=reasoning,
        cost_usd=nano / NANO,
    )
    return UsageLine(
        day=day,
        key=key,
        provider=provider,
        model=model,
        agent=agent,
        role=role,
        run_id=run_id,
        usage=usage,
        cost_nano_usd=nano,
        unpriced_calls=unpriced,
        failed_calls=failed,
        cached_answers=answers,
    )
