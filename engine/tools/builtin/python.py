"""``run_python``: a short program in a sandboxed Python, by pydantic-monty.

Monty is an interpreter of its own, written in Rust, that knows a part of Python and has no files, no network, no
environment and no processes. Each call gets a fresh worker process (about 3 ms), so that nothing is left of the one
before and no crash reaches this process. Time, memory and recursion are limited inside the worker; a second after its
time limit the worker is killed from outside.

Source: pydantic-monty 1.4, ``ResourceLimits`` and ``Monty``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from pydantic import Field

from engine.tools.function import FunctionTool, tool
from schemas.errors import ToolFailedError
from schemas.settings import PythonSettings

if TYPE_CHECKING:
    from pydantic_monty import Frame, MontyError, MontySession

LONGEST_STDOUT = 20_000  # characters that are kept
DEEPEST_CALLS = 200
MODULES = "base64, bisect, collections, copy, csv, dataclasses, datetime, decimal, functools, hashlib, itertools, json, math, random, re, time, typing, unicodedata"  # noqa: E501 -- one list, as people read it
_LONGEST_SOURCE = 60
_GRACE_S = 5.0  # beyond the program's own time: starting the worker, handing values over, the kill from outside
_ASSIGNED = re.compile(r"([^\W\d]\w*)\s*(?::[^=]+)?=(?!=)")
# What has no value outside the sandbox arrives as its repr.
_STAND_INS = re.compile(r"<(?:function|class|module|bound method|built-in|[\w.]+ object)\b.{0,200}>|range\([-\d, ]+\)")
_HINTS = {
    "ModuleNotFoundError": f"there are {MODULES}",
    "ImportError": f"there are {MODULES}",
    "NotImplementedError": "write it without: no generators (yield), no class that inherits, no del",
    "PermissionError": "there are no files here: read them by another step and pass their content by inputs",
    "RecursionError": f"at most {DEEPEST_CALLS} calls deep: use a loop",
}


class Outcome(TypedDict):
    """What came of a program; truncated tells that it printed more than is kept."""

    value: Any
    stdout: str
    truncated: bool


def run_python(settings: PythonSettings) -> FunctionTool[Any, Outcome]:
    """Return the tool ``run_python`` with these limits."""

    @tool(effects="none", kind="builtin", timeout_s=settings.time_limit_s + _GRACE_S, expected_s=0.05)
    def run_python(
        code: Annotated[str, Field(min_length=1, max_length=50_000)], inputs: dict[str, Any] | None = None
    ) -> Outcome:
        """Run a short Python program in a sandbox, for loops, text and lists that no other tool handles.

        No files, no network, no packages; of the standard library json, math, re, datetime, collections, itertools,
        csv and the like. No generators, no class that inherits.

        Args:
            code: The program; its last line gives the value.
            inputs: Variables of the program by name, such as results of earlier steps.

        Returns:
            value, and what it printed.
        """
        printed = _Printed()
        value = _run(code, inputs or {}, printed, settings)
        return Outcome(value=value, stdout=printed.text, truncated=printed.truncated)

    return run_python


class _Printed:
    """What a program prints, as much as is kept of it."""

    def __init__(self) -> None:
        self.text = ""
        self.truncated = False

    def __call__(self, _stream: str, text: str) -> None:
        room = LONGEST_STDOUT - len(self.text)
        self.text += text[:room]
        self.truncated = self.truncated or len(text) > room


def _run(code: str, inputs: Mapping[str, Any], printed: _Printed, settings: PythonSettings) -> Any:
    import pydantic_monty as monty  # a tenth of a second: only when a program runs

    limits: monty.ResourceLimits = {
        "max_feed_duration_secs": settings.time_limit_s,
        "max_memory": settings.memory_mb * 1_000_000,
        "max_recursion_depth": DEEPEST_CALLS,
        "max_suspensions": 1_000,
    }
    try:
        with (
            monty.Monty(max_processes=1, request_timeout=settings.time_limit_s + 2) as pool,
            pool.checkout(limits=limits, os_policy={"sleep": "zero"}) as session,
        ):
            return _value(session, code, inputs, printed)
    except monty.MontyError as exc:
        raise _failure(exc, code, inputs, settings) from None
    except FileNotFoundError as exc:
        raise ToolFailedError(
            "run_python: the interpreter is not installed", hint="install pydantic-monty-runtime"
        ) from exc


def _value(session: MontySession, code: str, inputs: Mapping[str, Any], printed: _Printed) -> Any:
    value = session.feed_run(code, inputs=dict(inputs), print_callback=printed)
    name = _last_assigned(code) if value is None else None
    if name is not None:
        value = session.feed_run(name, print_callback=printed)
    if isinstance(value, str) and _STAND_INS.fullmatch(value):
        raise ToolFailedError(
            f"code: its value is {value}, which has no form outside the program",
            hint="end with a value of text, numbers, lists and dicts, such as list(…)",
        )
    return value


def _last_assigned(code: str) -> str | None:
    """Return the variable that the last statement at the left margin assigns, if it does.

    >>> _last_assigned("total = 0\\nfor n in (1, 2):\\n    total = n"), _last_assigned("a = [\\n  1,\\n]\\n# done")
    (None, 'a')
    """
    for line in reversed(code.splitlines()):
        if line and line[0] not in " \t#)]}":
            found = _ASSIGNED.match(line)
            return found[1] if found else None
    return None


def _failure(exc: MontyError, code: str, inputs: Mapping[str, Any], settings: PythonSettings) -> ToolFailedError:
    """Say in one line where the program failed, and what to write instead."""
    inner = exc.exception()
    kind, (message, *_) = type(inner).__name__, [*str(inner).splitlines(), ""]
    if getattr(exc, "timed_out", False) or "time limit" in message:
        return ToolFailedError(
            f"code: it took more than {settings.time_limit_s:g} s", hint="do less work, or split it over steps"
        )
    if kind == "MemoryError":
        return ToolFailedError(
            f"code: it needs more than {settings.memory_mb} MB of memory", hint="work on less data at a time"
        )
    line, source = _place(exc, code)
    hint = _HINTS.get(kind, "") if kind != "NameError" else f"inputs: {', '.join(inputs) or 'none'}"
    if kind == "NotImplementedError":
        message = message.replace("The monty syntax parser does not yet support", "this Python has no")
    where, shown = (f"line {line}: ", f" in `{source[:_LONGEST_SOURCE]}`") if source else ("", "")
    return ToolFailedError(
        f"code: {where}{kind}: {message[:300]}{shown}", hint=hint, details={"line": line, "exception": kind}
    )


def _place(exc: MontyError, code: str) -> tuple[int, str]:
    """Return the innermost line of the program that failed and what stands there; 0 and nothing when it has none."""
    trace: Callable[[], list[Frame]] | None = getattr(exc, "traceback", None)
    frames, lines = (trace() if trace else []), code.splitlines()
    line = frames[-1].line if frames else 0
    return line, lines[line - 1].strip() if 0 < line <= len(lines) else ""
