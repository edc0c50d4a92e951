"""A terminal for tests: runs a command on a pseudo-terminal and gives the screen as it stands at the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_TOKEN = re.compile(r"\x1b\[(?P<args>[?0-9;]*)(?P<code>[A-Za-z])|\x1b\][^\x07]*\x07|\x1b[()=>].?|[\r\n]|[^\x1b\r\n]+")


def screen(output: str) -> str:
    r"""Return what is to be read once ``output`` was written to an empty terminal; colours are left out.

    >>> screen("one\r\ntwo\r\x1b[2K\x1b[1A\x1b[2KONE\r\n")
    'ONE'
    """
    lines, row, column = [""], 0, 0
    for match in _TOKEN.finditer(output):
        code, text = match["code"], match[0]
        count = int(match["args"] or 1) if (match["args"] or "1").isdigit() else 1
        if text == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif text == "\r":
            column = 0
        elif code == "A":
            row = max(0, row - count)
        elif code == "B":
            row += count
            lines += [""] * (row + 1 - len(lines))
        elif code == "K":
            lines[row] = "" if match["args"] == "2" else lines[row][:column]
        elif code == "J":
            lines[row] = lines[row][:column]
            del lines[row + 1 :]
        elif code is None and not text.startswith("\x1b"):
            lines[row] = lines[row].ljust(column)[:column] + text + lines[row][column + len(text) :]
            column += len(text)
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], columns: int = 110, timeout_s: float = 60.0
) -> tuple[int, str]:
    """Run a command on a terminal of its own and return its exit code and the last screen.

    Raises:
        TimeoutError: It did not end; it was killed.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environ = {**env, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "50"}
    process = subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    try:
        output = _read(leader, time.monotonic() + timeout_s)
    except TimeoutError:
        process.kill()
        raise
    finally:
        os.close(leader)
        code = process.wait()
    return code, screen(output.decode("utf-8", "replace"))


def _read(leader: int, deadline: float) -> bytes:
    output = b""
    while True:
        if not select.select([leader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError("the command did not end")
        try:
            piece = os.read(leader, 65_536)
        except OSError:  # the other side is closed: Linux says EIO
            return output
        if not piece:
            return output
        output += piece
