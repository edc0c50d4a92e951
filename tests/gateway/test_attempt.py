from __future__ import annotations

from typing import Any

import pytest

from gateway.gateway import CallContext
from schemas.errors import CostBudgetError, ModelUnavailableError, TokenBudgetError
from schemas.events import BudgetWarning
from schemas.result import Usage
from tests.gateway.fakes import ScriptedProvider, chunks, collect, gateway, request, settings

pytestmark = pytest.mark.anyio

DOWN = ModelUnavailableError("down", details={"status": 503})


async def test_a_broken_off_stream_is_charged_by_estimate() -> None:
    """B71: what a broken-off reply wrote is counted by an estimate, in the budget and in the usage of the call."""
    provider = ScriptedProvider({"big": [["x" * 400, DOWN], Usage(input_tokens=10, output_tokens=1)]})
    made = gateway(provider)
    await made.ledger.open("run:1", {"tokens": None})
    stream = await chunks(made, request(), CallContext(scopes=("run:1",)))
    usage = stream[-1].response.usage  # type: ignore[union-attr]
    assert usage.output_tokens == 101
    assert [account.spent for account in await made.ledger.accounts()] == [usage.total_tokens]


async def test_no_budget_no_call() -> None:
    """B45: a call that the run's budget doesn't cover is never sent; the error says whose budget, limit and spent."""
    provider = ScriptedProvider({"big": ["hi"]})
    made = gateway(provider)
    await made.ledger.open("run:1", {"tokens": 1000})
    with pytest.raises(TokenBudgetError, match="this run") as caught:
        await made.complete(request(), CallContext(scopes=("run:1",)))
    assert provider.asked == []
    assert (caught.value.details["limit"], caught.value.details["spent"]) == (1000, 0)


async def test_a_usd_limit_needs_a_price() -> None:
    """B70: under a USD limit a model without a known price isn't called; the error names it and how to set a price."""
    provider = ScriptedProvider({"no-such-model": ["hi"]})
    made = gateway(provider, given=settings("no-such-model", kind="openai"))
    await made.ledger.open("run:1", {"usd": 1.0})
    with pytest.raises(CostBudgetError, match="p/no-such-model") as caught:
        await made.complete(request(), CallContext(scopes=("run:1",)))
    assert "input_usd_per_mtok" in caught.value.hint
    assert provider.asked == []


async def test_an_unknown_price_is_said() -> None:
    """B70: without a limit the call is made, and its cost is unknown, not 0."""
    made = gateway(ScriptedProvider({"nobody-knows": ["hi"]}), given=settings("nobody-knows", kind="openai"))
    response = await made.complete(request(), CallContext(scopes=("run:1",)))
    assert response.usage.cost_usd is None


async def test_ninety_percent_is_warned_of_once() -> None:
    """B45: the call that brings a budget to 90 % gives one warning with scope, measure, spent and limit."""
    seen: list[Any] = []
    made = gateway(ScriptedProvider({"big": [Usage(input_tokens=4600)]}))
    await made.ledger.open("run:1", {"tokens": 10_000})
    context = CallContext(scopes=("run:1",), warn=collect(seen))
    for _ in range(2):
        await made.complete(request(max_output_tokens=10), context)
    assert seen == [BudgetWarning(scope="run:1", measure="tokens", spent=9200, limit=10_000)]
