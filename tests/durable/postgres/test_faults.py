"""What can go wrong with a server, each in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import anyio
import psycopg
import pytest

from engine.durable.postgres import bell
from engine.durable.postgres.store import PostgresStore
from schemas.errors import ConfigError, StoreError
from schemas.events import PlanStarted
from tests.durable.cluster import PASSWORD, Cluster, running, with_database
from tests.durable.contract import FIRST
from tests.durable.postgres.proxy import between

pytestmark = pytest.mark.anyio


async def refused(url: str, patience_s: float = 0.3) -> StoreError:
    """The error of opening a store there: one line, with a hint, without the password."""
    with pytest.raises(StoreError) as caught:
        await PostgresStore.open(url, patience_s=patience_s)
    error = caught.value
    told = f"{error.message} {error.hint} {error.details}"
    assert "\n" not in told
    assert error.hint
    assert PASSWORD not in told
    assert quote(PASSWORD, safe="") not in told
    return error


async def test_no_server(postgres_url: str) -> None:
    """Nobody listens there: said so, and it may pass."""
    error = await refused(postgres_url.replace(f":{urlsplit(postgres_url).port}/", ":1/"))
    assert "cannot be reached: Connection refused" in error.message
    assert error.details["retryable"]


async def test_a_wrong_password(postgres_url: str) -> None:
    """Refused at once, without trying again, and nothing of the password is told."""
    error = await refused(postgres_url.replace(quote(PASSWORD, safe=""), "wr0ng"), patience_s=60)
    assert "refuses the password of user 'engine'" in error.message
    assert "wr0ng" not in error.message
    assert not error.details["retryable"]


async def test_no_such_database_or_user(postgres_url: str) -> None:
    """A database that is not there is named, at once."""
    error = await refused(with_database(postgres_url, "nowhere"), patience_s=60)
    assert "there is no database 'nowhere'" in error.message
    assert not error.details["retryable"]


async def test_a_user_without_rights(cluster: Cluster, postgres_url: str) -> None:
    """Who may not create the tables is told whom to ask for what; once they are there, no such right is needed."""
    cluster.execute("DROP ROLE IF EXISTS guest")
    cluster.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = postgres_url.replace(f"engine:{quote(PASSWORD, safe='')}", "guest:guest")
    error = await refused(guest, patience_s=60)
    assert "guest may not create them" in error.message
    assert error.hint == "as the database's owner: CREATE SCHEMA engine AUTHORIZATION guest"
    await (await PostgresStore.open(postgres_url)).aclose()
    error = await refused(guest, patience_s=60)
    assert "permission denied" in error.message
    for grant in ("USAGE ON SCHEMA", "ALL ON ALL TABLES IN SCHEMA"):
        cluster.execute(f"GRANT {grant} engine TO guest", postgres_url)
    store = await PostgresStore.open(guest)
    await store.append("r", 0, [FIRST])
    await store.aclose()


async def test_a_server_that_takes_no_more(cluster: Cluster, postgres_url: str) -> None:
    """A database that is full of connections says so, and that it may pass."""
    cluster.execute("DROP ROLE IF EXISTS lonely")
    cluster.execute("CREATE ROLE lonely LOGIN PASSWORD 'lonely' CONNECTION LIMIT 0")
    error = await refused(postgres_url.replace(f"engine:{quote(PASSWORD, safe='')}", "lonely:lonely"))
    assert "takes no more connections" in error.message
    assert error.details["retryable"]


async def test_a_locked_row_delays_its_own_run_only(postgres_url: str) -> None:
    """While somebody's session holds a run's row, appends to it fail after a while; those to other runs do not."""
    store = await PostgresStore.open(f"{postgres_url}?options=-c%20lock_timeout%3D50ms", patience_s=0.3)
    for run_id in ("held", "free"):
        await store.append(run_id, 0, [FIRST])
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM engine.runs WHERE id = 'held' FOR UPDATE")
        async with anyio.create_task_group() as group:
            group.start_soon(store.append, "free", 1, [PlanStarted()])
            with pytest.raises(StoreError, match="is blocked: another session holds a lock") as caught:
                await store.append("held", 1, [PlanStarted()])
        assert caught.value.details["retryable"]
    assert len(await store.append("held", 1, [PlanStarted()])) == 1
    assert len(await store.load("free")) == 2
    await store.aclose()


async def test_a_connection_that_was_cut(store: PostgresStore, cluster: Cluster, postgres_url: str) -> None:
    """A call that meets a connection which was cut meanwhile is made again on another; nobody sees anything of it."""
    await store.append("r", 0, [FIRST])
    for _ in range(2):
        assert cluster.cut(postgres_url) >= 1
        assert len(await store.load("r")) == 1
        cluster.cut(postgres_url)
        assert not await store.beat("nobody")


async def test_a_statement_that_takes_too_long(postgres_url: str) -> None:
    """A statement beyond the administrator's limit is broken off, and said to be."""
    store = await PostgresStore.open(f"{postgres_url}?options=-c%20statement_timeout%3D50ms", patience_s=0.1)
    with pytest.raises(StoreError, match="broke a statement off: it took too long") as caught:
        await store.database.fetch("SELECT pg_sleep(5)")
    assert caught.value.details["retryable"]
    await store.aclose()


