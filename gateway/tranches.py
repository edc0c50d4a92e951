"""A store's ledger, made cheap: a process takes parts of budgets from it and hands them out to its calls by itself.

A store's own reservation and settlement cost two commits a call. Here a call is counted in memory as long as the part
that this process holds covers it; a part is sized by what its calls asked for lately, and is never more than a 16th of
what is left. Twice a second what was used is settled, all accounts in one write, and what was not asked for is given
back; whatever is wanted meanwhile waits for one exchange, all calls together.

- Never overrun: only what the store granted is handed out, and not beyond the lease it was granted for.
- To the last cent: where no 16th is left a call asks for what it needs and no more. What another process holds idle is
  waited for, as long as a process takes to give it back.
- A process that dies has its parts counted as spent, for their calls may have been billed: about what a second of its
  calls cost. That is the one loss; nothing that was used is ever lost.
- An exchange whose end nobody knows is made again under the same name, and counts once.

Reservations that must outlive the process (with a lease of their own, or none), and those that may use what is kept
for the answer, are the store's own.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import anyio
import structlog
from anyio.abc import TaskGroup

from schemas.accounts import (
    LEASE_S,
    NANO,
    PARTS,
    Account,
    Amounts,
    Ask,
    Crossed,
    Part,
    Period,
    Purse,
    asked_units,
    period_end,
    units,
)
from schemas.errors import BudgetError, StoreError
from schemas.protocols import Ledger

TICK_S = 0.5
HELD_S = 30.0
"""Lease of a part; renewed while it is used."""
GIVEN_BACK_S = 3 * TICK_S
"""So long a call waits for what another process may hold idle."""
_FRESH_S = 1.0
_FORGOTTEN_S = 60.0
_CLOSE_S = 5.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Tranche:
    """What this process holds of one account. Amounts are whole billionths.

    Attributes:
        purse: The account as it was last told; None: it is not open.
        held: What may be handed out, or was.
        out: What running calls have of it.
        used: What was used of it and is not settled yet.
        until: Time until which it is known and leased.
        told: When it was told, by a clock that only grows.
        life: Grows when what was handed out before counts no more: the account's period is over, or it was closed.
        asked: What calls asked for since the last tick; ``pace`` is what they ask for in a second.
        stored: What the store knows this process to hold, under ``name``.
        pending: An exchange that may have been made.
    """

    scope: str
    measure: str
    purse: Purse | None = None
    held: int = 0
    out: int = 0
    used: int = 0
    until: float = 0.0
    told: float = 0.0
    life: int = 0
    asked: int = 0
    pace: int = 0
    stored: int = 0
    name: str = ""
    pending: Ask | None = None
    last: float = 0.0

    @property
    def free(self) -> int:
        """What can be handed out at once."""
        return self.held - self.out - self.used

    def ask(self, name: str, least: int, idle: int) -> Ask:
        """Return what to tell and ask of the store, and hand out nothing meanwhile of what is given back.

        Args:
            name: Of the next part.
            least: What a call needs beyond what is free.
            idle: What may lie idle.
        """
        if self.pending is None:
            free = max(0, self.free)
            if self.purse is not None and self.purse.cap is not None:
                room = self.purse.cap - self.purse.kept - self.purse.spent - self.purse.reserved
                idle = min(idle, max(0, room + free) // PARTS)
            kept = free if least else min(free, idle)
            more = least + max(0, idle - kept)
            began = 0 if self.purse is None else self.purse.began
            self.held = self.out + kept + self.used
            self.pending = Ask(
                self.scope, self.measure, self.name, name, began, self.used, self.out + kept, more, least
            )
        return self.pending

    def take(self, part: Part | None, now: float, leased: float) -> None:
        """Take what came of the exchange."""
        ask, self.pending, self.told = self.pending, None, time.monotonic()
        assert ask is not None
        if part is None or self.purse is None or part.purse.began != self.purse.began:
            self.life += 1
            self.out = self.used = 0
        else:
            self.used -= ask.spent
        self.held = self.stored = 0 if part is None else part.held
        self.purse = None if part is None else part.purse
        self.name = ask.new if part is not None and (ask.keep or ask.more) else ""
        if part is None:
            self.until = now + _FRESH_S
        else:
            end = period_end(part.purse.period, part.purse.zone, part.purse.began)
            self.until = min(leased, end) if end else leased

    def covers(self, amount: int | None, now: float) -> bool:
        """Whether so much can be handed out at once; None: nobody knows how much."""
        if now >= self.until:
            return False
        purse = self.purse
        return purse is None or purse.limit is None or (amount is not None and self.free >= amount)

    def passed(self, now: float) -> bool:
        """Take note that a tick passed; return whether the store is to hear of it."""
        self.pace = (self.pace + int(self.asked / TICK_S)) // 2 if self.asked else 0
        if self.asked or self.out or not self.last:
            self.last = now
        self.asked = 0
        idle = self.free > 2 * self.pace
        return bool(self.used or self.pending or idle or (self.stored and now > self.until - HELD_S / 2))

    def forgotten(self, now: float) -> bool:
        """Whether nothing is held of it, and nobody asked for a while."""
        return not self.stored and not self.out and now - self.last > _FORGOTTEN_S

    def seen(self) -> Purse:
        """The account with what this process knows better."""
        assert self.purse is not None
        reserved = max(0, self.purse.reserved - self.stored) + self.out
        return replace(self.purse, spent=self.purse.spent + self.used, reserved=reserved)

    def beyond(self, asked: int | None) -> BudgetError | None:
        """Why the account will not cover it, even if every other process gave back what it holds; None if it may."""
        if self.purse is None:
            return None
        return replace(self.purse, spent=self.purse.spent + self.used, reserved=self.out).refusal(asked, use_kept=False)


Taken = list[tuple[_Tranche, int, int]]


class _Over:
    """What is the store's own matter."""

    def __init__(self, store: Ledger) -> None:
        self._store = store

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        """Pass on an exchange of another's. Raises StoreError."""
        return await self._store.exchange(asks, lease_s=lease_s)

    async def pause(self, scope: str, measure: str) -> bool:
        """Note that an account is used up. Raises StoreError."""
        return await self._store.pause(scope, measure)


