"""The one ledger, in memory: budgets by scope, exact under concurrency.

Every call reserves an estimate before it is sent and settles what it used afterwards, in all its scopes or in none.
Nothing here awaits, so on one event loop no two calls can both take what is left. Money is counted in whole
nano-dollars, estimates rounded up: sums are exact, whatever the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.errors import BudgetError, ConflictError, CostBudgetError, TokenBudgetError
from schemas.result import Usage

NANO = 1_000_000_000
WARN_AT = 0.9


@dataclass(slots=True)
class _Purse:
    """One measure of one scope, in nano-dollars or tokens."""

    limit: int | None = None
    kept: int = 0
    spent: int = 0
    reserved: int = 0

    def covers(self, amount: int, use_kept: bool) -> bool:
        if self.limit is None:
            return True
        usable = self.limit if use_kept else self.limit - self.kept
        return self.spent + self.reserved + amount <= usable

    def spend(self, amount: int) -> bool:
        """Add to what is spent; return whether that crossed the warning line."""
        before, self.spent = self.spent, self.spent + amount
        return bool(self.limit) and before < WARN_AT * (self.limit or 0) <= self.spent


@dataclass(slots=True)
class _Account:
    usd: _Purse = field(default_factory=_Purse)
    tokens: _Purse = field(default_factory=_Purse)
    used: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class _Reservation:
    scopes: tuple[str, ...]
    nano_usd: int | None
    tokens: int


class MemoryLedger:
    """Implements ``schemas.protocols.Ledger`` for one process and one event loop.

    A scope that was never opened has no limits and counts all the same.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._reservations: dict[str, _Reservation] = {}
        self._last = 0

    async def open(
        self, scope: str, *, limit_usd: float | None, limit_tokens: int | None, keep_share: float = 0.0
    ) -> None:
        """Set a scope's limits; what it spent so far stays. ``keep_share`` of them is left to ``use_kept`` calls."""
        account = self._account(scope)
        account.usd.limit = None if limit_usd is None else round(limit_usd * NANO)
        account.tokens.limit = limit_tokens
        for purse in (account.usd, account.tokens):
            purse.kept = math.ceil((purse.limit or 0) * keep_share)

    async def reserve(self, scopes: Sequence[str], *, usd: float | None, tokens: int, use_kept: bool = False) -> str:
        """Reserve an estimate in every scope, all or nothing, and return the reservation's id.

        Raises:
            CostBudgetError: A scope's USD limit does not cover it, or ``usd`` is None (no price is known) though a
                scope has such a limit.
            TokenBudgetError: A scope's token limit does not cover it.
        """
        names = tuple(dict.fromkeys(scopes))
        nano_usd = None if usd is None else math.ceil(usd * NANO)
        for scope in names:
            self._check(scope, nano_usd, tokens, use_kept)
        for scope in names:
            account = self._account(scope)
            account.usd.reserved += nano_usd or 0
            account.tokens.reserved += tokens
        self._last += 1
        reservation = str(self._last)
        self._reservations[reservation] = _Reservation(names, nano_usd, tokens)
        return reservation

    async def settle(self, reservation: str, usage: Usage) -> list[tuple[str, str, float, float]]:
        """Replace the reservation by what was used; return (scope, measure, spent, limit) of each 90 % now crossed.

        A usage without a cost is charged what was reserved for it, and ``spent`` then says that its cost is unknown.

        Raises:
            ConflictError: There is no such reservation, or it was settled or released before.
        """
        held = self._free(reservation)
        if held is None:
            raise ConflictError(f"reservation {reservation!r} is not open", details={"reservation": reservation})
        nano_usd = (held.nano_usd or 0) if usage.cost_usd is None else round(usage.cost_usd * NANO)
        crossed: list[tuple[str, str, float, float]] = []
        for scope in held.scopes:
            account = self._account(scope)
            account.used = account.used + usage
            if account.usd.spend(nano_usd):
                crossed.append((scope, "usd", account.usd.spent / NANO, (account.usd.limit or 0) / NANO))
            if account.tokens.spend(usage.total_tokens):
                crossed.append((scope, "tokens", float(account.tokens.spent), float(account.tokens.limit or 0)))
        return crossed

    async def release(self, reservation: str) -> None:
        """Give a reservation back: nothing was used. One that is no longer open is left alone."""
        self._free(reservation)

    async def spent(self, scope: str) -> Usage:
        """Return what was settled in a scope."""
        account = self._accounts.get(scope)
        return Usage() if account is None else account.used

    def _account(self, scope: str) -> _Account:
        return self._accounts.setdefault(scope, _Account())

    def _free(self, reservation: str) -> _Reservation | None:
        held = self._reservations.pop(reservation, None)
        if held is not None:
            for scope in held.scopes:
                account = self._account(scope)
                account.usd.reserved -= held.nano_usd or 0
                account.tokens.reserved -= held.tokens
        return held

    def _check(self, scope: str, nano_usd: int | None, tokens: int, use_kept: bool) -> None:
        account = self._account(scope)
        if nano_usd is None and account.usd.limit is not None:
            raise CostBudgetError(
                f"{_named(scope)} has a USD limit, and no price is known for the call",
                hint="set the model's price, or drop the USD limit",
                details={"scope": scope, "measure": "usd", "limit": account.usd.limit / NANO, "unpriced": True}
                | {"spent": account.usd.spent / NANO},
            )
        if not account.usd.covers(nano_usd or 0, use_kept):
            raise _refusal(CostBudgetError, scope, "usd", account.usd, nano_usd or 0, NANO, use_kept)
        if not account.tokens.covers(tokens, use_kept):
            raise _refusal(TokenBudgetError, scope, "tokens", account.tokens, tokens, 1, use_kept)


def _refusal(
    error: type[BudgetError], scope: str, measure: str, purse: _Purse, asked: int, unit: int, use_kept: bool
) -> BudgetError:
    limit, spent, reserved, wanted = (
        (value or 0) / unit for value in (purse.limit, purse.spent, purse.reserved, asked)
    )
    kept = 0.0 if use_kept else purse.kept / unit
    words = [f"{spent:.6g} of {limit:.6g} {measure} are spent"]
    if reserved:
        words.append(f"{reserved:.6g} are reserved by running calls")
    if kept:
        words.append(f"{kept:.6g} are kept for the answer")
    return error(
        f"the budget of {_named(scope)} does not cover a call of about {wanted:.6g} {measure}: {', '.join(words)}",
        hint="raise the budget, or ask for less",
        details={"scope": scope, "measure": measure, "limit": limit, "spent": spent}
        | {"reserved": reserved, "kept": kept, "asked": wanted},
    )


def _named(scope: str) -> str:
    """Return a scope as a person knows it: their run needs no id."""
    return "this run" if scope.startswith("run:") else scope
