"""The command line on a pseudo-terminal, as a person sits in front of it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from tests.cli.command import STATE, clean_environ
from tests.cli.forked import Command

HEIGHT = 50
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
_TOKEN = re.compile(r"\x1b\[(?P<args>[?0-9;]*)(?P<code>[A-Za-z])|\x1b\][^\x07]*\x07|\x1b[()=>].?|[\r\n]|[^\x1b\r\n]+")


class Terminal:
    """Starts ``engine`` on a terminal of its own; ``expect`` waits for text, ``type`` answers, ``end`` waits."""

    def __init__(self, *args: str, cwd: Path, width: int = 100, env: Mapping[str, str] | None = None, **more: str):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, width, 0, 0))
        self._raw = b""
        environ = clean_environ(XDG_STATE_HOME=str(cwd / STATE)) if env is None else env
        self._process = Command(args, cwd, {**environ, "TERM": "xterm", **more}, [os.ttyname(slave)] * 3)
        os.close(slave)

    @property
    def text(self) -> str:
        """What was written so far, without escape sequences."""
        return _ESCAPES.sub("", self.raw)

    @property
    def raw(self) -> str:
        """What was written so far."""
        return self._raw.decode("utf-8", "replace")

    @property
    def screen(self) -> str:
        """What stands on the screen now: the cursor's moves followed, what was overwritten gone."""
        return screen(self.raw)

    def expect(self, wanted: str, timeout_s: float = 30.0) -> None:
        """Wait until the text holds ``wanted``; fail when it does not come."""
        deadline = time.monotonic() + timeout_s
        while wanted not in self.text:
            assert self._read(deadline), f"{wanted!r} did not come:\n{self.text}"

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, line.encode() + b"\n")

    def type_end(self) -> None:
        """Press Ctrl-D."""
        os.write(self._master, b"\x04")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send(signal.SIGINT)

    def end(self, timeout_s: float = 30.0) -> int:
        """Wait for the end and return the exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(deadline):
            pass
        try:
            code = self._process.wait(max(0.1, deadline - time.monotonic()))
        except TimeoutError:
            raise AssertionError(f"it did not end:\n{self.text}") from None
        finally:
            os.close(self._master)
        return code

    def _read(self, deadline: float) -> bool:
        """Read what there is; return whether more may come."""
        if not select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side was closed
            return False
        self._raw += data
        return bool(data)


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
