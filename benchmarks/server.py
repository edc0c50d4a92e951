"""A Postgres of one's own: a private cluster in a temporary folder, which ends with the process at the latest.

For benchmarks and tests. ``initdb`` refuses root, so root starts it as another user.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, LiteralString, cast
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

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


class NotInstalledError(Exception):
    """There are no server programs of Postgres on this machine."""


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
        self._server: subprocess.Popen[Any] | None = None
        self._watchdog: subprocess.Popen[Any] | None = None
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
        """Start it, on the port it had before.

        Raises:
            RuntimeError: It does not start; its log says why.
        """
        for _ in range(5):
            self._port = self._port or _free_port()
            self.url = f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self._port}/postgres"
            options = {"port": str(self._port), "listen_addresses": "127.0.0.1", **self._settings}
            with (self.folder / "log").open("ab") as log:
                started: subprocess.Popen[Any] = subprocess.Popen(
                    [
                        str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self.folder),
                        *itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in options.items()),
                    ],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, **self._as_account(),
                )  # fmt: skip
            self._server = started
            self._watchdog = subprocess.Popen(  # its input ends when this process does, however it does
                ["sh", "-c", f"cat >/dev/null; kill -QUIT {started.pid}; sleep 2; rm -rf '{self.folder}'"],
                stdin=subprocess.PIPE,
            )
            if self._wait_ready():
                return
            self._port = 0  # somebody else took it meanwhile
        raise RuntimeError(f"Postgres does not start: {(self.folder / 'log').read_text()[-2000:]}")

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
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            cursor = connection.execute(cast("LiteralString", statement))
            return cursor.fetchall() if cursor.description else []

    def empty(self, url: str) -> None:
        """End the sessions of a database and drop all that is in it: a tenth of what a new database writes to disk."""
        self.cut(url)
        names = self.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'", url)
        drops = "".join(f'DROP SCHEMA "{name}" CASCADE; ' for (name,) in names)
        self.execute(f"{drops} CREATE SCHEMA public", url)

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
            raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")

    def _as_account(self) -> dict[str, Any]:
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


def binaries() -> Path:
    """Return the folder of Postgres' server programs.

    Raises:
        NotInstalledError: There are none.
    """
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotInstalledError("initdb is not installed (apt-get install postgresql)")


def running(settings: Mapping[str, str] | None = None) -> Cluster:
    """Create and start a cluster of one's own; it ends with the process at the latest.

    Raises:
        NotInstalledError: Postgres is not installed.
    """
    new = Cluster(settings)
    atexit.register(new.remove)
    new.create()
    return new


def with_database(url: str, name: str) -> str:
    """Return a server's URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.parent.name.split(".") if part.isdigit())


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _known(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def _group(account: str) -> int:
    return pwd.getpwnam(account).pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
