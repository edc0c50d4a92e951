"""What every ledger must do. A ledger's test class inherits this and gives the fixtures ``ledger`` and ``clock``."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import anyio
import pytest

from schemas.errors import BudgetError, ConfigError, ConflictError, CostBudgetError, TokenBudgetError
from schemas.protocols import Ledger


@dataclass
class Settable:
    """A clock that stands at a Unix time until it is set."""

    now: float = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def at(self, year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> None:
        """Set it to a time of a wall clock."""
        self.now = datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


async def spent(ledger: Ledger, scope: str) -> dict[str, float]:
    """What a scope spent, by measure."""
    return {account.measure: account.spent for account in await ledger.accounts(scope) if account.scope == scope}


async def held(ledger: Ledger, scope: str) -> dict[str, float]:
    """What is reserved of a scope, by measure."""
    return {account.measure: account.reserved for account in await ledger.accounts(scope) if account.scope == scope}


@pytest.mark.anyio
class LedgerContract:
    """Inherit as ``class TestX(LedgerContract)``."""

    async def test_a_reservation_beyond_the_limit_is_refused(self, ledger: Ledger) -> None:
        """B71: what is reserved counts until it is settled; the error says scope, measure, limit and spent."""
        await ledger.open("run:1", {"usd": 1.0, "tokens": 100})
        first = await ledger.reserve(["run:1"], {"usd": 0.6, "tokens": 10})
        with pytest.raises(CostBudgetError) as caught:
            await ledger.reserve(["run:1"], {"usd": 0.5, "tokens": 10})
        told = {"scope": "run:1", "measure": "usd", "limit": 1.0, "spent": 0.0, "reserved": 0.6, "asked": 0.5}
        assert caught.value.details.items() >= told.items()
        with pytest.raises(TokenBudgetError):
            await ledger.reserve(["run:1"], {"usd": 0.1, "tokens": 91})
        await ledger.settle(first, {"usd": 0.2, "tokens": 10})
        assert await ledger.reserve(["run:1"], {"usd": 0.8, "tokens": 90})

    async def test_scopes_are_reserved_together_or_not_at_all(self, ledger: Ledger) -> None:
        """B71: if one scope refuses, the others keep nothing of the reservation."""
        await ledger.open("run:1", {"tokens": 100})
        await ledger.open("agent:a", {"tokens": 10})
        with pytest.raises(TokenBudgetError, match="agent:a"):
            await ledger.reserve(["run:1", "agent:a"], {"tokens": 50})
        assert await held(ledger, "run:1") == {"tokens": 0}
        assert await ledger.reserve(["run:1"], {"tokens": 100})

    async def test_a_scope_named_twice_counts_once(self, ledger: Ledger) -> None:
        """A call has each of its budgets once."""
        await ledger.open("run:1", {"tokens": 10})
        await ledger.reserve(["run:1", "run:1"], {"tokens": 10})
        assert await held(ledger, "run:1") == {"tokens": 10}

    async def test_only_what_was_opened_is_counted(self, ledger: Ledger) -> None:
        """Scopes nobody opened, and measures of them, are passed over; without a limit a scope only counts."""
        await ledger.open("key:1", {"usd": None})
        name = await ledger.reserve(["key:1", "run:9"], {"usd": 1e6, "tokens": 5})
        assert await ledger.settle(name, {"usd": 2.5, "tokens": 7}) == []
        assert [(one.scope, one.measure, one.spent) for one in await ledger.accounts()] == [("key:1", "usd", 2.5)]
        assert await ledger.reserve(["run:9"], {"tokens": 5}, reservation="mine") == ""
        assert await ledger.settle("", {"tokens": 5}) == []
        await ledger.release("")

    async def test_a_share_is_kept_for_the_answer(self, ledger: Ledger) -> None:
        """B45: the synthesizer's share can't be used up by the calls before it."""
        await ledger.open("run:1", {"usd": 1.0, "tokens": 100}, keep_share=0.15)
        with pytest.raises(TokenBudgetError, match="15 are kept for the answer"):
            await ledger.reserve(["run:1"], {"usd": 0, "tokens": 86})
        await ledger.settle(await ledger.reserve(["run:1"], {"usd": 0, "tokens": 85}), {"tokens": 85})
        with pytest.raises(TokenBudgetError):
            await ledger.reserve(["run:1"], {"usd": 0, "tokens": 1})
        assert await ledger.reserve(["run:1"], {"usd": 0.1, "tokens": 15}, use_kept=True)

    async def test_the_warning_comes_once_at_ninety_percent(self, ledger: Ledger) -> None:
        """B45: the settlement that crosses 90 % of a limit says so, once a measure."""
        await ledger.open("run:1", {"usd": 1.0, "tokens": 100})
        crossed = [
            await ledger.settle(await ledger.reserve(["run:1"], {"usd": 0, "tokens": 0}), {"usd": 0.3, "tokens": 45})
            for _ in range(3)
        ]
        assert crossed == [[], [("run:1", "tokens", 90.0, 100.0)], [("run:1", "usd", 0.9, 1.0)]]

    async def test_a_raised_limit_may_warn_again(self, ledger: Ledger) -> None:
        """Opened again as it was, a scope does not repeat its warning; with a higher limit it warns at 90 % of that."""
        await ledger.open("run:1", {"tokens": 100})
        assert len(await ledger.settle(await ledger.reserve(["run:1"], {"tokens": 95}), {})) == 1
        await ledger.open("run:1", {"tokens": 100})
        assert await ledger.settle(await ledger.reserve(["run:1"], {"tokens": 1}), {}) == []
        await ledger.open("run:1", {"tokens": 200})
        assert await ledger.settle(await ledger.reserve(["run:1"], {"tokens": 4}), {}) == []
        assert await ledger.settle(await ledger.reserve(["run:1"], {"tokens": 90}), {}) == [
            ("run:1", "tokens", 190.0, 200.0)
        ]

    async def test_an_unknown_price_is_refused_under_a_usd_limit(self, ledger: Ledger) -> None:
        """B70: without a price nothing can be held to a USD limit, so the call is refused; else it is made."""
        await ledger.open("run:1", {"usd": 1.0})
        with pytest.raises(CostBudgetError, match="no price is known"):
            await ledger.reserve(["run:1"], {"usd": None, "tokens": 1})
        await ledger.open("run:2", {"usd": None, "tokens": 10})
        await ledger.settle(await ledger.reserve(["run:2"], {"usd": None, "tokens": 1}), {"usd": None, "tokens": 1})
        assert await spent(ledger, "run:2") == {"usd": 0, "tokens": 1}

    async def test_a_usage_without_a_cost_is_charged_its_estimate(self, ledger: Ledger) -> None:
        """B70: a call whose cost stays unknown is never free against a USD limit."""
        await ledger.open("run:1", {"usd": 1.0})
        await ledger.settle(await ledger.reserve(["run:1"], {"usd": 0.7}), {"usd": None})
        with pytest.raises(CostBudgetError):
            await ledger.reserve(["run:1"], {"usd": 0.4})

    async def test_a_reservation_ends_once(self, ledger: Ledger) -> None:
        """B71: a reservation is settled or released once; releasing again is harmless, settling again is refused."""
        await ledger.open("run:1", {"tokens": 10})
        name = await ledger.reserve(["run:1"], {"tokens": 10})
        await ledger.release(name)
        await ledger.release(name)
        with pytest.raises(ConflictError):
            await ledger.settle(name, {"tokens": 10})
        assert (await spent(ledger, "run:1"), await held(ledger, "run:1")) == ({"tokens": 0}, {"tokens": 0})

    async def test_a_reservation_of_ones_own_name_is_made_once(self, ledger: Ledger) -> None:
        """B50: what is held under a name is not reserved again: a call made again after a crash counts once."""
        await ledger.open("tool:t", {"amount": 10})
        for _ in range(2):
            assert await ledger.reserve(["tool:t"], {"amount": 8}, reservation="r:1") == "r:1"
        assert await held(ledger, "tool:t") == {"amount": 8}
        await ledger.settle("r:1", {})
        with pytest.raises(BudgetError):
            await ledger.reserve(["tool:t"], {"amount": 8}, reservation="r:1")

    async def test_opening_again_keeps_what_was_spent(self, ledger: Ledger) -> None:
        """B71: a raised limit doesn't forget what was spent, nor what is held."""
        await ledger.open("run:1", {"tokens": 10})
        await ledger.settle(await ledger.reserve(["run:1"], {"tokens": 6}), {})
        await ledger.reserve(["run:1"], {"tokens": 4})
        await ledger.open("run:1", {"tokens": 15})
        with pytest.raises(TokenBudgetError):
            await ledger.reserve(["run:1"], {"tokens": 6})
        assert await ledger.reserve(["run:1"], {"tokens": 5})

    async def test_what_a_log_tells_is_counted_once(self, ledger: Ledger) -> None:
        """B45: a resumed run tells what its log says was spent: the ledger is at least there, and keeps more."""
        for _ in range(2):
            await ledger.open("run:1", {"tokens": 100}, spent={"tokens": 40, "usd": None})
            assert await spent(ledger, "run:1") == {"tokens": 40}
        await ledger.settle(await ledger.reserve(["run:1"], {"tokens": 20}), {})
        await ledger.open("run:1", {"tokens": 100}, spent={"tokens": 45})
        assert await spent(ledger, "run:1") == {"tokens": 60}

    async def test_a_closed_scope_is_forgotten(self, ledger: Ledger) -> None:
        """A removed key, or a deleted run, leaves nothing; calls that still end for it harm nobody."""
        await ledger.open("key:1", {"tokens": 10})
        await ledger.open("key:11", {"tokens": 10})
        name = await ledger.reserve(["key:1", "key:11"], {"tokens": 5})
        await ledger.close("key:1")
        await ledger.open("key:1", {"tokens": 10})
        assert await ledger.settle(name, {"tokens": 5}) == []
        assert (await spent(ledger, "key:1"), await held(ledger, "key:1")) == ({"tokens": 0}, {"tokens": 0})
        await ledger.close("key:1")
        assert [(account.scope, account.spent) for account in await ledger.accounts()] == [("key:11", 5)]

    async def test_accounts_are_found_by_the_beginning_of_their_scope(self, ledger: Ledger) -> None:
        """Signs that mean something to a database mean nothing in a scope."""
        for scope in ("key:a%", "key:a_b", "key:b", "run:é😀'"):
            await ledger.open(scope, {"usd": 1})
        assert [account.scope for account in await ledger.accounts("key:a")] == ["key:a%", "key:a_b"]
        assert [account.scope for account in await ledger.accounts("key:a%")] == ["key:a%"]
        assert [account.scope for account in await ledger.accounts("run:é😀'")] == ["run:é😀'"]

    async def test_sums_are_exact(self, ledger: Ledger) -> None:
        """Ten times 0.1 is 1, a billionth counts, and so do amounts beyond 64 bits."""
        await ledger.open("run:1", {"usd": 1.0, "wei": 10**30, "eur": Decimal("0.000000002")})
        for _ in range(10):
            await ledger.settle(await ledger.reserve(["run:1"], {"usd": 0.1}), {"usd": 0.1})
        with pytest.raises(CostBudgetError):
            await ledger.reserve(["run:1"], {"usd": 1e-9})
        await ledger.reserve(["run:1"], {"wei": 10**30 - 1, "eur": 1e-9})
        with pytest.raises(BudgetError):
            await ledger.reserve(["run:1"], {"wei": 2})
        assert await ledger.reserve(["run:1"], {"wei": 1, "eur": 1e-9})

    @pytest.mark.parametrize("amount", [-1, -0.5, math.nan, math.inf, Decimal("NaN"), 1e300])
    async def test_what_is_no_amount_is_refused(self, ledger: Ledger, amount: float) -> None:
        """B50: a negative amount would give budget back, and what is no number could never be compared."""
        await ledger.open("run:1", {"usd": 1.0})
        with pytest.raises(ConfigError):
            await ledger.reserve(["run:1"], {"usd": amount})
        with pytest.raises(ConfigError):
            await ledger.open("run:1", {"usd": amount})
        assert await held(ledger, "run:1") == {"usd": 0}

    async def test_a_day_begins_at_midnight_in_its_time_zone(self, ledger: Ledger, clock: Settable) -> None:
        """B71: an account of a day is empty again from midnight on, where its zone has it."""
        clock.at(2026, 7, 1, 23, 59, zone="Asia/Tokyo")
        await ledger.open("key:1", {"usd": 10.0}, period="day", zone="Asia/Tokyo")
        await ledger.open("key:2", {"usd": 10.0}, period="day")
        await ledger.settle(await ledger.reserve(["key:1", "key:2"], {"usd": 9.0}), {})
        with pytest.raises(CostBudgetError):
            await ledger.reserve(["key:1"], {"usd": 2.0})
        clock.at(2026, 7, 2, 0, 0, zone="Asia/Tokyo")
        assert await spent(ledger, "key:1") == {"usd": 0.0}
        assert await ledger.reserve(["key:1"], {"usd": 10.0})
        with pytest.raises(CostBudgetError):
            await ledger.reserve(["key:2"], {"usd": 2.0})

    @pytest.mark.parametrize(
        ("period", "last", "first"),
        [("day", (3, 29), (3, 30)), ("week", (3, 29), (3, 30)), ("month", (3, 31), (4, 1))],
    )
    async def test_periods(
        self, ledger: Ledger, clock: Settable, period: str, last: tuple[int, int], first: tuple[int, int]
    ) -> None:
        """Days, weeks (from Monday) and months begin anew, also where the clocks are changed in between."""
        zone = "Europe/Berlin"
        clock.at(2026, *last, 12, zone=zone)
        await ledger.open("key:1", {"usd": 1.0}, period=period, zone=zone)  # type: ignore[arg-type]
        await ledger.settle(await ledger.reserve(["key:1"], {"usd": 1.0}), {})
        clock.at(2026, *last, 23, 59, zone=zone)
        assert await spent(ledger, "key:1") == {"usd": 1.0}
        clock.at(2026, *first, 0, 1, zone=zone)
        assert await spent(ledger, "key:1") == {"usd": 0.0}

    async def test_a_call_counts_to_the_day_it_began_on(self, ledger: Ledger, clock: Settable) -> None:
        """What is settled after midnight is not taken from the new day; the day's warning may come again."""
        clock.at(2026, 7, 1, 23, 59)
        await ledger.open("key:1", {"tokens": 100}, period="day")
        name = await ledger.reserve(["key:1"], {"tokens": 95})
        clock.at(2026, 7, 2, 0, 1)
        full = await ledger.reserve(["key:1"], {"tokens": 100})
        assert await ledger.settle(name, {}) == []
        assert await held(ledger, "key:1") == {"tokens": 100}
        assert len(await ledger.settle(full, {})) == 1
        assert await spent(ledger, "key:1") == {"tokens": 100}

    async def test_an_unknown_time_zone_is_refused(self, ledger: Ledger) -> None:
        """A misspelt zone is said when it is set, not at midnight."""
        with pytest.raises(ConfigError, match="Europe/Berln"):
            await ledger.open("key:1", {"usd": 1.0}, period="day", zone="Europe/Berln")

    async def test_calls_at_once_cannot_overrun(self, ledger: Ledger) -> None:
        """B71: of fifty calls at once, each in two scopes in any order, exactly those are let through that fit."""
        await ledger.open("run:1", {"tokens": 100})
        await ledger.open("key:1", {"tokens": 70, "usd": 1})
        won: list[str] = []

        async def call(number: int) -> None:
            scopes = ["run:1", "key:1"] if number % 2 else ["key:1", "run:1"]
            try:
                won.append(await ledger.reserve(scopes, {"tokens": 10, "usd": 0.001}))
            except TokenBudgetError:
                return
            await ledger.settle(won[-1], {})

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(50):
                    group.start_soon(call, number)
        assert (len(won), await spent(ledger, "key:1")) == (7, {"tokens": 70, "usd": 0.007})
        assert await held(ledger, "run:1") == {"tokens": 0}


