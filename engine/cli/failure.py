"""How an exception ends the program: one line, and an exit code a script can act on."""

from __future__ import annotations

import errno
import os
import sys
import traceback

from schemas.errors import StoreError

OTHER = 1


def report(exc: BaseException, *, debug: bool) -> int:
    """Write what went wrong to stderr and return the exit code. Tracebacks only with ``debug``."""
    exc = _innermost(exc)
    if debug and not isinstance(exc, SystemExit):
        traceback.print_exception(exc)
    if isinstance(exc, SystemExit):
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    if isinstance(exc, KeyboardInterrupt):
        _say("error: cancelled")
        return 130
    if isinstance(exc, BrokenPipeError):
        _drop_stdout()
        return OTHER
    if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
        _drop_stdout()
        _say(error_line("the output cannot be written: no space left on the device"))
        return StoreError.exit_code
    exit_code = getattr(exc, "exit_code", None)
    if exit_code is not None:
        message, hint = str(getattr(exc, "message", exc)), str(getattr(exc, "hint", ""))
        if hasattr(exc, "format_message"):
            message, hint = exc.format_message().replace(": Value error, ", ": "), _usage_hint(exc)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownArgumentType]
        _say(error_line(str(message), hint))  # pyright: ignore[reportUnknownArgumentType]
        return int(exit_code)
    _say(error_line(f"unexpected {type(exc).__name__}: {exc}", "this is a fault of the engine; --debug shows where"))
    return OTHER


def error_line(message: str, hint: str = "") -> str:
    """Return the one line of an error.

    >>> error_line("no such file", "name another")
    'error: no such file (name another)'
    """
    line = f"error: {message} ({hint})" if hint else f"error: {message}"
    return "".join(c if c.isprintable() else " " for c in " ".join(line.split()))


def _innermost(exc: BaseException) -> BaseException:
    """Return the first error inside groups that task groups made of it; errors of ours before others."""
    while isinstance(exc, BaseExceptionGroup):
        members: tuple[BaseException, ...] = exc.exceptions  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        exc = next((member for member in members if hasattr(member, "exit_code")), members[0])
    return exc


def _usage_hint(exc: BaseException) -> str:
    context = getattr(exc, "ctx", None)
    return f"see `{context.command_path} --help`" if context is not None else "see `engine --help`"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _drop_stdout() -> None:
    """Keep the interpreter from complaining once more when it flushes stdout at exit.

    Source: https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
