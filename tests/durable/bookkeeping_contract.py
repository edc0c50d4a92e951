"""What every keeper of API keys, usage and answers must do. Test classes inherit these and give the fixtures."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from schemas.bookkeeping import AnswerCache, ApiKey, KeyStore, UsageBook, UsageLine, UsageQuery
from schemas.errors import ConflictError, NotFoundError
from schemas.gateway import RateLimits
from schemas.result import Usage


def key(number: int, **fields: Any) -> ApiKey:
    """Return one of several keys."""
    given = {"id": f"k_{number}", "name": f"app {number}", "hash": f"{number:064x}", "created_at": number}
    return ApiKey.model_validate({**given, **fields})


def line(calls: int = 1, nano: int = 1, **fields: Any) -> UsageLine:
    """Return what some calls used."""
    day = {"day": "2026-11-21", "provider": "openai", "model": "gpt-5"}
    usage = Usage(calls=calls, input_tokens=100 * calls, cached_tokens=10 * calls, output_tokens=calls)
    return UsageLine.model_validate({**day, "usage": usage, "cost_nano_usd": nano, **fields})


async def read(book: UsageBook, *by: str, **asked: Any) -> list[tuple[Any, ...]]:
    """Return (names asked for, calls, billionths of a USD) of each row."""
    rows = await book.read(UsageQuery.model_validate({"by": by, **asked}))
    return [(*(getattr(row, name) for name in by), row.usage.calls, row.cost_nano_usd) for row in rows]


@pytest.mark.anyio
class KeysContract:
    """Inherit as ``class TestX(KeysContract)``."""

    async def test_a_key_is_found_by_its_hash(self, keys: KeyStore) -> None:
        """A key comes back whole by its hash or its previous one, and by no other."""
        limits = RateLimits(requests_per_minute=5)
        kept = key(1, name="Ä'%\x00", models=("a/*",), usd=5.5, limits=limits, previous_hash="f" * 64)
        await keys.add(kept)
        await keys.add(key(2))
        assert await keys.find(kept.hash) == await keys.find("f" * 64) == kept
        assert await keys.find("0" * 64) is None
        assert await keys.keys() == [kept, key(2)]

    async def test_what_tells_keys_apart_is_taken_once(self, keys: KeyStore) -> None:
        """An id, a secret, or the name of a key that is not revoked is refused a second time, and changes nothing."""
        await keys.add(key(1))
        for other in (key(1), key(2, hash=key(1).hash), key(2, name="app 1")):
            with pytest.raises(ConflictError):
                await keys.add(other)
        assert await keys.keys() == [key(1)]
        await keys.change(key(1, revoked_at=5.0))
        await keys.add(key(2, name="app 1"))
        with pytest.raises(ConflictError):
            await keys.change(key(1))

    async def test_a_key_is_replaced(self, keys: KeyStore) -> None:
        """A changed key is found by its new hash and no longer by its old one; an unknown one cannot be changed."""
        await keys.add(key(1))
        await keys.add(key(2))
        changed = key(1, hash="a" * 64, revoked_at=9.0)
        await keys.change(changed)
        assert await keys.find("a" * 64) == changed
        assert await keys.find(key(1).hash) is None
        assert [found.id for found in await keys.keys()] == ["k_1", "k_2"]
        with pytest.raises(NotFoundError, match="k_3"):
            await keys.change(key(3))


@pytest.mark.anyio
class UsageContract:
    """Inherit as ``class TestX(UsageContract)``."""

    async def test_lines_add_up(self, book: UsageBook) -> None:
        """Lines of the same names become one sum, exact in billionths, beyond what a float holds."""
        await book.add([line(2, 9_007_199_254_740_993), line(1, 1, unpriced_calls=1, failed_calls=1)])
        await book.add([line(1, 1, cached_answers=3), line(1, 5, model="o3", provider="x")])
        (row,) = await book.read(UsageQuery(by=("day", "model"), model="gpt-5"))
        assert (row.day, row.model, row.usage.calls, row.cost_nano_usd) == (
            "2026-11-21",
            "gpt-5",
            4,
            9_007_199_254_740_995,
        )
        assert (row.usage.input_tokens, row.usage.cached_tokens, row.usage.output_tokens) == (400, 40, 4)
        assert (row.unpriced_calls, row.failed_calls, row.cached_answers, row.provider) == (1, 1, 3, "")
        assert row.usage.cost_usd == pytest.approx(9_007_199.254740995)
        assert await read(book, "model") == [("gpt-5", 4, 9_007_199_254_740_995), ("o3", 1, 5)]
        assert await read(book) == [(5, 9_007_199_254_741_000)]

    async def test_an_unknown_price_is_no_zero(self, book: UsageBook) -> None:
        """Where no call has a known price the cost is None; where some have, it is theirs."""
        await book.add([line(2, 0, unpriced_calls=2), line(2, 7, model="m", unpriced_calls=1)])
        unknown, partly = await book.read(UsageQuery(by=("model",)))
        assert (unknown.usage.cost_usd, partly.usage.cost_usd) == (None, 7e-9)

    async def test_nothing_is_no_row(self, book: UsageBook) -> None:
        """Where nothing was counted there is no row, whatever is asked."""
        await book.add([])
        assert await read(book) == await read(book, "key", "run_id") == await read(book, "day", key="k") == []

    async def test_questions(self, book: UsageBook) -> None:
        """Rows come by any names, in their order, and only of what was asked for."""
        await book.add(
            [line(1, 1, key="k2", run_id="r1", agent="a", role="planner"), line(1, 2, key="k1", run_id="r1")]
        )
        await book.add([line(1, 4, key="k1", day="2026-11-22"), line(1, 8, key="k1", run_id="r2", provider="azure")])
        assert await read(book, "key") == [("k1", 3, 14), ("k2", 1, 1)]
        assert await read(book, "run_id") == [("", 1, 4), ("r1", 2, 3), ("r2", 1, 8)]
        assert await read(book, "key", run_id="r1") == [("k1", 1, 2), ("k2", 1, 1)]
        assert await read(book, "day", until="2026-11-21") == [("2026-11-21", 3, 11)]
        assert await read(book, "day", since="2026-11-22") == [("2026-11-22", 1, 4)]
        assert await read(book, "role", agent="a") == [("planner", 1, 1)]
        assert await read(book, "provider", model="azure/gpt-5") == [("azure", 1, 8)]
        assert await read(book, "provider", "key", model="gpt-5", key="k2") == [("openai", "k2", 1, 1)]
        assert await read(book, "run_id", most=2) == [("r2", 1, 8), ("", 1, 4)]
        assert await read(book, "key", "key", most=1) == [("k1", "k1", 3, 14)]

    async def test_a_batch_counts_once(self, book: UsageBook) -> None:
        """Lines that are added again under the name of their batch, since nobody knew whether they were, count once."""
        for batch in ("b1", "b1", "b2", None, None):
            await book.add([line(1, 1)], batch=batch)
        assert await read(book) == [(4, 4)]

    async def test_many_at_once_lose_nothing(self, book: UsageBook) -> None:
        """Lines added at the same moment, in any order, are all in the sums."""
        async with anyio.create_task_group() as group:
            for number in range(40):
                names = ("a", "b", "c") if number % 2 else ("c", "b", "a")
                group.start_soon(book.add, [line(1, number, key=name, run_id=str(number % 5)) for name in names])
        assert await read(book, "key") == [(name, 40, 780) for name in ("a", "b", "c")]
        assert sum(row[-2] for row in await read(book, "run_id")) == 120

    async def test_any_name_is_counted(self, book: UsageBook) -> None:
        """Names with quotes, wide characters, NUL or half a character, and endless ones, are kept as well as can be."""
        names = ["é'%\\", "a\x00b", "\ud800", "模" * 500, "x" * 5_000]
        await book.add(
            [line(1, 1, agent=name, key=name, role=name, run_id=f"{name}"[:200], model=name) for name in names]
        )
        assert sum(row[-1] for row in await read(book, "agent", "run_id")) == 5
        assert await read(book, "agent", agent="é'%\\") == [("é'%\\", 1, 1)]
        assert await read(book, run_id="模" * 200) == [(1, 1)]
        assert await read(book, model="x" * 5_000) == [(1, 1)]


@pytest.mark.anyio
class AnswersContract:
    """Inherit as ``class TestX(AnswersContract)``."""

    async def test_an_answer_is_kept(self, answers: AnswerCache) -> None:
        """An answer comes back as it was, an unknown one does not, and a newer one takes its place."""
        await answers.put("a", b"\x00\xff{}", 60)
        await answers.put("b", b"1", 60)
        await answers.put("b", b"2", 60)
        assert (await answers.get("a"), await answers.get("b"), await answers.get("c")) == (b"\x00\xff{}", b"2", None)

    async def test_an_old_answer_is_none(self, answers: AnswerCache) -> None:
        """An answer whose time is over is not returned and not counted."""
        await answers.put("a", b"1", -1)
        await answers.put("b", b"2", 60)
        assert await answers.get("a") is None
        assert await answers.clear() == 1

    async def test_all_answers_go(self, answers: AnswerCache) -> None:
        """Clearing forgets every answer and says how many there were."""
        for number in range(3):
            await answers.put(str(number), b"x", 60)
        assert await answers.clear() == 3
        assert await answers.get("1") is None
        assert await answers.clear() == 0
