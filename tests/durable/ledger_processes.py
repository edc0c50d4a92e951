"""Real processes that spend from one budget at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
from dataclasses import dataclass
from typing import Any

import anyio

from engine.durable.opening import open_store
from schemas.accounts import Account
from schemas.errors import TokenBudgetError
from schemas.protocols import Ledger

SHARED, AMOUNT, LIMIT = "key:shared", 10, 1_000
_CONTEXT = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")


@dataclass
class Report:
    """What one process did: tokens it settled, warnings it was told, whether it was refused."""

    settled: int = 0
    warned: int = 0
    refused: int = 0


def race(store: str, processes: int, *, deaths: int = 0) -> tuple[list[Report], dict[str, Account]]:
    """Let processes spend until nothing is left; return their reports and the accounts afterwards.

    Args:
        store: Where the ledger is.
        processes: How many spend, each from the shared budget and one of its own, named in any order.
        deaths: How many more reserve once, and die without a word.
    """
    anyio.run(_open, store, processes + deaths)
    _CONTEXT.set_forkserver_preload(["engine.durable.sqlite.store", "engine.durable.postgres.store", __name__])
    reports: Any = _CONTEXT.Queue()
    start = _CONTEXT.Barrier(processes + deaths)
    found = [
        _CONTEXT.Process(target=_spend, args=(store, number, number >= processes, start, reports))
        for number in range(processes + deaths)
    ]
    for process in found:
        process.start()
    told = [reports.get(timeout=120) for _ in range(processes)]
    for process in found:
        process.join(timeout=60)
        assert process.exitcode == 0
    return told, anyio.run(_accounts, store)


def _spend(store: str, number: int, dies: bool, start: Any, reports: Any) -> None:
    async def main() -> Report:
        opened = await open_store(store)
        ledger = opened.ledger(lambda: f"process {number}")
        assert ledger is not None
        await ledger.accounts("nothing")  # opened
        start.wait(timeout=60)
        if dies:
            with contextlib.suppress(TokenBudgetError):
                await ledger.reserve([SHARED, f"run:{number}"], {"tokens": AMOUNT}, lease_s=0.0)
            os._exit(0)
        report = Report()
        await _until_refused(ledger, random.Random(number), number, report)
        await opened.aclose()
        return report

    reports.put(anyio.run(main))


async def _until_refused(ledger: Ledger, chance: random.Random, number: int, report: Report) -> None:
    scopes = [SHARED, f"run:{number}"]
    while report.refused < 3:
        chance.shuffle(scopes)
        try:
            name = await ledger.reserve(scopes, {"tokens": AMOUNT, "usd": 0.001})
        except TokenBudgetError:
            report.refused += 1
            continue
        if chance.random() < 0.2:
            await ledger.release(name)
        else:
            report.warned += len(await ledger.settle(name, {"tokens": AMOUNT}))
            report.settled += AMOUNT


async def _open(store: str, processes: int) -> None:
    opened = await open_store(store)
    ledger = opened.ledger()
    assert ledger is not None
    await ledger.open(SHARED, {"tokens": LIMIT})
    for number in range(processes):
        await ledger.open(f"run:{number}", {"tokens": None, "usd": None})
    await opened.aclose()


async def _accounts(store: str) -> dict[str, Account]:
    opened = await open_store(store)
    ledger = opened.ledger()
    assert ledger is not None
    found = {f"{account.scope} {account.measure}": account for account in await ledger.accounts()}
    await opened.aclose()
    return found
