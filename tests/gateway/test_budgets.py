"""Which budgets a call counts to, and what is said when they are used up."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from gateway.budget import MemoryLedger
from gateway.budgets import Budgets, accounts_of
from gateway.gateway import CallContext
from gateway.warnings import Notice
from schemas.bookkeeping import ApiKey
from schemas.errors import BudgetError, BudgetPausedError, CostBudgetError, TokenBudgetError
from schemas.gateway import BudgetRule, GatewaySettings
from tests.durable.ledger_contract import Settable
from tests.gateway.fakes import ScriptedProvider, gateway, request, settings

pytestmark = pytest.mark.anyio
KEY = ApiKey(id="k_1", name="app", hash="0" * 64, usd=5.0, per="month")


def rules(**named: Any) -> list[BudgetRule]:
    """Rules by whose they are."""
    return [BudgetRule(of=of, **fields) for of, fields in named.items()]


def test_a_call_counts_to_its_key_its_agent_and_all() -> None:
    """B71: a budget of another period is another account; who has none of its own has that of everybody."""
    each = [
        BudgetRule(of="key:*", usd=1.0),
        BudgetRule(of="key:app", usd=2.0),
        BudgetRule(of="agent:write*", tokens=10, per="week"),
        BudgetRule(of="all", usd=100.0, per=""),
    ]
    found = accounts_of(each, KEY, "writer")
    assert {scope: one.limits for scope, one in found.items()} == {
        "key:k_1@month": {"usd": 5.0},
        "key:k_1@day": {"usd": 2.0},
        "agent:writer@week": {"tokens": 10},
        "all": {"usd": 100.0},
    }
    assert accounts_of(each, ApiKey(id="k_2", name="b", hash="0" * 64), "")["key:k_2@day"].limits == {"usd": 1.0}


def test_an_invented_name_is_no_fresh_budget() -> None:
    """B71: agents that only say what they are called share a pattern's budget; one spelled out has its own."""
    each = [BudgetRule(of="agent:*", usd=1.0), BudgetRule(of="agent:writer", usd=2.0)]
    assert list(accounts_of(each, KEY, "one", claimed=True)) == list(accounts_of(each, KEY, "two", claimed=True))
    assert "agent:one@day" in accounts_of(each, None, "one")
    assert accounts_of(each, None, "one", claimed=True)["agent:*@day"].limits == {"usd": 1.0}
    assert accounts_of(each, None, "writer", claimed=True)["agent:writer@day"].limits == {"usd": 2.0}


async def test_a_changed_key_has_its_new_budget() -> None:
    """B71: a key that was changed is held to its new limit from its next call on; what is spent stays."""
    ledger = MemoryLedger()
    budgets = Budgets((), ledger)
    scopes = await budgets.scopes(KEY)
    await ledger.settle(await ledger.reserve(scopes, {"usd": 4.0}), {})
    assert await budgets.scopes(KEY) is scopes
    await budgets.scopes(KEY.model_copy(update={"usd": 10.0}), run_id="r")
    (account,) = await ledger.accounts()
    assert (account.limit, account.spent) == (10.0, 4.0)


async def test_a_used_up_budget_is_paused_until_it_begins_anew() -> None:
    """B80: the error says whose budget, what is spent, the limit and when it begins anew; it is told once a period."""
    clock, told = Settable(), list[Notice]()
    clock.at(2026, 7, 1, 18)
    ledger = MemoryLedger(clock)
    budgets = Budgets([BudgetRule(of="agent:writer", usd=1.0)], ledger, told.append, clock)
    scopes = await budgets.scopes(agent="writer")
    await ledger.settle(await ledger.reserve(scopes, {"usd": 0.95}), {})
    for _ in range(2):
        with pytest.raises(CostBudgetError) as caught:
            await ledger.reserve(scopes, {"usd": 0.1})
        error = await budgets.refused(caught.value)
        assert isinstance(error, BudgetPausedError)
        assert error.details["retry_after_s"] == 6 * 3_600
        assert "agent:writer is paused" in error.message
        assert "0.95 of 1 usd are spent" in error.message
        assert "2026-07-02 00:00 UTC" in error.message
    assert [(one.kind, one.scope, one.spent, one.limit) for one in told] == [
        ("budget.paused", "agent:writer@day", 0.95, 1.0)
    ]
    assert (await ledger.accounts())[0].paused == clock.now
    await ledger.resume(scopes[0])
    assert await ledger.reserve(scopes, {"usd": 1.0})
    clock.at(2026, 7, 2, 0, 1)
    assert ((await ledger.accounts())[0].limit, (await ledger.accounts())[0].paused) == (1.0, 0)


async def test_what_is_not_used_up_is_not_paused() -> None:
    """B80: a call larger than the whole budget, or that only running calls keep out, pauses nobody."""
    ledger, told = MemoryLedger(), list[Notice]()
    budgets = Budgets([BudgetRule(of="all", tokens=100)], ledger, told.append)
    scopes = await budgets.scopes()
    await ledger.reserve(scopes, {"tokens": 60})
    for asked in (50, 101):
        with pytest.raises(TokenBudgetError) as caught:
            await ledger.reserve(scopes, {"tokens": asked})
        assert await budgets.refused(caught.value) is caught.value
    assert told == []


async def test_ten_calls_at_once_stay_within_the_budget_of_their_agent() -> None:
    """B71: of ten calls at once those that the agent's budget covers are sent; the rest are refused, clearly."""
    provider = ScriptedProvider({"big": ["hi"]}, pause_s=0.01)
    given = settings("big").model_copy(
        update={"gateway": GatewaySettings(budgets=(BudgetRule(of="agent:*", tokens=9_000),))}
    )
    made, refused = gateway(provider, given=given), list[BudgetError]()

    async def call() -> None:
        try:
            await made.complete(request(), CallContext(agent="writer"))
        except BudgetError as exc:
            refused.append(exc)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(call)
    (account,) = await made.ledger.accounts("agent:writer")
    assert len(provider.asked) == 10 - len(refused) > 0
    assert refused
    assert (account.spent, account.reserved) == (1_100 * len(provider.asked), 0)
    assert account.spent <= 9_000
