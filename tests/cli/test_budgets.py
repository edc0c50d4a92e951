"""engine budgets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import anyio

from engine.durable.sqlite.store import SqliteStore
from schemas.bookkeeping import ApiKey
from tests.cli.command import called, one_error_line


def budgets(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run engine budgets on a store in a folder."""
    return called("budgets", *args, "--store", "runs.db", cwd=cwd)


def listed(cwd: Path) -> list[dict[str, Any]]:
    """Every budget, as programs see it."""
    return json.loads(budgets("list", "--json", cwd=cwd).stdout)


def spend(folder: Path, scope: str, amount: float, limit: float) -> None:
    """Spend of a day's budget in a store, and pause it."""

    async def main() -> None:
        store = SqliteStore(folder / "runs.db")
        await store.key_store.add(ApiKey(id="k_1", name="my app", hash="0" * 64))
        ledger = store.ledger()
        await ledger.open(scope, {"usd": limit}, period="day")
        await ledger.settle(await ledger.reserve([scope], {"usd": amount}), {"usd": amount})
        await ledger.pause(scope, "usd")
        await store.aclose()

    anyio.run(main)


def test_a_paused_budget_is_resumed_by_hand(tmp_path: Path) -> None:
    """B80: a paused budget is listed as such; resumed, it has its whole amount once more, and what is spent stays."""
    spend(tmp_path, "key:k_1@day", 2.0, 2.0)
    assert "paused" in budgets("list", cwd=tmp_path).stdout
    (before,) = listed(tmp_path)
    assert (before["of"], before["spent"], before["limit"], before["paused"]) == ("key:my app", 2.0, 2.0, True)
    assert budgets("resume", "key:my app", cwd=tmp_path).returncode == 0
    (now,) = listed(tmp_path)
    assert (now["spent"], now["limit"], now["extra"], now["paused"]) == (2.0, 4.0, 2.0, False)


def test_a_limit_is_set_at_once(tmp_path: Path) -> None:
    """A budget of somebody who never called is opened, and one that is there is changed; the other measure stays."""
    assert budgets("set", "agent:writer", "--usd", "5", cwd=tmp_path).returncode == 0
    assert budgets("set", "agent:writer", "--tokens", "100", cwd=tmp_path).returncode == 0
    assert budgets("set", "agent:writer", "--usd", "7", "--per", "month", cwd=tmp_path).returncode == 0
    assert [(one["measure"], one["limit"], one["period"]) for one in listed(tmp_path)] == [
        ("tokens", 100, "day"), ("usd", 5, "day"), ("usd", 7, "month"),
    ]  # fmt: skip


def test_who_has_no_budget_is_said(tmp_path: Path) -> None:
    """A misspelt name gives the nearest one; what is no name at all says how to write it."""
    spend(tmp_path, "agent:writer@day", 1.0, 2.0)
    done = budgets("resume", "agent:writre", cwd=tmp_path)
    assert "did you mean agent:writer" in one_error_line(done)
    assert budgets("resume", "writer", cwd=tmp_path).returncode == 2
    assert budgets("set", "all", cwd=tmp_path).returncode == 2
