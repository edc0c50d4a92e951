"""Which agents are paused: their budget is used up until it begins anew, or somebody grants it once more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from gateway.budgets import accounts_of
from schemas.accounts import Account, period_end
from schemas.gateway import BudgetRule
from schemas.protocols import Ledger


class Pauses:
    """Tells whose budget is used up.

    Args:
        rules: ``gateway.budgets`` of the settings.
        ledger: Where they are counted.
        now: Gives Unix time.
    """

    def __init__(self, rules: Sequence[BudgetRule], ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._rules = tuple(rule for rule in rules if rule.of.startswith("agent:"))
        self._ledger = ledger
        self._now = now

    async def __call__(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return why the agents that are paused are, by name. Raises StoreError.

        Cost: one read of the ledger; none where no agent has a budget.
        """
        if not self._rules:
            return {}
        accounts: dict[str, list[Account]] = {}
        for account in await self._ledger.accounts("agent:"):
            accounts.setdefault(account.scope, []).append(account)
        found: dict[str, str] = {}
        for name in names:
            for scope in accounts_of(self._rules, None, name):
                for account in accounts.get(scope, ()):
                    if account.limit is not None and account.spent >= account.limit:
                        found[name] = self._said(name, account)
        return found

    def _said(self, name: str, account: Account) -> str:
        end = period_end(account.period, account.zone, self._now())
        until = f" until {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M} UTC" if end else ""
        used = f"{account.spent:g} of {account.limit or 0.0:g} {account.measure}"
        return (
            f"it is paused{until}: its budget is used up ({used}); engine budgets resume agent:{name} grants it again"
        )
