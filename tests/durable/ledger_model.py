"""What a ledger should say, in a few plain sums, and random moves of several clients to hold it to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from schemas.errors import BudgetError
from schemas.protocols import Ledger
from tests.durable.ledger_contract import Settable

SCOPES = ("a", "b", "c")
LEASE_S = 100.0

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from(SCOPES), st.none() | st.integers(0, 60), st.integers(0, 20)),
        st.tuples(
            st.just("reserve"), st.lists(st.sampled_from(SCOPES), max_size=3), st.integers(0, 20), st.integers(0, 30)
        ),
        st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 25)),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([1, 60, 101])),
    ),
    max_size=40,
)


@dataclass
class Account:
    """One scope: a limit, and what is spent of it."""

    limit: int | None
    spent: int = 0


@dataclass
class Model:
    """Scopes with one measure, and the amounts that calls hold of them."""

    accounts: dict[str, Account] = field(default_factory=dict[str, Account])
    held: dict[str, tuple[tuple[str, ...], int, float]] = field(
        default_factory=dict[str, tuple[tuple[str, ...], int, float]]
    )

    def reserved(self, scope: str) -> int:
        """What calls hold of a scope; a lost call still counts."""
        return sum(amount for scopes, amount, _ in self.held.values() if scope in scopes)

    def covers(self, scope: str, amount: int) -> bool:
        """Whether a scope has so much left."""
        account = self.accounts[scope]
        return account.limit is None or account.spent + self.reserved(scope) + amount <= account.limit


async def hold_to_model(
    clients: Sequence[Ledger], moves: Sequence[tuple[Any, ...]], clock: Settable, mark: str, *, leases: bool
) -> None:
    """Play moves on a ledger, each by another client, and compare every answer and sum with the model's.

    Args:
        clients: Openings of one ledger.
        moves: From ``MOVES``.
        clock: The ledger's.
        mark: Stands before every scope, so that one database serves many plays.
        leases: Whether a call that is not heard of counts as spent after ``LEASE_S``.
    """
    model, began = Model(), clock.now
    for number, move in enumerate(moves):
        ledger = clients[number % len(clients)]
        match move:
            case ("open", scope, limit, told):
                account = model.accounts.setdefault(scope, Account(limit))
                charged = sum(
                    amount for scopes, amount, until in model.held.values()
                    if scope in scopes and leases and until < clock.now
                )  # fmt: skip
                account.limit, account.spent = limit, max(account.spent, told - charged)
                await ledger.open(f"{mark}{scope}", {"tokens": limit}, spent={"tokens": told})
            case ("reserve", scopes, amount, lease):
                opened = tuple(scope for scope in dict.fromkeys(scopes) if scope in model.accounts)
                covered = all(model.covers(scope, amount) for scope in opened)
                try:
                    name = await ledger.reserve(
                        [f"{mark}{scope}" for scope in scopes], {"tokens": amount}, lease_s=LEASE_S + lease
                    )
                    assert covered
                    assert bool(name) == bool(opened)
                    if name:
                        model.held[name] = (opened, amount, clock.now + LEASE_S + lease)
                except BudgetError as exc:
                    assert (covered, exc.details["asked"]) == (False, amount)  # noqa: PT017 (both ends are right)
            case ("settle", which, used) if model.held:
                name = _one_of(model.held, which)
                scopes, _, _ = model.held.pop(name)
                for scope in scopes:
                    model.accounts[scope].spent += used
                await ledger.settle(name, {"tokens": used})
            case ("release", which) if model.held:
                name = _one_of(model.held, which)
                del model.held[name]
                await ledger.release(name)
            case ("wait", seconds):
                clock.now += seconds
            case _:
                pass
        if number % 7 == 0 or number == len(moves) - 1:
            await _compare(clients[-1], model, mark)
    clock.now = began


def _one_of(held: Iterable[str], which: int) -> str:
    names = list(held)
    return names[which % len(names)]


async def _compare(ledger: Ledger, model: Model, mark: str) -> None:
    said = {account.scope.removeprefix(mark): account for account in await ledger.accounts(mark)}
    assert set(said) == set(model.accounts)
    for scope, account in model.accounts.items():
        assert said[scope].spent + said[scope].reserved == account.spent + model.reserved(scope)
        assert said[scope].limit == account.limit
        assert min(said[scope].spent, said[scope].reserved) >= 0
