"""Processes of the command line that start with its modules read: each is forked by a server that read them once.

A process made so is a user's in all but the second it would take to import: session, folder, environment, streams,
exit code and handlers at exit are its own. What is about the start itself (imports, closed streams) starts Python.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import engine.cli

ROOT = Path(__file__).parents[2]
LATE = ("engine.durable.sqlite", "gateway.providers.offline", "anyio._backends._asyncio", "encodings.idna")
"""What the commands read when they need it."""


class Command:
    """A process that runs one command; where its streams lead are paths of files or of a terminal."""

    def __init__(self, args: Sequence[str], cwd: Path, environ: Mapping[str, str], streams: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_server(), [b"."], [theirs.fileno()])
        order = {"args": args, "cwd": str(cwd), "environ": dict(environ), "streams": streams}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        self._told = self._socket.makefile()
        self.pid = int(self._told.readline())

    def wait(self, timeout_s: float) -> int:
        """Return its exit code once it has ended.

        Raises:
            TimeoutError: It did not end in time; it is killed.
        """
        self._socket.settimeout(timeout_s)
        try:
            return int(self._told.readline())
        except TimeoutError:
            self.send(signal.SIGKILL)
            raise
        finally:
            self._told.close()
            self._socket.close()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


@cache
def _server() -> socket.socket:
    """Start the server; it ends when this process does."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forked", str(theirs.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONUTF8": "1"},
            start_new_session=True,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def serve(control: socket.socket) -> None:
    """Fork for everyone who connects, until the other side has gone."""
    commands = (f"engine.cli.{module.name}" for module in pkgutil.iter_modules(engine.cli.__path__))
    for name in (*commands, *LATE):
        if name != "engine.cli.__main__":
            importlib.import_module(name)
    gc.freeze()
    while True:
        message, descriptors, *_ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        client = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            control.close()
            _keep(client)
        client.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _keep(client: socket.socket) -> None:
    """Fork the command, and tell its id and how it ended."""
    order = json.loads(client.makefile().readline())
    pid = os.fork()
    if pid == 0:
        _become(client, **order)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):  # nobody waits any more
        client.sendall(f"{code}\n".encode())
    os._exit(0)


def _become(
    client: socket.socket, args: Sequence[str], cwd: str, environ: Mapping[str, str], streams: Sequence[str]
) -> None:
    """Be the process that was ordered, to its end; say its id once its streams are open."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    for number, path in enumerate(streams):
        mode = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(path, mode | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)
    client.sendall(f"{os.getpid()}\n".encode())
    client.close()
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", closefd=False)
    sys.argv = ["engine", *args]
    sys.path[0] = cwd
    sys.exit(engine.cli.main())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
