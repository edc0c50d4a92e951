"""What a budget's account is: a cap on one measure of one scope, and the arithmetic that all ledgers share.

Amounts of every measure (USD, tokens, the argument of a tool) are counted in whole billionths: sums are exact,
whatever the order and however many processes add to them. Estimates are rounded up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.errors import BudgetError, ConfigError, CostBudgetError, TokenBudgetError
from schemas.result import Record

NANO = 1_000_000_000
PARTS = 16
"""A process that hands a budget out by itself holds no more than such a part of what is left."""
LEASE_S = 3600.0
"""How long a reservation for a model call is held before it counts as lost with its process."""

_PLAIN, _NOISE = 1_000.0, 1e-3
"""Below this a float times a billion is exact to much less than this."""

Number = int | float | Decimal
Amounts = Mapping[str, Number | None]
"""By measure; None: nobody knows (a model without a known price)."""
Period = Literal["", "day", "week", "month"]
"""After what an account begins anew; empty: never. A week begins on Monday."""
Crossed = tuple[str, str, float, float]
"""(scope, measure, spent, limit) of an account that a settlement brought to 90 %."""


class Account(Record):
    """One line of a ledger, for people.

    Attributes:
        scope: Whose budget: ``run:<id>``, ``key:<hash>``, ``agent:<name>``, ``tool:<name>:…``.
        measure: ``usd``, ``tokens``, or the name of an argument.
        limit: The most of it; None: it is only counted.
        kept: The part of the limit that only calls with ``use_kept`` may use.
        spent: What was settled in this period.
        reserved: What running calls hold.
        period, zone: When it begins anew: at midnight in this time zone.
        began: Unix time at which this period began; 0 without one.
        extra: What of the limit was granted by hand, for this period.
        paused: Unix time since which calls are refused because it is used up; 0: they are not.
    """

    scope: str
    measure: str
    limit: float | None
    kept: float
    spent: float
    reserved: float
    period: Period = ""
    zone: str = "UTC"
    began: int = 0
    extra: float = 0.0
    paused: float = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """What one process, which hands a budget out to its calls by itself, tells and asks of one account.

    Amounts are whole billionths. The process holds one part of each account, under a name that changes each time: an
    exchange that is made again, because nobody knows whether it was made, is made once.

    Attributes:
        old, new: Names of the part it holds, and of the one it is to hold; ``old`` is empty at first.
        began: The period that ``spent`` and ``keep`` belong to.
        spent: What of the old part was used.
        keep: What it goes on holding at least.
        more: What it would like beyond that.
        least: What of ``more`` it needs, to be of use.
    """

    scope: str
    measure: str
    old: str
    new: str
    began: int = 0
    spent: int = 0
    keep: int = 0
    more: int = 0
    least: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What came of an ``Ask``: what the process holds now, and how the account stands."""

    held: int
    purse: Purse
    crossed: Crossed | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a reservation holds of one account.

    Attributes:
        began: The account's period when it was reserved: a call counts to the day it began on.
        charged: Its process was lost and it was counted as spent; a late settlement still corrects that.
    """

    scope: str
    measure: str
    amount: int
    began: int = 0
    charged: bool = False


@dataclass(slots=True)
class Purse:
    """One account in whole billionths, as ledgers compute with it."""

    scope: str
    measure: str
    limit: int | None = None
    kept: int = 0
    spent: int = 0
    reserved: int = 0
    warned: bool = False
    period: Period = ""
    zone: str = "UTC"
    began: int = 0
    extra: int = 0
    paused: float = 0.0

    @property
    def cap(self) -> int | None:
        """The most of it in this period: the limit, and what was granted by hand."""
        return None if self.limit is None else self.limit + self.extra

    def roll(self, now: float) -> None:
        """Begin anew if the period at ``now`` (Unix time) is a later one."""
        start = period_start(self.period, self.zone, now)
        if start > self.began:
            self.began, self.spent, self.reserved, self.warned, self.extra, self.paused = start, 0, 0, False, 0, 0.0

    def bound(self, limit: Number | None, keep_share: float, spent: Number) -> None:
        """Set the limit; at least ``spent`` counts as spent. Below 90 % of a raised limit it may warn again."""
        self.limit = None if limit is None else units(limit)
        self.kept = units((self.limit or 0) * keep_share / NANO)
        self.spent = max(self.spent, units(spent))
        self.warned = self.warned and self.near
        self.paused = self.paused if self.near else 0.0

    def refusal(self, asked: int | None, use_kept: bool) -> BudgetError | None:
        """Why the limit does not cover ``asked`` more (None: nobody knows how much); None if it does."""
        if self.cap is None:
            return None
        if asked is None:
            return _unpriced(self)
        usable = self.cap if use_kept else self.cap - self.kept
        return None if self.spent + self.reserved + asked <= usable else _refused(self, asked, use_kept)

    def hold(self, amount: int) -> Held:
        """Reserve an amount."""
        self.reserved += amount
        return Held(self.scope, self.measure, amount, self.began)

    def settle(self, held: Held, used: int) -> Crossed | None:
        """Replace what was held by what was used; return the warning if this brought it to 90 %."""
        if held.began != self.began:
            return None  # of a period that is over
        if held.charged:
            self.spent += used - held.amount
        else:
            self.reserved -= held.amount
            self.spent += used
        return self._crossed()

    def exchange(self, held: Held | None, ask: Ask) -> tuple[int, Crossed | None]:
        """Take a process's part back as far as it was used, give it the next, and return that one's amount.

        Beyond what it keeps it gets a 16th of what is left at most, or else what it needs: however many processes
        there are, little lies idle. Nothing was ever granted to whom ``held`` is None: what it tells is not counted.
        """
        mine = held is not None and held.began == self.began == ask.began
        if held is not None and mine:
            if held.charged:
                self.spent -= held.amount
            else:
                self.reserved -= held.amount
            self.spent += ask.spent
        keep = ask.keep if mine else 0
        self.reserved += keep
        more = self._share(ask)
        self.reserved += more
        return keep + more, self._crossed()

    def resume(self) -> None:
        """Grant the whole limit once more, for this period."""
        self.extra += self.limit or 0
        self.paused, self.warned = 0.0, self.warned and self.near

    def pause(self, now: float) -> bool:
        """Note that it is used up; False if that was noted before."""
        first = not self.paused
        self.paused = self.paused or now
        return first

    def charge(self, held: Held) -> None:
        """Count what was held as spent: its process was lost, and the call may have been paid for."""
        if held.began == self.began and not held.charged:
            self.reserved -= held.amount
            self.spent += held.amount

    def shown(self) -> Account:
        """The account as people read it."""
        return Account(
            scope=self.scope,
            measure=self.measure,
            limit=None if self.cap is None else self.cap / NANO,
            kept=self.kept / NANO,
            spent=self.spent / NANO,
            reserved=self.reserved / NANO,
            period=self.period,
            zone=self.zone,
            began=self.began,
            extra=self.extra / NANO,
            paused=self.paused,
        )

    @property
    def near(self) -> bool:
        """Whether 90 % of it are spent."""
        return bool(self.cap) and 10 * self.spent >= 9 * (self.cap or 0)

    def _crossed(self) -> Crossed | None:
        if self.warned or not self.near:
            return None
        self.warned = True
        return self.scope, self.measure, self.spent / NANO, (self.cap or 0) / NANO

    def _share(self, ask: Ask) -> int:
        if self.cap is None:
            return 0
        free = self.cap - self.kept - self.spent - self.reserved
        needed = ask.least if ask.least <= free else 0
        return max(min(ask.more, free // PARTS), needed, 0)


def asked_units(amounts: Amounts) -> dict[str, int | None]:
    """Return what a reservation asks for in whole billionths, rounded up; None stays None. Raises ConfigError."""
    return {measure: None if amount is None else units(amount) for measure, amount in amounts.items()}


def hold_all(purses: Sequence[Purse], asked: Mapping[str, int | None], use_kept: bool) -> list[Held]:
    """Reserve in every account or in none.

    Raises:
        BudgetError: One does not cover it, the first in order; none was changed.
    """
    for purse in purses:
        refusal = purse.refusal(asked[purse.measure], use_kept)
        if refusal is not None:
            raise refusal
    return [purse.hold(asked[purse.measure] or 0) for purse in purses]


def units(amount: Number, *, up: bool = True) -> int:
    """Return an amount in whole billionths, rounded up, or to the nearest; a thousandth of one is a float's noise.

    Raises:
        ConfigError: It is no finite number of at least 0.

    >>> units(0.1), units(3), units(0.1 + 0.2, up=False)
    (100000000, 3000000000, 300000000)
    """
    if isinstance(amount, int):
        counted = amount * NANO
    elif isinstance(amount, float) and 0 <= amount < _PLAIN:
        scaled = amount * NANO
        counted = round(scaled)
        if up and scaled - counted > _NOISE:
            counted += 1
    else:
        exact = Decimal(str(amount))
        if not exact.is_finite() or exact.adjusted() > 100:
            raise ConfigError(f"a budget counts finite numbers, not {amount}")
        with localcontext() as context:
            context.prec = 200
            rounded = (exact * NANO).to_integral_value(ROUND_CEILING if up else ROUND_HALF_EVEN)
        counted = int(rounded)
    if counted < 0:
        raise ConfigError(f"a budget counts numbers of at least 0, not {amount}")
    return counted


def period_start(period: Period, zone: str, now: float) -> int:
    """Return the Unix time at which the period that holds ``now`` began: a midnight in the time zone; 0 without one.

    >>> period_start("day", "UTC", 86_400 * 3 + 5.0) == 86_400 * 3
    True
    """
    if not period:
        return 0
    here = datetime.fromtimestamp(now, time_zone(zone))
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "week":
        midnight -= timedelta(days=midnight.weekday())
    elif period == "month":
        midnight = midnight.replace(day=1)
    return int(midnight.timestamp())


def period_end(period: Period, zone: str, now: float) -> int:
    """Return the Unix time at which the period that holds ``now`` ends, and the next begins; 0: never.

    >>> period_end("week", "UTC", 0.0) == 4 * 86_400  # the epoch was a Thursday
    True
    """
    if not period:
        return 0
    began = datetime.fromtimestamp(period_start(period, zone, now), time_zone(zone))
    days = {"day": 1, "week": 7, "month": 32}[period]
    return period_start(period, zone, (began + timedelta(days=days, hours=12)).timestamp())


@lru_cache(maxsize=64)
def time_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)  # UTC needs no time zone data, which some machines lack
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ConfigError(f"there is no time zone {name!r}", hint="such as UTC or Europe/Berlin") from exc


def _unpriced(purse: Purse) -> BudgetError:
    return _error(purse.measure)(
        f"{_named(purse.scope)} has a limit in {_unit(purse.measure)}, and no price is known for the call",
        hint="set the model's price, or drop the limit",
        details={"scope": purse.scope, "measure": purse.measure, "limit": (purse.cap or 0) / NANO}
        | {"spent": purse.spent / NANO, "unpriced": True},
    )


def _refused(purse: Purse, asked: int, use_kept: bool) -> BudgetError:
    limit, spent, reserved, wanted = ((value or 0) / NANO for value in (purse.cap, purse.spent, purse.reserved, asked))
    kept = 0.0 if use_kept else purse.kept / NANO
    words = [f"{spent:.6g} of {limit:.6g} {purse.measure} are spent"]
    if reserved:
        words.append(f"{reserved:.6g} are reserved by running calls")
    if kept:
        words.append(f"{kept:.6g} are kept for the answer")
    if purse.period:
        words.append(f"it begins anew on {_written(purse)}")
    return _error(purse.measure)(
        f"the budget of {_named(purse.scope)} does not cover a call of about {wanted:.6g} {purse.measure}: "
        f"{', '.join(words)}",
        hint="raise the budget, or ask for less",
        details={"scope": purse.scope, "measure": purse.measure, "limit": limit, "spent": spent}
        | {"reserved": reserved, "kept": kept, "asked": wanted, "period": purse.period}
        | ({"begins_anew": period_end(purse.period, purse.zone, purse.began)} if purse.period else {}),
    )


def _written(purse: Purse) -> str:
    """When it begins anew, for people."""
    when = datetime.fromtimestamp(period_end(purse.period, purse.zone, purse.began), time_zone(purse.zone))
    return f"{when:%Y-%m-%d %H:%M} {purse.zone}"


def _error(measure: str) -> type[BudgetError]:
    return {"usd": CostBudgetError, "tokens": TokenBudgetError}.get(measure, BudgetError)


def _unit(measure: str) -> str:
    return "USD" if measure == "usd" else measure


def _named(scope: str) -> str:
    """Return a scope as a person knows it: their run needs no id."""
    return "this run" if scope.startswith("run:") else shown_scope(scope)


def shown_scope(scope: str) -> str:
    """Return whose budget it is, without its period.

    >>> shown_scope("agent:writer@day"), shown_scope("agent:me@@day")
    ('agent:writer', 'agent:me@day')
    """
    who, at, period = scope.rpartition("@")
    return (who if at and period in get_args(Period) and not who.endswith("@") else scope).replace("@@", "@")
