"""What ``/metrics`` looks up when somebody asks: lines, breakers, budgets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.budgets import scope_of
from gateway.gateway import Gateway
from gateway.server.metrics import Reading
from schemas.accounts import Account
from schemas.errors import StoreError
from schemas.gateway import BudgetRule

MOST_ACCOUNTS = 500
_SCOPES = ("all", "key:")


async def readings(gateway: Gateway, rules: Sequence[BudgetRule] = ()) -> list[Reading]:
    """Return them; budgets are left out while the store is away.

    Args:
        gateway: Has them.
        rules: Agents that they spell out are told of. Others are not: clients can make names of agents up.
    """
    found = [*_breakers(gateway), *_gates(gateway)]
    agents = {scope_of(rule.of, rule.per) for rule in rules if rule.of.startswith("agent:") and "*" not in rule.of}
    try:
        accounts = [account for scope in _SCOPES for account in await gateway.ledger.accounts(scope)]
        for scope in sorted(agents):
            accounts += [account for account in await gateway.ledger.accounts(scope) if account.scope == scope]
    except StoreError:
        return found
    return [*found, *_budgets(accounts[:MOST_ACCOUNTS])]


def _breakers(gateway: Gateway) -> Iterator[Reading]:
    for ref, breaker in gateway.breakers().items():
        yield Reading("breaker_open", "Models left out for failing (1).", int(breaker.open), {"model": ref})


def _gates(gateway: Gateway) -> Iterator[Reading]:
    """Lines are told of models, providers and listeners, which are few; of keys only their sum."""
    of_keys = 0
    for gate in gateway.gates.known():
        if gate.kind == "key":
            of_keys += gate.waiting
            continue
        labels = {"kind": gate.kind, "name": gate.name}
        yield Reading("waiting", "Calls in line.", gate.waiting, labels)
        yield Reading("running", "Calls past the line.", gate.running, labels)
    yield Reading("waiting", "Calls in line.", of_keys, {"kind": "key", "name": "all"})


def _budgets(accounts: Iterable[Account]) -> Iterator[Reading]:
    for account in accounts:
        labels = {"scope": account.scope, "measure": account.measure}
        yield Reading("budget_spent", "Spent of a budget in its period.", account.spent, labels)
        if account.limit is not None:
            yield Reading("budget_limit", "The most of a budget in its period.", account.limit, labels)
