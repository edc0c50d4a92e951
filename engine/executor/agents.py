"""What agents use: held of the budgets of the run and the agent before a call, and counted to them after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import anyio

from gateway.budgets import Budgets
from gateway.record import CallRecord, Observer
from schemas.bookkeeping import ApiKey
from schemas.errors import BudgetError, ConflictError, StoreError
from schemas.events import ModelCalled
from schemas.planning import StepCall
from schemas.protocols import Ledger
from schemas.result import Usage
from schemas.tool import ToolSpec

ROLE = "agent"
_CLEANUP_S = 5.0
_LEAST_USD = 1e-6  # nobody knows what a call will cost: one is made while there is anything left


@dataclass(frozen=True, slots=True)
class Held:
    """One call of an agent that may be made.

    Attributes:
        call: Which.
        reservation: Of the ledger; empty where nothing is counted.
        left_usd: What is left of the run's budget, the call's own share included; None where it has none.
    """

    call: StepCall
    reservation: str
    left_usd: float | None


def _nobody() -> ApiKey | None:
    """No key."""
    return None


class AgentAccounts:
    """Counts the calls of agents of one run.

    Args:
        ledger: Where budgets are.
        budgets: Which of them a call counts to.
        report: Takes what a call used as an event of the run.
        observe: Takes its record, for the usage book.
        payer: Gives the key of the run's user, whose budgets count too; None: there is none.
    """

    def __init__(
        self,
        ledger: Ledger,
        budgets: Budgets,
        report: Callable[[ModelCalled], None],
        observe: Observer,
        payer: Callable[[], ApiKey | None] = _nobody,
    ) -> None:
        self._ledger = ledger
        self._budgets = budgets
        self._report = report
        self._observe = observe
        self._payer = payer

    async def reserve(self, spec: ToolSpec, call: StepCall) -> Held:
        """Hold what a call is expected to cost.

        Raises:
            BudgetPausedError: The agent's budget is used up until its period ends; nothing was held.
            BudgetError: A budget does not cover it.
            StoreError: The ledger cannot be reached.
        """
        scopes = await self._budgets.scopes(self._payer(), spec.name, call.run_id)
        amounts = {"usd": max(spec.expected_usd or 0.0, _LEAST_USD), "tokens": 1}
        try:
            reservation = await self._ledger.reserve(scopes, amounts)
        except BudgetError as exc:
            raise (await self._budgets.refused(exc)) from exc
        return Held(call, reservation, await self._left(f"run:{call.run_id}"))

    async def settle(self, held: Held, usage: Usage, took_s: float) -> None:
        """Count what a call used, once, however it ended. A store that is away goes on holding what was held."""
        call = held.call
        amounts = {"usd": usage.cost_usd, "tokens": usage.total_tokens} if usage.calls else {"usd": 0.0, "tokens": 0}
        with anyio.move_on_after(_CLEANUP_S, shield=True), suppress(StoreError, ConflictError):
            for crossed in await self._ledger.settle(held.reservation, amounts):
                self._budgets.crossed(crossed)
        if not usage.calls:
            return
        payer = self._payer()
        self._report(
            ModelCalled(role=ROLE, model=call.tool, provider=ROLE, step_id=call.step_id, usage=usage, latency_s=took_s)
        )
        self._observe(
            CallRecord(
                began=time.time() - took_s,
                took_s=took_s,
                provider=ROLE,
                model=call.tool,
                usage=usage,
                cost_usd=usage.cost_usd,
                key="" if payer is None else payer.id,
                agent=call.tool,
                run_id=call.run_id,
                role=ROLE,
                step_id=call.step_id,
            )
        )

    async def _left(self, scope: str) -> float | None:
        for account in await self._ledger.accounts(scope):
            if account.scope == scope and account.measure == "usd" and account.limit is not None:
                return max(0.0, account.limit - account.spent - account.reserved)
        return None
