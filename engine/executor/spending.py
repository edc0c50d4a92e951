"""Spending limits: what an argument of a tool may add up to, a call, a day, and a day for each key.

The amount is reserved in the ledger before the call and settled after it. The ledger lives in the store, so that the
limits hold over runs, restarts, processes and machines. A reservation bears the call's idempotency key: a call that is
made again after a crash is counted once, and one of which nobody knows whether it happened stays counted all day.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import anyio

from schemas.accounts import NANO, Number, units
from schemas.errors import (
    BudgetError,
    ConfigError,
    ConflictError,
    StepOutputError,
    StepRejectedError,
    StepTimeoutError,
    StoreError,
)
from schemas.planning import StepCall
from schemas.protocols import Ledger
from schemas.result import StepResult
from schemas.tool import SpendingLimits, ToolSpec

_CLEANUP_S = 5.0
_RETRY_AFTER = "retry_after_s"


@dataclass(slots=True)
class Outcome:
    """How the call ended; None: it was broken off, and may have happened."""

    result: StepResult | None = None

    @property
    def happened(self) -> bool:
        """Whether the call did, or may have done, what it was made for: then its amount is spent."""
        result = self.result
        if result is None or result.status == "done" or result.in_doubt or result.abandoned:
            return True
        error = result.error
        if error is None or error.code in (StepOutputError.code, StepTimeoutError.code):
            return error is not None
        return error.retryable and _RETRY_AFTER not in error.details  # who names a time to come back did nothing


class Spending:
    """Holds the calls of one run to the spending limits of their tools.

    Args:
        ledger: Where amounts are counted, for all runs.
        user: Whose run it is: the key that ``per_key`` counts for.
    """

    def __init__(self, ledger: Ledger, user: str = "") -> None:
        self._ledger = ledger
        self._user = user

    @asynccontextmanager
    async def held(self, spec: ToolSpec, call: StepCall) -> AsyncGenerator[Outcome]:
        """Reserve the call's amount for the block, which makes the call and tells how it ended.

        Raises:
            StepRejectedError: A limit does not cover it, or its amount cannot be read; the call must not be made.
            StoreError: The ledger cannot be reached; the call must not be made.
        """
        reservation = await self._reserve(spec, call)
        outcome = Outcome()
        try:
            yield outcome
        finally:
            # a store that fails now costs no result: the amount stays held, which counts all day
            with anyio.move_on_after(_CLEANUP_S, shield=True), suppress(StoreError, ConflictError):
                if outcome.happened:
                    await self._ledger.settle(reservation, {})
                else:
                    await self._ledger.release(reservation)

    async def _reserve(self, spec: ToolSpec, call: StepCall) -> str:
        limits = cast("SpendingLimits", spec.spending)
        amount = amount_of(limits, spec.name, call.input)
        if limits.per_call is not None and units(amount) > units(limits.per_call):
            raise _rejected(spec, limits, amount, f"more than its limit of {limits.per_call:g} a call", limits.per_call)
        scopes = await self._open(spec.name, limits)
        name = f"spending:{call.idempotency_key or f'{call.run_id}:{call.step_id}'}"
        try:
            return await self._ledger.reserve(scopes, {limits.argument: amount}, reservation=name, lease_s=None)
        except BudgetError as exc:
            raise self._beyond(spec, limits, amount, exc) from exc

    async def _open(self, tool: str, limits: SpendingLimits) -> list[str]:
        """Open the accounts of a day: that of all, that of the run's key."""
        caps = {f"tool:{tool}": limits.per_day, f"key:{self._user}:tool:{tool}": limits.per_key}
        opened = {scope: cap for scope, cap in caps.items() if cap is not None}
        for scope, cap in opened.items():
            await self._ledger.open(scope, {limits.argument: cap}, period="day", zone=limits.time_zone)
        return list(opened)

    def _beyond(self, spec: ToolSpec, limits: SpendingLimits, amount: Number, exc: BudgetError) -> StepRejectedError:
        limit, spent, reserved = (float(exc.details[name]) for name in ("limit", "spent", "reserved"))
        whose = f" for {self._user or 'runs without a user'}" if str(exc.details["scope"]).startswith("key:") else ""
        words = f"more than what is left of its limit of {limit:g} a day{whose}: {spent:g} is spent"
        words += f", and {reserved:g} is held by calls that run or are in doubt" if reserved else ""
        return _rejected(spec, limits, amount, words, limit, spent=spent, reserved=reserved)


def amount_of(limits: SpendingLimits, tool: str, arguments: Mapping[str, Any]) -> Number:
    """Return the amount of a call: a number, or a text that is one.

    Raises:
        StepRejectedError: It is not there, or is no finite number of at least 0.
    """
    found: Any = arguments
    for name in limits.argument.split("."):
        found = cast("Mapping[str, Any]", found).get(name) if isinstance(found, Mapping) else None
    try:
        amount: Number = Decimal(found) if isinstance(found, str) else found
        if isinstance(amount, bool) or not isinstance(cast("object", amount), (int, float, Decimal)):
            raise InvalidOperation
        units(amount)
    except (InvalidOperation, ConfigError):
        raise StepRejectedError(
            f"{tool} was not called: {limits.argument} is {found!r:.80}, and its spending limit needs a number of at "
            "least 0",
            hint="give the amount as a plain number",
            details={"tool": tool, "argument": limits.argument},
        ) from None
    return amount


def _rejected(
    spec: ToolSpec, limits: SpendingLimits, amount: Number, words: str, limit: float, **details: float
) -> StepRejectedError:
    asked = units(amount) / NANO
    return StepRejectedError(
        f"{spec.name} was not called: {limits.argument} {asked:g} is {words}",
        hint=f"ask for less, or raise the spending limits of {spec.name} in the configuration",
        details={"tool": spec.name, "argument": limits.argument, "limit": limit, "asked": asked, **details},
    )