class TrancheLedger(_Over):
    """Implements ``schemas.protocols.Ledger`` over a ledger that processes share. For one event loop.

    As a context manager it settles and gives back by itself; without, only when a call makes it.

    Args:
        store: The ledger of the store.
        clock: Gives Unix time in seconds: the store's.
        crossed: Called for each account that was brought to 90 % and of which no ``settle`` told.

    Attributes:
        instant: What a settlement changes here is changed before it waits for the store, if it does at all; so nothing
            of it need be shielded from cancellation.
    """

    instant = True

    def __init__(
        self, store: Ledger, *, clock: Callable[[], float] = time.time, crossed: Callable[[Crossed], None] | None = None
    ) -> None:
        super().__init__(store)
        self._clock = clock
        self._crossed = crossed
        self._holder = f"tranche:{uuid.uuid4().hex[:12]}"
        self._tranches: dict[tuple[str, str], _Tranche] = {}
        self._taken: dict[str, Taken] = {}
        self._lock = anyio.Lock()
        self._last = 0
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Settle everything and give back what is held. A store that is away counts it as spent."""
        assert self._group is not None
        self._group.cancel_scope.cancel()
        left = await self._group.__aexit__(kind, exc, trace)
        with anyio.move_on_after(_CLOSE_S, shield=True), suppress(StoreError):
            await self.flush()
        return left

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
        """Open a scope, or change its limits. Raises ConfigError, StoreError."""
        async with self._lock:  # what is known to be spent is compared with what this process knows
            used = [one for one in self._tranches.values() if one.scope == scope and one.used]
            self._tell(await self._exchange(dict.fromkeys(used, 0)))
        await self._store.open(scope, limits, keep_share=keep_share, spent=spent, period=period, zone=zone)
        self._doubt(scope)

    async def reserve(
        self,
        scopes: Sequence[str],
        amounts: Amounts,
        *,
        use_kept: bool = False,
        reservation: str | None = None,
        lease_s: float | None = LEASE_S,
    ) -> str:
        """Reserve amounts in every scope, all or nothing. Raises BudgetError, ConfigError, StoreError.

        Cost: about 3 µs with two scopes, where this process holds enough.
        """
        if use_kept or lease_s != LEASE_S:
            return await self._reserve_there(scopes, amounts, use_kept, reservation, lease_s)
        if reservation is not None and reservation in self._taken:
            return reservation
        asked = asked_units(amounts)
        taken = _take(self._tranches, scopes, asked, self._clock())
        if taken is None:
            taken = await self._take_later(scopes, asked)
        if not taken:
            return ""
        if reservation is None:
            self._last += 1
            reservation = f"{self._holder}-{self._last}"
        self._taken[reservation] = taken
        return reservation

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Replace a reservation by what was used. Raises ConflictError, StoreError."""
        taken = self._taken.pop(reservation, None)
        if taken is None:
            return await self._store.settle(reservation, used)
        near: list[_Tranche] = []
        for tranche, amount, life in taken:
            purse = tranche.purse
            if tranche.life != life or purse is None:
                continue
            told = used.get(tranche.measure)
            tranche.out -= amount
            tranche.used += amount if told is None else units(told, up=False)
            if not purse.warned and purse.cap and 10 * (purse.spent + tranche.used) >= 9 * purse.cap:
                near.append(tranche)
        if not near:
            return []
        async with self._lock:
            return await self._exchange(dict.fromkeys(near, 0))

    async def release(self, reservation: str) -> None:
        """Give a reservation back. Raises StoreError."""
        taken = self._taken.pop(reservation, None)
        if taken is None:
            await self._store.release(reservation)
            return
        for tranche, amount, life in taken:
            if tranche.life == life:
                tranche.out -= amount

    async def accounts(self, prefix: str = "") -> list[Account]:
        """Return the accounts of all scopes that begin with a text. Raises StoreError."""
        async with self._lock:
            mine = {key: one for key, one in self._tranches.items() if one.purse is not None}
            self._tell(await self._exchange(dict.fromkeys(mine.values(), 0)) if mine else [])
            found = await self._store.accounts(prefix)
        return [_corrected(account, mine.get((account.scope, account.measure))) for account in found]

    async def resume(self, scope: str) -> list[Account]:
        """Grant every limit of a scope once more for this period. Raises StoreError."""
        accounts = await self._store.resume(scope)
        self._doubt(scope)
        return accounts

    async def close(self, scope: str) -> None:
        """Forget a scope. Raises StoreError."""
        for key in [key for key in self._tranches if key[0] == scope]:
            self._tranches.pop(key).life += 1
        await self._store.close(scope)

    async def flush(self) -> None:
        """Settle what was used, and give back what no running call has. Raises StoreError."""
        async with self._lock:
            await self._send({one: (0, 0) for one in self._tranches.values() if one.stored or one.used or one.pending})

    def _doubt(self, scope: str) -> None:
        """Ask the store before anything more is handed out of a scope."""
        for tranche in self._tranches.values():
            if tranche.scope == scope:
                tranche.until = tranche.told = 0.0

    async def _take_later(self, scopes: Sequence[str], asked: Mapping[str, int | None]) -> Taken:
        """Take from the store what is lacking, or wait until another process gives it back. Raises BudgetError."""
        keys = [(scope, measure) for scope in dict.fromkeys(scopes) for measure in asked]
        wanted = [(self._tranches.setdefault(key, _Tranche(*key)), asked[key[1]]) for key in keys]
        patient_until = time.monotonic() + GIVEN_BACK_S
        while True:
            async with self._lock:
                taken = _take(self._tranches, scopes, asked, self._clock())
                if taken is not None:
                    return taken
                _refuse_known(wanted, self._clock())
                lacking = {one: amount or 0 for one, amount in wanted if not one.covers(amount, self._clock())}
                repeated = any(one.pending for one in lacking)
                self._tell(
                    await self._exchange({one: max(0, amount - max(0, one.free)) for one, amount in lacking.items()})
                )
                taken = _take(self._tranches, scopes, asked, self._clock())
            if taken is not None:
                return taken
            if repeated:
                continue
            refusal = _refusal(wanted)
            if refusal is None:
                continue
            if time.monotonic() >= patient_until or any(one.beyond(amount) for one, amount in wanted):
                raise refusal
            await anyio.sleep(TICK_S / 4)

    async def _reserve_there(
        self, scopes: Sequence[str], amounts: Amounts, use_kept: bool, reservation: str | None, lease_s: float | None
    ) -> str:
        """Reserve in the store itself; what this process holds idle is given back if it is needed for that."""

        async def reserve() -> str:
            return await self._store.reserve(
                scopes, amounts, use_kept=use_kept, reservation=reservation, lease_s=lease_s
            )

        try:
            return await reserve()
        except BudgetError:
            idle = {one: (0, 0) for one in self._tranches.values() if one.scope in scopes and one.free > 0}
            if not idle:
                raise
            async with self._lock:
                self._tell(await self._send(idle))
        return await reserve()

    async def _exchange(self, wanted: Mapping[_Tranche, int]) -> list[Crossed]:
        """Settle some accounts, and get what is wanted of them, with what calls may want next."""
        return await self._send({one: (least, max(one.pace, one.asked, 1)) for one, least in wanted.items()})

    async def _send(self, wanted: Mapping[_Tranche, tuple[int, int]]) -> list[Crossed]:
        if not wanted:
            return []
        now = self._clock()
        self._last += 1
        asks = [one.ask(f"{self._holder}:{self._last}", least, idle) for one, (least, idle) in wanted.items()]
        parts = await self._store.exchange(asks, lease_s=HELD_S)
        for one, part in zip(wanted, parts, strict=True):
            one.take(part, now, now + HELD_S)
        return [part.crossed for part in parts if part is not None and part.crossed is not None]

    async def _run(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            try:
                await self._tick()
            except StoreError as exc:
                _log.warning("budgets are not settled: the store is away", error=exc.message)

    async def _tick(self) -> None:
        """Settle what was used, renew what is held, give back what is not asked for."""
        async with self._lock:
            now, due = self._clock(), dict[_Tranche, tuple[int, int]]()
            for key, one in list(self._tranches.items()):
                if one.passed(now):
                    due[one] = (0, one.pace)
                elif one.forgotten(now):
                    del self._tranches[key]
            self._tell(await self._send(due))

    def _tell(self, crossed: Iterable[Crossed]) -> None:
        if self._crossed is not None:
            for one in crossed:
                self._crossed(one)


def _take(
    tranches: Mapping[tuple[str, str], _Tranche], scopes: Iterable[str], asked: Mapping[str, int | None], now: float
) -> Taken | None:
    """Hand out of what is held, all or nothing; None: it is not enough, or not known."""
    taken = Taken()
    for scope in dict.fromkeys(scopes):
        for measure, amount in asked.items():
            tranche = tranches.get((scope, measure))
            if tranche is None or now >= tranche.until:
                return None
            purse = tranche.purse
            if purse is None:
                continue
            if purse.limit is None:
                amount = 0  # it is only counted
            elif amount is None or tranche.held - tranche.out - tranche.used < amount:
                return None
            taken.append((tranche, amount, tranche.life))
    for tranche, amount, _ in taken:
        tranche.out += amount
        tranche.asked += amount
    return taken


def _refuse_known(wanted: Iterable[tuple[_Tranche, int | None]], now: float) -> None:
    """Refuse what an account that was just looked at will not cover, without asking again. Raises BudgetError."""
    ticks = time.monotonic()
    for one, amount in wanted:
        known = now < one.until and ticks - one.told < _FRESH_S
        if known and (refusal := one.beyond(amount)) is not None:
            raise refusal


def _refusal(wanted: Iterable[tuple[_Tranche, int | None]]) -> BudgetError | None:
    for one, amount in wanted:
        if one.purse is not None and (refusal := one.seen().refusal(amount, use_kept=False)) is not None:
            return refusal
    return None


def _corrected(account: Account, mine: _Tranche | None) -> Account:
    """An account as it is, with what this process holds shown as what its calls hold."""
    if mine is None or mine.purse is None:
        return account
    spent, reserved = account.spent + mine.used / NANO, account.reserved + (mine.out - mine.stored) / NANO
    return account.model_copy(update={"spent": spent, "reserved": max(0.0, reserved)})