@pytest.mark.anyio
class SharedLedgerContract(LedgerContract):
    """What a ledger must do beside, that several processes share: the fixture ``other`` is another process's."""

    async def test_processes_share_their_budgets(self, ledger: Ledger, other: Ledger) -> None:
        """B71: what one reserves and spends is seen by the other at once; each can end what the other began."""
        await ledger.open("key:1", {"usd": 1.0})
        name = await ledger.reserve(["key:1"], {"usd": 0.7})
        with pytest.raises(CostBudgetError):
            await other.reserve(["key:1"], {"usd": 0.4})
        await other.settle(name, {"usd": 0.5})
        assert await spent(ledger, "key:1") == {"usd": 0.5}
        await other.open("key:1", {"usd": 2.0})
        assert await ledger.reserve(["key:1"], {"usd": 1.5})

    async def test_the_warning_comes_once_over_all_processes(self, ledger: Ledger, other: Ledger) -> None:
        """B45: whoever crosses 90 % is told, and nobody else."""
        await ledger.open("key:1", {"tokens": 100})
        names = [await ledger.reserve(["key:1"], {"tokens": 10}) for _ in range(10)]
        told = [await (ledger, other)[number % 2].settle(name, {}) for number, name in enumerate(names)]
        assert [len(crossed) for crossed in told] == [0] * 8 + [1, 0]

    async def test_a_lost_reservation_is_charged_when_its_lease_is_over(
        self, ledger: Ledger, other: Ledger, clock: Settable
    ) -> None:
        """B71: a call whose process died may have been billed: it counts as reserved, then as spent."""
        await ledger.open("run:1", {"tokens": 100})
        await ledger.reserve(["run:1"], {"tokens": 60}, lease_s=30)
        with pytest.raises(TokenBudgetError):
            await other.reserve(["run:1"], {"tokens": 50})
        clock.now += 31
        await other.open("run:1", {"tokens": 100}, spent={"tokens": 0})
        assert (await spent(other, "run:1"), await held(other, "run:1")) == ({"tokens": 60}, {"tokens": 0})
        with pytest.raises(TokenBudgetError):
            await other.reserve(["run:1"], {"tokens": 50})
        assert len(await other.settle(await other.reserve(["run:1"], {"tokens": 40}), {})) == 1

    async def test_a_late_settlement_corrects_the_charge(self, ledger: Ledger, other: Ledger, clock: Settable) -> None:
        """A machine that slept through its lease still settles, or releases, what it really used."""
        await ledger.open("run:1", {"tokens": 100})
        first = await ledger.reserve(["run:1"], {"tokens": 60}, lease_s=30)
        second = await ledger.reserve(["run:1"], {"tokens": 30}, lease_s=30)
        clock.now += 31
        assert await spent(other, "run:1") == {"tokens": 90}
        await ledger.settle(first, {"tokens": 5})
        await ledger.release(second)
        assert (await spent(other, "run:1"), await held(other, "run:1")) == ({"tokens": 5}, {"tokens": 0})
        with pytest.raises(ConflictError):
            await ledger.settle(first, {"tokens": 5})

    async def test_what_has_no_lease_stays_until_its_period_ends(
        self, ledger: Ledger, other: Ledger, clock: Settable
    ) -> None:
        """B50: an amount whose call broke off is held all day, found again under its name, and gone the next."""
        clock.at(2026, 7, 1, 8)
        await ledger.open("tool:pay", {"amount": 100}, period="day")
        await ledger.reserve(["tool:pay"], {"amount": 80}, reservation="r:1", lease_s=None)
        clock.at(2026, 7, 1, 23, 59)
        assert await held(other, "tool:pay") == {"amount": 80}
        assert await other.reserve(["tool:pay"], {"amount": 80}, reservation="r:1", lease_s=None) == "r:1"
        with pytest.raises(BudgetError):
            await other.reserve(["tool:pay"], {"amount": 30})
        clock.at(2026, 7, 2, 0, 1)
        assert await other.reserve(["tool:pay"], {"amount": 60}, reservation="r:1", lease_s=None) == "r:1"
        assert await held(other, "tool:pay") == {"amount": 60}

    async def test_processes_at_once_cannot_overrun(self, ledger: Ledger, other: Ledger) -> None:
        """B71: two processes, many calls at once, scopes in any order: exactly what fits is let through."""
        for scope in ("a", "b", "c"):
            await ledger.open(scope, {"tokens": 300, "usd": 1})
        won: list[str] = []

        async def call(number: int) -> None:
            scopes = [("a", "b", "c"), ("c", "b", "a"), ("b", "c"), ("c", "a")][number % 4]
            mine = (ledger, other)[number % 2]
            with contextlib.suppress(TokenBudgetError):
                won.append(await mine.reserve(scopes, {"tokens": 10, "usd": 0.001}))
                await mine.settle(won[-1], {})

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for number in range(80):
                    group.start_soon(call, number)
        assert (await spent(ledger, "c"))["tokens"] == 300
        assert len(won) >= 30
        assert {account.reserved for account in await ledger.accounts()} == {0}
