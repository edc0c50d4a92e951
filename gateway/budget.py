"""The ledger of one process: budgets by scope in memory, exact under concurrency.

Every call reserves an estimate before it is sent and settles what it used afterwards, in all its scopes or in none.
Nothing here awaits, so on one event loop no two calls can both take what is left. The ledgers of stores
(``engine.durable``) keep the same contract over processes and machines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from schemas.accounts import (
    LEASE_S,
    Account,
    Amounts,
    Ask,
    Crossed,
    Held,
    Number,
    Part,
    Period,
    Purse,
    asked_units,
    hold_all,
    time_zone,
    units,
)
from schemas.errors import ConflictError


class MemoryLedger:
    """Implements ``schemas.protocols.Ledger`` for one process and one event loop; it needs no leases.

    Args:
        clock: Gives Unix time in seconds.

    Attributes:
        instant: It never waits, so that nothing of it need be shielded from cancellation.
    """

    instant = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._purses: dict[tuple[str, str], Purse] = {}
        self._held: dict[str, list[Held]] = {}
        self._last = 0

    async def open(
        self,
        scope: str,
        limits: Amounts,
        *,
        keep_share: float = 0.0,
        spent: Amounts | None = None,
        period: Period = "",
        zone: str = "UTC",
    ) -> None:
        """Open a scope, or change its limits. Raises ConfigError."""
        time_zone(zone)
        for measure, limit in limits.items():
            purse = self._purses.get((scope, measure)) or Purse(scope, measure)
            purse.period, purse.zone = period, zone
            purse.roll(self._clock())
            purse.bound(limit, keep_share, (spent or {}).get(measure) or 0)
            self._purses[scope, measure] = purse

    async def reserve(
        self,
        scopes: Sequence[str],
        amounts: Amounts,
        *,
        use_kept: bool = False,
        reservation: str | None = None,
        lease_s: float | None = LEASE_S,  # noqa: ARG002  what is held here is lost with the process, and so is its ledger
    ) -> str:
        """Reserve amounts in every scope, all or nothing, and return the reservation's id. Raises BudgetError."""
        asked = asked_units(amounts)
        mine = [held for held in self._held.get(reservation or "", ()) if self._is_current(held)]
        known = {(held.scope, held.measure) for held in mine}
        keys = [key for scope in dict.fromkeys(scopes) for key in self._open(scope, asked) if key not in known]
        held = [*mine, *hold_all([self._current(key) for key in keys], asked, use_kept)]
        if not held:
            return ""
        self._last += 1
        name = reservation or str(self._last)
        self._held[name] = held
        return name

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Replace a reservation by what was used. Raises ConflictError."""
        held = self._held.pop(reservation, None) if reservation else []
        if held is None:
            raise ConflictError(f"reservation {reservation!r} is not held", details={"reservation": reservation})
        return [crossed for one in held if (crossed := self._settle(one, used.get(one.measure))) is not None]

    async def release(self, reservation: str) -> None:
        """Give a reservation back."""
        for held in self._held.pop(reservation, ()):
            self._settle(held, 0)

    async def accounts(self, prefix: str = "") -> list[Account]:
        """Return the accounts of all scopes that begin with a text."""
        return [self._current(key).shown() for key in sorted(self._purses) if key[0].startswith(prefix)]

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:  # noqa: ARG002
        """Settle what a process used of its parts and give it the next."""
        return [self._exchange(ask) if (ask.scope, ask.measure) in self._purses else None for ask in asks]

    async def resume(self, scope: str) -> list[Account]:
        """Grant every limit of a scope once more for this period."""
        purses = [self._current(key) for key in sorted(self._purses) if key[0] == scope]
        for purse in purses:
            purse.resume()
        return [purse.shown() for purse in purses]

    async def pause(self, scope: str, measure: str) -> bool:
        """Note that an account is used up."""
        return (scope, measure) in self._purses and self._current((scope, measure)).pause(self._clock())

    async def close(self, scope: str) -> None:
        """Forget a scope."""
        for key in [key for key in self._purses if key[0] == scope]:
            del self._purses[key]
        for name, held in self._held.items():
            self._held[name] = [one for one in held if one.scope != scope]

    def _exchange(self, ask: Ask) -> Part:
        key = ask.scope, ask.measure
        purse, crossed = self._current(key), None
        landed = self._part(ask.new, key)
        if landed is None:
            held = self._part(ask.old, key)
            amount, crossed = purse.exchange(held, ask)
            self._held[ask.old] = [one for one in self._held.pop(ask.old, ()) if one is not held]
            if not self._held[ask.old]:
                del self._held[ask.old]
            landed = Held(ask.scope, ask.measure, amount, purse.began)
            if ask.keep or ask.more:
                self._held.setdefault(ask.new, []).append(landed)
        return Part(landed.amount, replace(purse), crossed)

    def _part(self, name: str, key: tuple[str, str]) -> Held | None:
        return next((one for one in self._held.get(name, ()) if (one.scope, one.measure) == key), None)

    def _open(self, scope: str, measures: Amounts) -> list[tuple[str, str]]:
        return [(scope, measure) for measure in measures if (scope, measure) in self._purses]

    def _current(self, key: tuple[str, str]) -> Purse:
        purse = self._purses[key]
        purse.roll(self._clock())
        return purse

    def _is_current(self, held: Held) -> bool:
        key = held.scope, held.measure
        return key in self._purses and self._current(key).began == held.began

    def _settle(self, held: Held, used: Number | None) -> Crossed | None:
        if (held.scope, held.measure) not in self._purses:
            return None
        amount = held.amount if used is None else units(used, up=False)
        return self._current((held.scope, held.measure)).settle(held, amount)
