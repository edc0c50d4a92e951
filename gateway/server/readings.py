"""What ``/metrics`` looks up when somebody asks: lines, breakers, budgets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.gateway import Gateway
from gateway.server.metrics import Reading
from schemas.accounts import Account
from schemas.errors import StoreError

MOST_ACCOUNTS = 500
_SCOPES = ("all", "key:", "agent:")


async def readings(gateway: Gateway) -> list[Reading]:
    """Return them; budgets are left out while the store is away."""
    found = [*_breakers(gateway), *_gates(gateway)]
    try:
        accounts = [account for scope in _SCOPES for account in await gateway.ledger.accounts(scope)]
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
