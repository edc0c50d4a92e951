from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.budget import NANO, MemoryLedger
from gateway.gateway import CallContext
from schemas.errors import BudgetError, ConflictError, CostBudgetError, TokenBudgetError
from schemas.result import Usage
from tests.gateway.fakes import ScriptedProvider, gateway, request

pytestmark = pytest.mark.anyio


async def ledger(usd: float | None = None, tokens: int | None = None, keep: float = 0.0) -> MemoryLedger:
    """Return a ledger with one open scope, ``run:1``."""
    made = MemoryLedger()
    await made.open("run:1", limit_usd=usd, limit_tokens=tokens, keep_share=keep)
    return made


def used(tokens: int, usd: float | None = 0.0) -> Usage:
    """Return a usage."""
    return Usage(calls=1, input_tokens=tokens, cost_usd=usd)


async def test_a_reservation_beyond_the_limit_is_refused() -> None:
    """B71: what is reserved counts until it is settled; the error says scope, measure, limit and spent."""
    made = await ledger(usd=1.0, tokens=100)
    first = await made.reserve(["run:1"], usd=0.6, tokens=10)
    with pytest.raises(CostBudgetError) as caught:
        await made.reserve(["run:1"], usd=0.5, tokens=10)
    assert caught.value.details.items() >= {"scope": "run:1", "measure": "usd", "limit": 1.0, "spent": 0.0}.items()
    with pytest.raises(TokenBudgetError):
        await made.reserve(["run:1"], usd=0.1, tokens=91)
    await made.settle(first, used(10, 0.2))
    assert await made.reserve(["run:1"], usd=0.8, tokens=90)


async def test_scopes_are_reserved_together_or_not_at_all() -> None:
    """B71: if one scope refuses, the others keep nothing of the reservation."""
    made = await ledger(tokens=100)
    await made.open("day:1", limit_usd=None, limit_tokens=10)
    with pytest.raises(TokenBudgetError, match="day:1"):
        await made.reserve(["run:1", "day:1"], usd=0, tokens=50)
    assert await made.reserve(["run:1"], usd=0, tokens=100)


async def test_a_share_is_kept_for_the_answer() -> None:
    """B45: the synthesizer's share can't be used up by the calls before it."""
    made = await ledger(usd=1.0, tokens=100, keep=0.15)
    with pytest.raises(TokenBudgetError, match="15 are kept for the answer"):
        await made.reserve(["run:1"], usd=0, tokens=86)
    await made.settle(await made.reserve(["run:1"], usd=0, tokens=85), used(85))
    with pytest.raises(TokenBudgetError):
        await made.reserve(["run:1"], usd=0, tokens=1)
    assert await made.reserve(["run:1"], usd=0.1, tokens=15, use_kept=True)


async def test_the_warning_comes_once_at_ninety_percent() -> None:
    """B45: the settlement that crosses 90 % of a limit says so, once a measure."""
    made = await ledger(usd=1.0, tokens=100)
    crossed = [await made.settle(await made.reserve(["run:1"], usd=0, tokens=0), used(45, 0.3)) for _ in range(3)]
    assert crossed == [[], [("run:1", "tokens", 90.0, 100.0)], [("run:1", "usd", 0.9, 1.0)]]


async def test_an_unknown_price_is_refused_under_a_usd_limit() -> None:
    """B70: without a price nothing can be held to a USD limit, so the call is refused; without a limit it is not."""
    with pytest.raises(CostBudgetError, match="no price is known"):
        await (await ledger(usd=1.0)).reserve(["run:1"], usd=None, tokens=1)
    made = await ledger(tokens=10)
    await made.settle(await made.reserve(["run:1"], usd=None, tokens=1), used(1, None))
    assert (await made.spent("run:1")).cost_usd is None


async def test_a_usage_without_a_cost_is_charged_its_estimate() -> None:
    """B70: a call whose cost stays unknown is never free against a USD limit."""
    made = await ledger(usd=1.0)
    await made.settle(await made.reserve(["run:1"], usd=0.7, tokens=1), used(1, None))
    with pytest.raises(CostBudgetError):
        await made.reserve(["run:1"], usd=0.4, tokens=1)


async def test_a_reservation_ends_once() -> None:
    """B71: a reservation is settled or released once; releasing again is harmless, settling again is refused."""
    made = await ledger(tokens=10)
    held = await made.reserve(["run:1"], usd=0, tokens=10)
    await made.release(held)
    await made.release(held)
    with pytest.raises(ConflictError):
        await made.settle(held, used(10))
    assert await made.spent("run:1") == Usage()


async def test_opening_again_keeps_what_was_spent() -> None:
    """B71: a raised limit doesn't forget what was spent."""
    made = await ledger(tokens=10)
    await made.settle(await made.reserve(["run:1"], usd=0, tokens=10), used(10))
    await made.open("run:1", limit_usd=None, limit_tokens=15)
    with pytest.raises(TokenBudgetError):
        await made.reserve(["run:1"], usd=0, tokens=6)
    assert await made.reserve(["run:1"], usd=0, tokens=5)


async def test_ten_calls_at_once_cannot_overrun() -> None:
    """B71: of ten calls at once only as many are sent as the budget covers; the others fail without being sent."""
    provider = ScriptedProvider({"big": [Usage(input_tokens=6, output_tokens=94)]}, pause_s=0.01)
    made = gateway(provider)
    await made.ledger.open("run:1", limit_usd=None, limit_tokens=350)
    refused = 0

    async def call() -> None:
        nonlocal refused
        try:
            await made.complete(request("12345678", max_output_tokens=94), CallContext(scopes=("run:1",)))
        except BudgetError:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(call)
    assert (len(provider.asked), refused) == (3, 7)
    assert (await made.ledger.spent("run:1")).total_tokens == 300


CALL = st.tuples(
    st.integers(0, 60),  # estimate in tokens
    st.floats(0, 1),  # share of it that is used
    st.sampled_from(["settle", "release"]),
    st.booleans(),  # use_kept
    st.integers(0, 3),  # turns between reserving and ending
)


@given(calls=st.lists(CALL, max_size=25), limit=st.integers(1, 150), keep=st.sampled_from([0.0, 0.15, 0.5]))
def test_concurrent_calls_never_overspend(
    calls: list[tuple[int, float, str, bool, int]], limit: int, keep: float
) -> None:
    """B71: whatever runs at once, spent never exceeds the limit, the kept share is kept, and nothing stays reserved."""

    async def run() -> None:
        made = await ledger(usd=limit / 1000, tokens=limit, keep=keep)
        settled = {True: 0, False: 0}

        async def call(estimate: int, share: float, end: str, kept: bool, turns: int) -> None:
            try:
                held = await made.reserve(["run:1"], usd=estimate / 1000, tokens=estimate, use_kept=kept)
            except BudgetError:
                return None
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            if end == "release":
                return await made.release(held)
            tokens = int(estimate * share)
            settled[kept] += tokens
            await made.settle(held, used(tokens, tokens / 1000))
            return None

        async with anyio.create_task_group() as group:
            for one in calls:
                group.start_soon(call, *one)
        spent = await made.spent("run:1")
        assert spent.total_tokens == sum(settled.values()) <= limit
        assert round((spent.cost_usd or 0) * NANO) <= round(limit / 1000 * NANO)
        assert settled[False] <= limit * (1 - keep)
        rest = await made.reserve(["run:1"], usd=0, tokens=limit - spent.total_tokens, use_kept=True)
        await made.release(rest)

    anyio.run(run)
