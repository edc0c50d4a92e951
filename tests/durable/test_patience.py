"""A store that is away for a while: what the driver of a run sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from engine.durable.memory import MemoryLog
from engine.durable.patience import PatientLedger, PatientLog
from gateway.budget import MemoryLedger
from schemas.accounts import Amounts, Crossed
from schemas.errors import ConflictError, StoreError
from schemas.events import LoggedEvent, LoggedRecord, PlanStarted, RunStarted
from tests.runs import virtually

FIRST = RunStarted(task="t", mode="plan")


class Away(MemoryLog):
    """Fails until a time; ``lands``: although it fails, it writes."""

    local = False

    def __init__(self, until: float, *, lands: bool = False, takes_s: float = 0.0) -> None:
        super().__init__(anyio.current_time)
        self.until, self.lands, self.takes_s = until, lands, takes_s

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append, or fail, or both."""
        await anyio.sleep(self.takes_s)
        if expected_seq and anyio.current_time() < self.until:
            if self.lands:
                await super().append(run_id, expected_seq, events)
            raise StoreError("the connection is cut")
        return await super().append(run_id, expected_seq, events)

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Load, or fail."""
        if anyio.current_time() < self.until and not self.lands:
            raise StoreError("the connection is cut")
        return await super().load(run_id, after)


def test_a_store_that_comes_back_is_written() -> None:
    """What fails is tried again, with growing delays, until it works."""

    async def go() -> None:
        log = PatientLog(Away(10.0), 30.0)
        await log.append("r", 0, [FIRST])
        (record,) = await log.append("r", 1, [PlanStarted()])
        assert (record.seq, 10.0 <= anyio.current_time() <= 12.5) == (2, True)
        assert len(await log.load("r")) == 2

    virtually(go)


def test_a_store_that_stays_away_is_an_error_in_the_end() -> None:
    """After the patience is over the error says for how long, and what to do."""

    async def go() -> None:
        log = PatientLog(Away(1000.0), 30.0)
        await log.append("r", 0, [FIRST])
        with pytest.raises(StoreError, match=r"could not be written for \d\d s: the connection is cut") as caught:
            await log.append("r", 1, [PlanStarted()])
        assert 25.0 < anyio.current_time() <= 30.0
        assert "resume" in caught.value.hint

    virtually(go)


def test_what_had_landed_is_recognised() -> None:
    """B62: an append that failed and was written all the same is not written twice; a stranger's is a conflict."""

    async def go() -> None:
        store = Away(0.05, lands=True)
        log = PatientLog(store, 30.0)
        await log.append("r", 0, [FIRST])
        (record,) = await log.append("r", 1, [PlanStarted(revision=7)])
        assert (record.seq, len(await store.load("r"))) == (2, 2)
        with pytest.raises(ConflictError):
            await log.append("r", 1, [PlanStarted(revision=8)])

    virtually(go)


def test_a_write_is_not_broken_off() -> None:
    """Who cancels waits for the attempt that is under way: it is written whole, and known to be."""

    async def go() -> None:
        store = Away(0.0, takes_s=1.0)
        log = PatientLog(store, 30.0)
        await log.append("r", 0, [FIRST])
        with anyio.move_on_after(0.5):
            await log.append("r", 1, [PlanStarted()])
        assert len(await store.load("r")) == 2

    virtually(go)


def test_a_write_without_an_answer_is_tried_again() -> None:
    """A store that does not answer is given up in the end, however long an attempt would take."""

    async def go() -> None:
        log = PatientLog(Away(0.0, takes_s=500.0), 30.0)
        with pytest.raises(StoreError, match="no answer"):
            await log.append("r", 1, [PlanStarted()])
        assert anyio.current_time() < 60.0

    virtually(go)


class AwayLedger(MemoryLedger):
    """Reserves and settles, and fails all the same until a time: the answers are lost."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until

    def _lost(self) -> None:
        if anyio.current_time() < self.until:
            raise StoreError("the connection is cut")

    async def reserve(self, scopes: Sequence[str], amounts: Amounts, **options: Any) -> str:
        """Reserve, and fail."""
        name = await super().reserve(scopes, amounts, **options)
        self._lost()
        return name

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Settle, and fail."""
        crossed = await super().settle(reservation, used)
        self._lost()
        return crossed


def test_budgets_wait_for_their_store_and_count_once() -> None:
    """B71: a reservation and a settlement whose answers were lost are sent again, and counted once."""

    async def go() -> None:
        away = AwayLedger(10.0)
        ledger = PatientLedger(away, 30.0)
        await ledger.open("run:1", {"tokens": 100})
        name = await ledger.reserve(["run:1"], {"tokens": 60})
        assert anyio.current_time() >= 10.0
        away.until = anyio.current_time() + 5.0
        assert await ledger.settle(name, {"tokens": 50}) == []
        (account,) = await ledger.accounts()
        assert (account.spent, account.reserved) == (50, 0)
        with pytest.raises(ConflictError):
            await ledger.settle(name, {"tokens": 50})
        away.until = 1e9
        with pytest.raises(StoreError, match=r"for \d\d s"):
            await ledger.reserve(["run:1"], {"tokens": 1})

    virtually(go)


@pytest.mark.anyio
async def test_what_will_not_pass_is_not_waited_for() -> None:
    """A wrong password, a missing right or a read-only file is raised at once."""

    class Refuses(MemoryLog):
        async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
            raise StoreError(f"wrong password for {run_id}", hint="give another", details={"retryable": False})

        async def wait(self, run_id: str, after: int) -> None:
            await self.load(run_id, after)

    log = PatientLog(Refuses(), 3600.0)
    with anyio.fail_after(5):
        with pytest.raises(StoreError, match="could not be read: wrong password"):
            await log.load("r")
        with pytest.raises(StoreError, match="wrong password"):
            await log.wait("r", 0)