async def test_a_pooler_in_transaction_mode(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where notifications are swallowed, waiting is an error that names the cause, not a wait without end."""
    async with between(postgres_url) as pooler:
        pooler.swallow = b"A"
        monkeypatch.setattr(bell, "PROOF_S", 0.5)
        store = await PostgresStore.open(pooler.url)
        await store.append("r", 0, [FIRST])
        with pytest.raises(StoreError, match="do not arrive") as caught, anyio.fail_after(20):
            await store.wait("r", 1)
        assert "pooler in transaction mode" in caught.value.hint
        await store.aclose()


async def test_another_event_loop() -> None:
    """A program that runs on trio is told at once what to do."""

    async def opens() -> None:
        with pytest.raises(ConfigError, match="asyncio only"):
            await PostgresStore.open("postgresql:///d")

    await anyio.to_thread.run_sync(lambda: anyio.run(opens, backend="trio"))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 2 MB; where none can be mounted the test is skipped."""
    folder = Path(tempfile.mkdtemp(prefix="engine-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0777", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small disk cannot be mounted here: it takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
async def cramped(small_disk: Path) -> AsyncIterator[tuple[Cluster, PostgresStore, Path]]:
    """A store whose events lie on the small disk."""
    cluster = await anyio.to_thread.run_sync(running)
    url = cluster.database()
    store = await PostgresStore.open(url, patience_s=0.2)
    space = small_disk / "space"
    space.mkdir(mode=0o777)
    space.chmod(0o777)
    cluster.own(space)
    cluster.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
    cluster.execute("ALTER TABLE engine.events SET TABLESPACE small", url)
    yield cluster, store, small_disk
    await store.aclose()
    cluster.stop(signal.SIGQUIT)
    cluster.remove()


async def test_a_full_disk(cramped: tuple[Cluster, PostgresStore, Path]) -> None:
    """A full disk is said, nothing is half written, and the same append goes through once there is room."""
    _, store, disk = cramped
    await store.append("r", 0, [FIRST])
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(b"x" * (free.f_bavail * free.f_bsize))
    head, error = 1, None
    while error is None:
        try:
            head += len(await store.append("r", head, [PlanStarted(revision=number) for number in range(50)]))
        except StoreError as exc:
            error = exc
    assert "the disk of" in error.message
    assert "is full: nothing was written" in error.message
    assert error.details["retryable"]
    assert len(await store.load("r")) == head
    filler.unlink()
    assert len(await store.append("r", head, [PlanStarted()])) == 1
