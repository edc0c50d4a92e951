"""A log that is not at hand for a while: the run waits for it, and goes on as if nothing had been.

What was not acknowledged may still have been written (a cut connection, a deadline). Compare-and-append makes the
repetition safe: a conflict whose tail is exactly our batch says that it had landed.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
import structlog

from schemas.accounts import LEASE_S, Account, Amounts, Ask, Crossed, Part, Period
from schemas.errors import ConflictError, StoreError
from schemas.events import LoggedEvent, LoggedRecord
from schemas.protocols import Ledger
from schemas.stores import RunLog

T = TypeVar("T")
ATTEMPT_S = 10.0
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 2.0


class PatientLog:
    """A RunLog as the driver of a run sees it (implements ``schemas.stores.RunLog``).

    What fails with StoreError is tried again with growing delays. One attempt to write is shielded from cancellation,
    for at most ``ATTEMPT_S``: a write broken off half-way is neither done nor not done.

    Args:
        log: Where runs live.
        patience_s: Seconds from the first failure on until the StoreError is raised after all.
    """

    def __init__(self, log: RunLog, patience_s: float) -> None:
        self._log = log
        self._patience_s = patience_s

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append events, or recognise that an attempt before had landed.

        Cancellation: an attempt under way is ended first.

        Raises:
            ConflictError: Somebody else wrote; nothing of ours did.
            StoreError: The store could not be written for ``patience_s``, or for the run's first event at once.
        """
        unsure = False

        async def attempt() -> list[LoggedRecord]:
            nonlocal unsure
            try:
                return await _shielded(lambda: self._log.append(run_id, expected_seq, events))
            except ConflictError:
                landed = await self._log.load(run_id, expected_seq) if unsure else []
                if [record.event for record in landed[: len(events)]] == list(events):
                    return landed[: len(events)]
                raise
            except StoreError:
                unsure = True
                raise

        return await (attempt() if expected_seq == 0 else patiently(self._patience_s, "written", attempt))

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return the events with ``seq > after``. Raises as ``append``, and NotFoundError."""
        return await patiently(self._patience_s, "read", lambda: self._log.load(run_id, after))

    async def wait(self, run_id: str, after: int) -> None:
        """Return once the run's head is beyond ``after``; a store that is away is waited for without end.

        Raises:
            NotFoundError: No such run (any more).
            StoreError: The store will not be back as it is.
        """
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                return await self._log.wait(run_id, after)
            except StoreError as exc:
                if not _may_pass(exc):
                    raise
                await anyio.sleep(delay_s)
                delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def runs(self) -> list[str]:
        """Return the ids of all runs."""
        return await patiently(self._patience_s, "read", self._log.runs)

    async def put_artifact(self, data: bytes) -> str:
        """Keep bytes. Raises as ``append``."""
        return await patiently(self._patience_s, "written", lambda: _shielded(lambda: self._log.put_artifact(data)))

    async def get_artifact(self, sha256: str) -> bytes:
        """Return the bytes kept under a hash. Raises as ``load``."""
        return await patiently(self._patience_s, "read", lambda: self._log.get_artifact(sha256))


class PatientLedger:
    """A Ledger as who calls models sees it (implements ``schemas.protocols.Ledger``): an outage is waited for.

    Every reservation has an id of its own before it is sent, so that sending it again reserves nothing twice.

    Args:
        ledger: Where budgets are kept.
        patience_s: Seconds from the first failure on until the StoreError is raised after all.
    """

    def __init__(self, ledger: Ledger, patience_s: float) -> None:
        self._ledger = ledger
        self._patience_s = patience_s

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
        options: dict[str, Any] = {"keep_share": keep_share, "spent": spent, "period": period, "zone": zone}
        await patiently(self._patience_s, "written", lambda: self._ledger.open(scope, limits, **options))

    async def reserve(
        self,
        scopes: Sequence[str],
        amounts: Amounts,
        *,
        use_kept: bool = False,
        reservation: str | None = None,
        lease_s: float | None = LEASE_S,
    ) -> str:
        """Reserve amounts in every scope, all or nothing. Raises BudgetError, StoreError."""
        name = reservation or uuid.uuid4().hex
        options: dict[str, Any] = {"use_kept": use_kept, "reservation": name, "lease_s": lease_s}
        return await patiently(self._patience_s, "written", lambda: self._ledger.reserve(scopes, amounts, **options))

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Replace a reservation by what was used. Raises ConflictError, StoreError."""
        unsure = False

        async def attempt() -> list[Crossed]:
            nonlocal unsure
            try:
                return await self._ledger.settle(reservation, used)
            except ConflictError:
                if unsure:  # an attempt before had landed
                    return []
                raise
            except StoreError:
                unsure = True
                raise

        return await patiently(self._patience_s, "written", attempt)

    async def release(self, reservation: str) -> None:
        """Give a reservation back. Raises StoreError."""
        await patiently(self._patience_s, "written", lambda: self._ledger.release(reservation))

    async def accounts(self, prefix: str = "") -> list[Account]:
        """Return the accounts of all scopes that begin with a text. Raises StoreError."""
        return await patiently(self._patience_s, "read", lambda: self._ledger.accounts(prefix))

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        """Settle what a process used of its parts and give it the next. Raises StoreError."""
        return await patiently(self._patience_s, "written", lambda: self._ledger.exchange(asks, lease_s=lease_s))

    async def resume(self, scope: str) -> list[Account]:
        """Grant every limit of a scope once more. Raises StoreError; that is not tried again: it would grant twice."""
        return await self._ledger.resume(scope)

    async def pause(self, scope: str, measure: str) -> bool:
        """Note that an account is used up. Raises StoreError."""
        return await patiently(self._patience_s, "written", lambda: self._ledger.pause(scope, measure))

    async def close(self, scope: str) -> None:
        """Forget a scope. Raises StoreError."""
        await patiently(self._patience_s, "written", lambda: self._ledger.close(scope))


async def patiently(patience_s: float, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Attempt until it works, or fails other than by the store, or the patience is over.

    Raises:
        StoreError: It failed for ``patience_s`` seconds, or in a way that will not pass.
    """
    failed_at: float | None = None
    delay_s = _FIRST_DELAY_S
    while True:
        try:
            return await attempt()
        except StoreError as exc:
            now = anyio.current_time()
            if not _may_pass(exc):
                raise _gone(exc, what, 0.0) from exc
            if failed_at is None:
                failed_at = now
                structlog.get_logger().warning("the store is away; trying again", error=exc.message)
            if now + delay_s > failed_at + patience_s:
                raise _gone(exc, what, now - failed_at) from exc
        await anyio.sleep(delay_s)
        delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


def _may_pass(exc: StoreError) -> bool:
    """Whether trying again may help: a wrong password, a missing right or a read-only file stay what they are."""
    return exc.details.get("retryable") is not False


def _gone(exc: StoreError, what: str, seconds: float) -> StoreError:
    waited = f" for {seconds:.0f} s" if seconds >= 1 else ""
    return StoreError(
        f"the store could not be {what}{waited}: {exc.message}",
        hint=exc.hint or "once it is back, the run goes on with: engine runs resume",
        details=exc.details,
    )


async def _shielded(write: Callable[[], Awaitable[T]]) -> T:
    """Write, whether or not somebody cancels meanwhile.

    Raises:
        StoreError: It took longer than ``ATTEMPT_S``; whether it landed is not known.
    """
    with anyio.move_on_after(ATTEMPT_S, shield=True):
        return await write()
    raise StoreError(f"no answer from the store in {ATTEMPT_S:g} s")
