"""Standard output belongs to the engine: what a tool prints goes to standard error.

`engine run --json` writes one event a line; a ``print`` in a tool, or a line written by a C library or a child
process, must not land between two of them.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO, cast

_in_tool: ContextVar[bool] = ContextVar("engine_in_tool", default=False)


class ToolOutput:
    """Mark the calling task or thread as a tool's: with a guard in place, what it prints goes to standard error.

    Where standard output is closed (a service that was detached), a guard takes its place: a ``print`` is no failure.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _in_tool.set(True)
        if getattr(sys.stdout, "closed", False):
            sys.stdout = cast("TextIO", _Guard(sys.stdout))

    def __exit__(self, *_: object) -> None:
        _in_tool.reset(self._token)


@contextmanager
def guard_stdout() -> Generator[TextIO]:
    """Route what tools write to standard output to standard error while the block runs; give the engine's own stream.

    Outside tools, ``sys.stdout`` goes on working. What must never be rerouted, because it may be written while a tool
    is on the stack (an event caused by a tool's model call), is written to the stream given. Where standard output is
    a real file, descriptor 1 itself points to standard error meanwhile, so C libraries and child processes are caught.
    """
    before = sys.stdout
    before.flush()
    with _own_stream(before) as own:
        proxy = cast("TextIO", _Guard(own))
        sys.stdout = proxy
        try:
            yield own
        finally:
            if sys.stdout is proxy:
                sys.stdout = before


@contextmanager
def _own_stream(stdout: TextIO) -> Generator[TextIO]:
    """A stream on a private copy of descriptor 1, which is pointed to 2; ``stdout`` itself where it is no file."""
    try:
        real = stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        real = False
    if not real:
        yield stdout
        return
    interactive = stdout.isatty()
    private = os.dup(1)
    os.dup2(2, 1)
    raw = os.fdopen(private, "wb", closefd=False)
    own = io.TextIOWrapper(raw, stdout.encoding, stdout.errors, line_buffering=interactive)
    try:
        yield own
        own.flush()
    finally:
        os.dup2(private, 1)
        with suppress(OSError):  # a reader that went away was told by the flush above
            own.close()
        os.close(private)


class _Guard:
    """Stands in for ``sys.stdout``: a tool's writes go to standard error, everybody else's to the real stream."""

    def __init__(self, own: TextIO) -> None:
        self._own = own

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self._stream.writelines(lines)

    def flush(self) -> None:
        self._stream.flush()

    @property
    def buffer(self) -> Any:
        return self._stream.buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def _stream(self) -> TextIO:
        return _errors() if _in_tool.get() else self._own


class _Nowhere(io.TextIOBase):
    """Takes what nobody can read."""

    def write(self, text: str, /) -> int:
        return len(text)


def _errors() -> TextIO:
    """Standard error, where there is one that is open."""
    stderr = cast("TextIO | None", sys.stderr)
    return cast("TextIO", _Nowhere()) if stderr is None or getattr(stderr, "closed", False) else stderr
