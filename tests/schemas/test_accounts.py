"""The arithmetic of budgets; what ledgers do with it is held to by tests/durable/ledger_contract.py."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from schemas.accounts import NANO, Held, Period, Purse, asked_units, hold_all, period_start, time_zone, units
from schemas.errors import BudgetError, ConfigError, CostBudgetError, TokenBudgetError


def test_an_account_warns_once() -> None:
    """B45: the settlement that brings an account to 90 % warns, and none after it."""
    purse = Purse("run:1", "usd", limit=NANO)
    told = [purse.settle(purse.hold(NANO // 10), NANO // 10) for _ in range(10)]
    assert told == [None] * 8 + [("run:1", "usd", 0.9, 1.0), None]


def test_what_a_log_tells_counts_once() -> None:
    """B45: what is told again is not added, and what was spent beyond it stays."""
    purse = Purse("run:1", "tokens")
    for told in (40, 40, 30):
        purse.bound(100, 0.0, told)
    assert purse.spent == 40 * NANO


@pytest.mark.parametrize(
    ("amount", "counted"),
    [(0, 0), (1, NANO), (0.1, NANO // 10), (1e-10, 1), (Decimal("2.5"), 5 * NANO // 2), (10**40, 10**49)],
)
def test_amounts_are_rounded_up(amount: float, counted: int) -> None:
    """An estimate counts a billionth too much rather than too little."""
    assert units(amount) == counted


def test_the_first_refusal_is_told_and_nothing_is_held() -> None:
    """B71: accounts are asked in order, and none keeps anything when one refuses."""
    purses = [Purse("a", "usd", limit=NANO), Purse("a", "tokens", limit=0), Purse("b", "eur", limit=0)]
    asked = asked_units({"usd": 1, "tokens": 5, "eur": 5})
    with pytest.raises(TokenBudgetError):
        hold_all(purses, asked, use_kept=False)
    assert [purse.reserved for purse in purses] == [0, 0, 0]


@pytest.mark.parametrize(("measure", "error"), [("usd", CostBudgetError), ("tokens", TokenBudgetError)])
def test_a_refusal_is_of_its_measure(measure: str, error: type[BudgetError]) -> None:
    """USD and tokens have errors of their own."""
    assert type(Purse("a", measure, limit=1).refusal(2, use_kept=False)) is error


def test_a_charge_is_corrected() -> None:
    """B71: a reservation that counted as spent is replaced by what was used, once it is known."""
    purse = Purse("a", "usd", limit=9 * NANO)
    held = purse.hold(5)
    purse.charge(held)
    assert (purse.spent, purse.reserved) == (5, 0)
    purse.settle(Held(held.scope, held.measure, held.amount, charged=True), 2)
    assert (purse.spent, purse.reserved) == (2, 0)


@pytest.mark.parametrize(
    ("period", "start"), [("", None), ("day", (2026, 11, 19)), ("week", (2026, 11, 16)), ("month", (2026, 11, 1))]
)
def test_where_a_period_begins(period: Period, start: tuple[int, int, int] | None) -> None:
    """A week begins on Monday, a month on its first day; without a period nothing begins anew."""
    now = datetime(2026, 11, 19, 15, 30, tzinfo=UTC).timestamp()
    assert period_start(period, "UTC", now) == (datetime(*start, tzinfo=UTC).timestamp() if start else 0)


@pytest.mark.parametrize("name", ["", "Nowhere/At_All", "../etc/passwd", "UTC\x00"])
def test_unknown_time_zones(name: str) -> None:
    """What is no time zone is an error that says so."""
    with pytest.raises(ConfigError, match="no time zone"):
        time_zone(name)
