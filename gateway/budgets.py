"""Which budgets a call counts to: those of its key, of its agent, of its run, and of all calls together.

Each account of the ledger has one period, so a budget of a month and one of a day are two accounts, and their scopes
say so: ``key:<id>@month``, ``agent:<name>@day``, ``all@day``; without a period ``all``. Of several rules for one period
the most specific counts: what a key itself says, then a rule that names it, then the first whose pattern fits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gateway.warnings import Notice, Tell, log
from schemas.accounts import Crossed, Period, shown_scope
from schemas.bookkeeping import ApiKey
from schemas.errors import BudgetError, BudgetPausedError, StoreError
from schemas.gateway import BudgetRule
from schemas.protocols import Ledger

MOST_KNOWN = 10_000


@dataclass(slots=True)
class Opened:
    """One account to open, and the most of each measure in a period."""

    per: Period
    zone: str
    limits: dict[str, float | None] = field(default_factory=dict[str, float | None])


class Budgets:
    """Gives calls the scopes they count to, each opened in the ledger as it is configured.

    Args:
        rules: ``gateway.budgets`` of the settings.
        ledger: Where they are counted.
        tell: Told of budgets that are nearly or wholly used up; called once for each and period.
        now: Gives Unix time.
    """

    def __init__(
        self, rules: Sequence[BudgetRule], ledger: Ledger, tell: Tell = log, now: Callable[[], float] = time.time
    ) -> None:
        self._rules = tuple(rules)
        self._tell = tell
        self._now = now
        self._told: dict[tuple[str, str], int] = {}
        self._ledger = ledger
        self._known: dict[tuple[str, str, bool], tuple[ApiKey | None, tuple[str, ...]]] = {}

    async def scopes(
        self,
        key: ApiKey | None = None,
        agent: str = "",
        run_id: str | None = None,
        also: tuple[str, ...] = (),
        *,
        claimed: bool = False,
    ) -> tuple[str, ...]:
        """Return the scopes of a call, for ``Ledger.reserve``. Cost: a look-up, once its accounts are open.

        A run's own budget is opened by the engine that runs it; a run without one is passed over.

        Args:
            key: Whose call it is.
            agent: For whom, by name.
            run_id: The run it plays a part in.
            also: Scopes the caller names itself.
            claimed: Whether the agent's name is only what the client calls itself.

        Raises:
            StoreError: The ledger cannot be reached.
        """
        whose = "" if key is None else key.id
        known = self._known.get((whose, agent, claimed))
        if known is not None and known[0] is key:
            found = known[1]
        else:
            found = await self._open(key, agent, claimed)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[whose, agent, claimed] = key, found
        if run_id:
            also = (f"run:{run_id}", *also)
        return tuple(dict.fromkeys((*also, *found))) if also else found

    def crossed(self, crossed: Crossed) -> None:
        """Tell of a budget that a call brought to 90 %; a run's is its own matter."""
        scope, measure, spent, limit = crossed
        if not scope.startswith("run:"):
            self._tell(Notice("budget.warning", scope, measure, spent, limit))

    async def refused(self, error: BudgetError) -> BudgetError:
        """Return what a refused call raises: its budget is paused where it is used up until its period ends.

        The first refusal of a period, over all processes, is told. A budget that has enough left once running calls
        have ended, or never had enough for this call, is not paused.
        """
        details = error.details
        scope, measure, anew = (
            str(details.get("scope", "")),
            str(details.get("measure", "")),
            details.get("begins_anew"),
        )
        limit, spent, asked = (float(details.get(name) or 0.0) for name in ("limit", "spent", "asked"))
        if scope.startswith(("run:", "tool:")) or details.get("unpriced") or spent + asked <= limit:
            return error
        if 10 * spent >= 9 * limit:
            await self._pause(Notice("budget.paused", scope, measure, spent, limit, int(anew or 0)))
        if not anew or asked > limit:
            return error
        return BudgetPausedError(
            f"{shown_scope(scope)} is paused: {error.message}",
            hint=f"engine budgets resume {shown_scope(scope)} grants the amount once more, or come back then",
            details={**details, "retry_after_s": max(1.0, anew - self._now())},
        )

    async def _pause(self, notice: Notice) -> None:
        which = notice.scope, notice.measure
        if self._told.get(which) == notice.begins_anew:
            return
        self._told[which] = notice.begins_anew
        with suppress(StoreError):
            if await self._ledger.pause(*which):
                self._tell(notice)

    async def _open(self, key: ApiKey | None, agent: str, claimed: bool) -> tuple[str, ...]:
        accounts = accounts_of(self._rules, key, agent, claimed=claimed)
        for scope, one in accounts.items():
            await self._ledger.open(scope, one.limits, period=one.per, zone=one.zone)
        return tuple(accounts)


def accounts_of(
    rules: Iterable[BudgetRule], key: ApiKey | None, agent: str, *, claimed: bool = False
) -> dict[str, Opened]:
    """Return the accounts of a call by their scopes, the key's first. Pure.

    A pattern gives each agent an account of its own, but one to all that only say what they are called: an invented
    name is no fresh budget.
    """
    rules = list(rules)
    found: dict[str, Opened] = {}
    if key is not None:
        own = BudgetRule(of=f"key:{key.name}", usd=key.usd, tokens=key.tokens, per=key.per, zone=key.zone)
        for rule in (own, *_most_specific(rules, "key", (key.name, key.id))):
            _add(found, f"key:{key.id}", rule)
    for rule in _most_specific(rules, "agent", (agent,)) if agent else ():
        _add(found, rule.of if claimed else f"agent:{agent}", rule)
    for rule in rules:
        if rule.of == "all":
            _add(found, "all", rule)
    return found


def scope_of(who: str, per: Period) -> str:
    """Return the scope of a budget: whose, and after what it begins anew.

    >>> scope_of("agent:writer", "day"), scope_of("agent:me@day", "")
    ('agent:writer@day', 'agent:me@@day')
    """
    who = who.replace("@", "@@")
    return f"{who}@{per}" if per else who


def _add(found: dict[str, Opened], who: str, rule: BudgetRule) -> None:
    caps: dict[str, float | None] = {"usd": rule.usd, "tokens": rule.tokens}
    for measure, cap in caps.items():
        if cap is not None:
            one = found.setdefault(scope_of(who, rule.per), Opened(rule.per, rule.zone))
            one.limits.setdefault(measure, cap)


def _most_specific(rules: Iterable[BudgetRule], kind: str, names: Sequence[str]) -> list[BudgetRule]:
    """The rules of a kind that fit one of the names, those that spell it out first."""
    mine = [rule for rule in rules if rule.of.startswith(f"{kind}:")]
    spelt = [rule for rule in mine if rule.of.partition(":")[2] in names]
    fitting = [rule for rule in mine if any(fnmatchcase(name, rule.of.partition(":")[2]) for name in names)]
    return [*spelt, *(rule for rule in fitting if rule not in spelt)]
