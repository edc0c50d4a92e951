"""A real Postgres for tests: a private cluster in a temporary folder, started once a process, stopped at its end.

Fixtures: ``cluster`` (the running server, once a session) and ``postgres_url`` (a new, empty database for each test).
ENGINE_TEST_POSTGRES names another server's URL (its user may create databases); nothing is started or stopped then.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

NO_POSTGRES = "initdb is not installed: tests on a real Postgres are skipped"
NO_CONTROL = "ENGINE_TEST_POSTGRES is set: tests that stop the server are skipped"
USER, PASSWORD = "engine", "s3cret/word"
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "jit": "off",
    "log_min_messages": "fatal",
}
START_S = 30.0


class Cluster:
    """A Postgres server.

    Args:
        settings: Put over ``SETTINGS``, for instance ``fsync="on"`` where durability is measured.

    Attributes:
        url: A URL of its maintenance database, password included.
        folder: Where its files are.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="engine-pg-", dir="/tmp" if Path("/tmp").is_dir() else None))
        self.url = ""
        self._binaries = binaries()
        self._settings = {**SETTINGS, **(settings or {})}
        self._account = "postgres" if _is_root() and _known("postgres") else "nobody" if _is_root() else None
        self._server: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._databases = itertools.count(1)

    def create(self) -> None:
        """Write the cluster's files and start it."""
        self.own(self.folder)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", str(self.data), "-U", USER, "--pwfile", str(secret), "--auth-local=trust",
            "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it, on the port it had before."""
        for _ in range(5):
            self._port = self._port or _free_port()
            self.url = f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self._port}/postgres"
            options = {"port": str(self._port), "listen_addresses": "127.0.0.1", **self._settings}
            with (self.folder / "log").open("ab") as log:
                self._server = subprocess.Popen(
                    [
                        str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self.folder),
                        *itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in options.items()),
                    ],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, **self._as_account(),
                )  # fmt: skip
            self._watchdog = subprocess.Popen(  # its input ends when this process does, however it does
                ["sh", "-c", f"cat >/dev/null; kill -QUIT {self._server.pid}"], stdin=subprocess.PIPE
            )
            if self._wait_ready():
                return
            self._port = 0  # somebody else took it meanwhile
        pytest.fail(f"Postgres does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions and writes what is to be written, SIGQUIT breaks off as a crash does."""
        if self._server is not None:
            if self._watchdog is not None and self._watchdog.stdin is not None:
                self._watchdog.kill()
                self._watchdog.wait()
                self._watchdog.stdin.close()
            self._server.send_signal(how)
            self._server.wait(timeout=START_S)
            self._server = None

    def remove(self) -> None:
        """Stop it and remove its files."""
        with contextlib.suppress(Exception):
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{os.getpid()}_{next(self._databases)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return with_database(self.url, name)

    def execute(self, statement: str, url: str = "") -> list[tuple[object, ...]]:
        """Execute one statement, as the owner, and return its rows."""
        psycopg = pytest.importorskip("psycopg")
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut(self, url: str) -> int:
        """End every session of a database as an operator would (pg_terminate_backend); return how many there were."""
        database = urlsplit(url).path.lstrip("/")
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        return len(self.execute(query))

    def own(self, folder: Path) -> None:
        """Give a folder to the account that the server runs as."""
        if self._account:
            shutil.chown(folder, self._account, _group(self._account))

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", **self._as_account())
        if done.returncode:
            pytest.fail(f"{program} failed: {done.stderr[-2000:]}")

    def _as_account(self) -> dict[str, object]:
        if self._account is None:
            return {}
        return {"user": self._account, "group": _group(self._account), "extra_groups": []}

    def _wait_ready(self) -> bool:
        assert self._server is not None
        until = time.monotonic() + START_S
        status = self.data / "postmaster.pid"
        while time.monotonic() < until and self._server.poll() is None:
            with contextlib.suppress(OSError):
                lines = status.read_text().splitlines()
                if len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(self._server.pid):
                    return True
            time.sleep(0.01)
        return False


class _Given(Cluster):
    """The server of ENGINE_TEST_POSTGRES: databases come and go, the server stays as it is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._databases = itertools.count(1)
        self._made: list[str] = []

    def database(self) -> str:
        url = super().database()
        self._made.append(urlsplit(url).path.lstrip("/"))
        return url

    def start(self) -> None:
        pytest.skip(NO_CONTROL)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        pytest.skip(NO_CONTROL)

    def remove(self) -> None:
        for name in self._made:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def binaries() -> Path:
    """Return the folder of Postgres' server programs; the test is skipped without, and fails in CI."""
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    if os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail("initdb is not installed, and in CI nothing is skipped: apt-get install postgresql")
    pytest.skip(NO_POSTGRES)


def running(settings: Mapping[str, str] | None = None) -> Cluster:
    """Create and start a cluster of one's own; it ends with the process at the latest."""
    new = Cluster(settings)
    atexit.register(new.remove)
    new.create()
    return new


def with_database(url: str, name: str) -> str:
    """Return a server's URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Postgres server for everyday tests: it is fast, and does not fsync."""
    given = os.environ.get("ENGINE_TEST_POSTGRES")
    server = _Given(given) if given else running()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(cluster: Cluster) -> str:
    """The URL of a new, empty database."""
    return cluster.database()


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.parent.name.split(".") if part.isdigit())


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _known(account: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def _group(account: str) -> int:
    import pwd

    return pwd.getpwnam(account).pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
