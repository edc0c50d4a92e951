"""The person at the terminal: whether there is one, and what they type."""

from __future__ import annotations

import contextlib
import getpass
import os
import select
import shlex
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TextIO

import anyio
import anyio.to_thread

from schemas.errors import ConfigError

POLL_S = 0.1


def somebody_is_here() -> bool:
    """Return whether a person can be asked: both the questions and the answers need a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def moves_cursor(stream: TextIO) -> bool:
    """Return whether a live view can be drawn there."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


async def read_line(prompt: str) -> str | None:
    """Write a prompt to stderr and return the line typed, None at the end of input.

    Cancellation: returns within 0.1 s; a line typed later belongs to the next reader.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    gone = threading.Event()
    try:
        return await anyio.to_thread.run_sync(_wait_for_line, gone, abandon_on_cancel=True)
    finally:
        gone.set()


def _wait_for_line(gone: threading.Event) -> str | None:
    """Wait in short turns, since a blocking read of a terminal cannot be cancelled."""
    while not gone.is_set():
        with contextlib.suppress(OSError, ValueError):  # where select cannot wait for a terminal, the read blocks
            if not select.select([sys.stdin], [], [], POLL_S)[0]:
                continue
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None
    return None


def has_editor() -> bool:
    """Return whether $VISUAL or $EDITOR names an editor."""
    return bool(_editor())


async def edit_text(text: str, suffix: str = ".json") -> str:
    """Open text in the person's editor and return what they saved.

    Raises:
        ConfigError: There is no editor, or it failed.
    """
    command = _editor()
    if not command:
        raise ConfigError("no editor: $VISUAL and $EDITOR are not set", hint="export EDITOR=nano")
    return await anyio.to_thread.run_sync(_edit, shlex.split(command), text, suffix)


def _editor() -> str:
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def _edit(command: list[str], text: str, suffix: str) -> str:
    handle, name = tempfile.mkstemp(suffix=suffix, prefix="engine-")
    path = Path(name)
    try:
        os.close(handle)
        path.write_text(text, encoding="utf-8")
        done = subprocess.run([*command, name], check=False)
        if done.returncode != 0:
            raise ConfigError(f"the editor {command[0]} ended with {done.returncode}", hint="nothing was changed")
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"the editor {command[0]} cannot be started: {exc.strerror}") from None
    finally:
        path.unlink(missing_ok=True)


def me() -> str:
    """Return who sits here, as the system calls them; ``terminal`` where it does not say."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user: a container with a number only
        return "terminal"
