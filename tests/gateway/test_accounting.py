"""Calls counted as they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from engine.durable.usage import MemoryUsage
from gateway import accounting as module
from gateway.accounting import Accounting, query_of, usage_payload
from gateway.record import CallRecord
from schemas.bookkeeping import ApiKey, UsageLine, UsageQuery
from schemas.errors import RequestFieldError, ScopeError, StoreError
from schemas.result import Usage

pytestmark = pytest.mark.anyio
NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z


class Book(MemoryUsage):
    """A book that can be away, and can lose its answer after it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0
        self.unsure = 0
        self.batches: list[int] = []

    async def add(self, lines: Sequence[UsageLine], *, batch: str | None = None) -> None:
        """Add lines."""
        await checkpoint()
        if self.away:
            self.away -= 1
            raise StoreError("gone")
        self.batches.append(len(lines))
        await super().add(lines, batch=batch)
        if self.unsure:
            self.unsure -= 1
            raise StoreError("the connection broke")


def record(**fields: Any) -> CallRecord:
    """Return a call that is over."""
    usage = Usage(input_tokens=100, cached_tokens=40, output_tokens=10, reasoning_tokens=5)
    given = {"provider": "openai", "model": "gpt-5", "usage": usage, "cost_usd": 0.000_000_001_4, "key": "k_1"}
    return CallRecord(**{**given, **fields})


@pytest.fixture
def book() -> Book:
    """An empty book."""
    return Book()


@pytest.fixture
def counted(book: Book) -> Accounting:
    """Counts in the book, at noon."""
    return Accounting(book, now=lambda: NOON)


async def read(book: Book, *by: Any) -> list[UsageLine]:
    """Return what is in the book."""
    return await book.read(UsageQuery(by=by))


async def test_calls_are_counted(book: Book, counted: Accounting) -> None:
    """B70: answers, failures, unknown prices and kept answers are counted as what they are, to the billionth."""
    for one in (record(), record(cost_usd=1.5, outcome="model.timeout"), record(cost_usd=None), record(cached=True)):
        counted(one)
    await counted.flush()
    (line,) = await read(book, "day", "key", "provider", "model")
    assert (line.day, line.key, line.provider, line.model) == ("2026-11-21", "k_1", "openai", "gpt-5")
    assert (line.usage.calls, line.usage.input_tokens, line.usage.cached_tokens) == (3, 300, 120)
    assert (line.cost_nano_usd, line.unpriced_calls, line.failed_calls, line.cached_answers) == (1_500_000_001, 1, 1, 1)


async def test_a_day_ends_at_midnight(book: Book) -> None:
    """A call counts to the day, in UTC, on which it ended."""
    now = [NOON + 43_199.9]
    counted = Accounting(book, now=lambda: now[0])
    counted(record())
    now[0] += 0.2
    counted(record())
    await counted.flush()
    assert [line.day for line in await read(book, "day")] == ["2026-11-21", "2026-11-22"]


async def test_what_is_counted_is_written_soon(book: Book, counted: Accounting) -> None:
    """While it runs, calls are in the book a second later, and what is left when it ends as well."""
    async with counted.writing():
        counted(record())
        with anyio.fail_after(20):
            while not await read(book):
                await anyio.sleep(0.05)
        counted(record())
    assert (await read(book))[0].usage.calls == 2


async def test_an_outage_loses_nothing(book: Book, counted: Accounting) -> None:
    """While the store is away calls are kept; a write whose end nobody heard of counts once."""
    book.away, book.unsure = 1, 2
    counted(record())
    for _ in range(3):
        with pytest.raises(StoreError):
            await counted.flush()
        counted(record())
    await counted.flush()
    assert counted.waiting == 0
    assert (await read(book))[0].usage.calls == 4


async def test_the_end_waits_for_the_store(book: Book, counted: Accounting) -> None:
    """What is left when the process ends is tried again for a while, even while it is being cancelled."""
    book.away = 2
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with counted.writing():
            counted(record())
    assert (await read(book))[0].usage.calls == 1


async def test_memory_is_bounded(book: Book, counted: Accounting, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs and agents there are while nothing can be written: the sums stay right, told apart by less."""
    monkeypatch.setattr(module, "MOST_LINES", 10)
    for number in range(100):
        counted(record(run_id=str(number), agent=f"a{number}"))
    assert counted.waiting <= 21
    await counted.flush()
    assert (await read(book))[0].usage.calls == 100


async def test_many_lines_go_in_batches(book: Book, counted: Accounting) -> None:
    """One write holds a thousand lines at most."""
    for number in range(2_500):
        counted(record(run_id=str(number)))
    await counted.flush()
    assert book.batches == [1_000, 1_000, 500]


async def test_a_key_reads_its_own(book: Book, counted: Accounting) -> None:
    """With the scope usage a key sees what it used, with admin what everybody did, with neither nothing."""
    counted(record())
    counted(record(key="k_2", run_id="r"))
    await counted.flush()
    own = ApiKey(id="k_1", name="app", hash="0" * 64, scopes=("usage",))
    told = await usage_payload(book, own, {"by": "key,run"})
    assert ([row["key"] for row in told["data"]], told["total"]["calls"]) == (["k_1"], 1)
    everything = await usage_payload(book, own.model_copy(update={"scopes": ("admin",)}), {"by": "run", "since": ""})
    assert [(row["run"], row["calls"]) for row in everything["data"]] == [("", 1), ("r", 1)]
    assert (await usage_payload(book, None, {}))["total"]["calls"] == 2
    for key, asked in ((own.model_copy(update={"scopes": ()}), {}), (own, {"key": "k_2"})):
        with pytest.raises(ScopeError):
            await usage_payload(book, key, asked)


@pytest.mark.parametrize("asked", [{"by": "dey"}, {"since": "yesterday"}, {"most": "0"}, {"foo": "1"}])
async def test_wrong_questions_are_told(asked: dict[str, str]) -> None:
    """A question that cannot be answered names the field, and says what there is."""
    with pytest.raises(RequestFieldError, match=next(iter(asked))) as caught:
        query_of(asked)
    assert "YYYY-MM-DD" in caught.value.hint
