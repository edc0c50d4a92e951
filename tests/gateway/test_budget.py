"""Budgets in memory, and as calls of models meet them."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given

from gateway.budget import MemoryLedger
from gateway.gateway import CallContext
from schemas.errors import BudgetError
from schemas.protocols import Ledger
from schemas.result import Usage
from tests.durable.ledger_contract import LedgerContract, Settable
from tests.durable.ledger_model import MOVES, hold_to_model
from tests.gateway.fakes import ScriptedProvider, gateway, request


class TestMemoryLedger(LedgerContract):
    """MemoryLedger keeps the contract of all ledgers."""

    @pytest.fixture
    def clock(self) -> Settable:
        """Its clock."""
        return Settable()

    @pytest.fixture
    def ledger(self, clock: Settable) -> Ledger:
        """An empty ledger."""
        return MemoryLedger(clock)


@pytest.mark.anyio
async def test_ten_calls_at_once_cannot_overrun() -> None:
    """B71: of ten calls at once only as many are sent as the budget covers; the others fail without being sent."""
    provider = ScriptedProvider({"big": [Usage(input_tokens=6, output_tokens=94)]}, pause_s=0.01)
    made = gateway(provider)
    await made.ledger.open("run:1", {"tokens": 350})
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
    assert [account.spent for account in await made.ledger.accounts()] == [300]


@given(moves=MOVES)
def test_any_moves(moves: list[tuple[Any, ...]]) -> None:
    """B71: whatever is reserved, settled, released and opened in any order, the sums are those of a model."""
    clock = Settable()
    anyio.run(lambda: hold_to_model([MemoryLedger(clock)], moves, clock, "", leases=False))
