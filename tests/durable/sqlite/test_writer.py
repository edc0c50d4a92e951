"""The one thread that writes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from engine.durable.sqlite.store import SqliteStore
from engine.durable.sqlite.writer import Transaction
from schemas.errors import ConflictError, NotFoundError
from tests.durable.contract import FIRST, numbered
from tests.durable.sqlite.files import WRITER, shell

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """An empty store."""
    made = SqliteStore(tmp_path / "runs.db")
    await made.open()
    yield made
    await made.aclose()


async def test_what_waits_is_one_transaction(store: SqliteStore) -> None:
    """Appends that wait for the file together are committed together: one fsync, and one time, for all of them."""
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(store.append, f"r{number}", 0, [FIRST])
        await anyio.sleep(0.05)
        other.execute("COMMIT")
    other.close()
    times = {(await store.load(f"r{number}"))[0].at for number in range(50)}
    assert len(times) == 1


async def test_a_conflict_concerns_nobody_else(store: SqliteStore) -> None:
    """In one transaction, each append is compared and made by itself."""
    await store.append("late", 0, [FIRST])
    told: list[str] = []

    async def write(run_id: str) -> None:
        try:
            await store.append(run_id, 0, [FIRST, *numbered(2)])
        except ConflictError:
            told.append(run_id)

    async with anyio.create_task_group() as group:
        for run_id in ("a", "late", "b", "late"):
            group.start_soon(write, run_id)
    assert told == ["late", "late"]
    assert [len(await store.load(run_id)) for run_id in ("a", "late", "b")] == [3, 1, 3]


@pytest.mark.parametrize("kind", [NotFoundError, ValueError])
async def test_work_that_fails_half_way_leaves_nothing(store: SqliteStore, kind: type[Exception]) -> None:
    """What a piece of work wrote before it failed is undone; what was written with it stays."""

    def half(transaction: Transaction) -> None:
        transaction.db.execute("INSERT INTO facts VALUES ('half', 1)")
        raise kind("no")

    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    failed: list[BaseException] = []

    async def fail() -> None:
        with pytest.raises(kind) as caught:
            await store.write(half)
        failed.append(caught.value)

    async with anyio.create_task_group() as group:
        group.start_soon(store.append, "r", 0, [FIRST])
        group.start_soon(fail)
        group.start_soon(store.append, "s", 0, [FIRST])
        await anyio.sleep(0.05)
        other.execute("COMMIT")
    other.close()
    assert len(failed) == 1
    assert await store.runs() in (["r", "s"], ["s", "r"])
    assert shell(store.path, "SELECT * FROM facts") == []


async def test_a_cancelled_append_that_waits_is_withdrawn(store: SqliteStore) -> None:
    """An append that is given up while another process holds the file never lands, however long it waited."""
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with anyio.move_on_after(0.05):
        await store.append("r", 0, [FIRST])
    other.execute("COMMIT")
    other.close()
    await store.append("s", 0, [FIRST])
    assert await store.runs() == ["s"]


async def test_time_never_goes_back(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of a run keep their order in time where the machine's clock is set back."""
    (first,) = await store.append("r", 0, [FIRST])
    monkeypatch.setattr("engine.durable.sqlite.writer.time.time", lambda: first.at - 3600)
    (second,) = await store.append("r", 1, numbered(1))
    assert second.at >= first.at


async def test_nothing_is_appended(store: SqliteStore) -> None:
    """An append of no events checks the head and writes nothing."""
    await store.append("r", 0, [FIRST])
    assert await store.append("r", 1, []) == []
    with pytest.raises(ConflictError):
        await store.append("r", 0, [])
    assert await store.append("new", 0, []) == []
    assert await store.runs() == ["r"]


async def test_two_stores_share_a_file(store: SqliteStore) -> None:
    """Two processes' appends at the same heads: one wins each, as within one."""
    other = SqliteStore(store.path)
    lost: list[int] = []

    async def write(one: SqliteStore) -> None:
        head = 0
        while head < 60:
            try:
                await one.append("r", head, numbered(1))
                head += 1
            except ConflictError as exc:
                lost.append(head)
                head = exc.details["head"]

    async with anyio.create_task_group() as group:
        for one in (store, other):
            group.start_soon(write, one)
    await other.aclose()
    records = await store.load("r")
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert len(records) >= 60


async def test_ending_is_not_delayed(tmp_path: Path) -> None:
    """A program that forgets to close its store ends at once, and what it was told is written is there."""
    code = (
        "import sys, anyio\n"
        "from engine.durable.sqlite.store import SqliteStore\n"
        "from tests.durable.contract import FIRST\n"
        "async def main():\n"
        "    store = SqliteStore(sys.argv[1])\n"
        "    await store.append('r', 0, [FIRST])\n"
        "    store.kept = anyio.lowlevel.current_token()\n"
        "anyio.run(main)\n"
    )
    path = tmp_path / "left.db"
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert await SqliteStore(path).runs() == ["r"]


async def test_a_closed_loop_harms_nothing(tmp_path: Path) -> None:
    """A store that one event loop used and left works in the next."""
    store = SqliteStore(tmp_path / "loops.db")
    heads: list[int] = []

    async def main(head: int) -> None:
        await store.append("r", head, numbered(1))
        async with anyio.create_task_group() as group:
            group.start_soon(store.wait, "r", 99)
            await anyio.sleep(0.01)
            heads.append(len(await store.load("r")))
            group.cancel_scope.cancel()

    def program() -> None:
        for head, backend in enumerate(("asyncio", "trio", "asyncio")):
            anyio.run(main, head, backend=backend)
        anyio.run(store.aclose)

    thread = threading.Thread(target=program)
    thread.start()
    await anyio.to_thread.run_sync(thread.join)
    assert heads == [1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
async def test_a_fork_harms_nothing(tmp_path: Path) -> None:
    """A child of a fork that uses the store opens its own connections, and the parent goes on."""
    code = (
        "import os, sys, anyio\n"
        "from engine.durable.sqlite.store import SqliteStore\n"
        "from tests.durable.contract import FIRST\n"
        "store = SqliteStore(sys.argv[1])\n"
        "anyio.run(store.append, 'parent', 0, [FIRST])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    anyio.run(store.append, 'child', 0, [FIRST])\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "anyio.run(store.append, 'parent', 1, [FIRST])\n"
        "print(anyio.run(store.runs))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "fork.db")], timeout=30, capture_output=True, text=True
    )
    assert done.stdout.strip() == "['parent', 'child']", done.stderr


@pytest.mark.parametrize("kills", [2, pytest.param(60, marks=pytest.mark.slow)])
async def test_a_killed_writer(tmp_path: Path, kills: int) -> None:
    """Kill −9 in the middle of appends, again and again: every acknowledged batch is there, none torn, none twice."""
    path, acknowledged = tmp_path / "runs.db", {"a": 0, "b": 0, "c": 0}
    for number in range(kills):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), *acknowledged], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(3 + number * 7 % 40):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read()
        process.wait()
        process.stdout.close()
        for line in rest.decode().splitlines(keepends=True):
            if line.endswith("\n"):
                acknowledged[line.split()[0]] = int(line.split()[1])
        store = SqliteStore(path)
        for run_id, head in acknowledged.items():
            records = await store.load(run_id) if run_id in await store.runs() else []
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            assert len(records) % 3 == 0
            assert len(records) >= head
        assert await store.check() == []
        await store.aclose()
