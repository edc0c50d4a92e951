"""What a tool's own exception means to the engine: failed for good, or worth another try."""

from __future__ import annotations

import dis
import errno
import functools
import math
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import anyio

from schemas.errors import EngineError, ToolFailedError, ToolUnavailableError

_NETWORK = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENETRESET,
        errno.ETIMEDOUT,
        errno.EPIPE,
        errno.EAGAIN,
    }
)
_BUSY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_MESSAGE = 500
_RAISE = dis.opmap["RAISE_VARARGS"]


def tool_failure(name: str, exc: BaseException) -> EngineError:
    """Return what a tool's exception is to the engine.

    An error of ours passes through. Timeouts, connection errors and HTTP answers that ask to come back later (found
    on the exception or on what it was raised ``from``) become ToolUnavailableError; anything else, SystemExit
    included, ToolFailedError with type and message on one line.
    """
    if isinstance(exc, EngineError):
        return exc
    message = f"tool '{name}' raised {describe(exc)}"
    details: dict[str, Any] = {"tool": name, "type": type(exc).__name__}
    for link in _causes(exc):
        status = _http_status(link)
        if status is not None:
            details["status"] = status
        if status in _BUSY_STATUS:
            wait = _retry_after_s(link)
            return ToolUnavailableError(
                message, details=details if wait is None else {**details, "retry_after_s": wait}
            )
        if status is None and _is_network(link):
            return ToolUnavailableError(message, details=details)
    return ToolFailedError(message, details=details)


def http_failure(
    message: str, status: int, headers: Mapping[str, str], *, hint: str = ""
) -> ToolFailedError | ToolUnavailableError:
    """Return what an HTTP error is to a tool: 408, 425, 429 and most of 5xx ask to come back later.

    Args:
        message: What failed, with the status.
        status: 400 or more.
        headers: By lower-case name; ``retry-after`` is heeded.
        hint: What to do about it.
    """
    details: dict[str, Any] = {"status": status}
    if status not in _BUSY_STATUS:
        return ToolFailedError(message, hint=hint, details=details)
    wait = _seconds(headers.get("retry-after", ""))
    if wait is not None:
        details["retry_after_s"] = wait
    return ToolUnavailableError(message, hint=hint, details=details)


def describe(exc: BaseException) -> str:
    """Return an exception's type and message on one line.

    >>> describe(KeyError("ticker"))
    "KeyError: 'ticker'"
    """
    try:
        text = " ".join(str(exc).split())
    except Exception:  # an exception whose own __str__ raises
        text = "(its message cannot be read)"
    if len(text) > _LONGEST_MESSAGE:
        text = text[: _LONGEST_MESSAGE - 1] + "…"
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def cancelled_from_outside() -> bool:
    """Tell whether the current task is being cancelled, as against a tool that raised a cancellation itself."""
    if anyio.get_current_task().has_pending_cancellation():
        return True
    # A task cancelled by plain asyncio code around us belongs to no scope of anyio. Looked up, not imported: tools
    # run on trio as well, where there is nothing to ask.
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio else None
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def interrupted(exc: BaseException) -> bool:
    """Tell whether an exception is the user's Ctrl-C, as against a KeyboardInterrupt that a tool raised itself.

    Signals arrive in the main thread only. Python's own handler raises between two instructions, any other (trio's,
    asyncio's) in a frame of its own; what a tool raises comes from a ``raise`` in the tool.
    """
    if not isinstance(exc, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread():
        return False
    frames = [*traceback.walk_tb(exc.__traceback__)]
    if not frames:
        return True
    handler: Any = signal.getsignal(signal.SIGINT)
    while isinstance(handler, functools.partial):
        handler = cast("Any", handler).func
    code = getattr(handler, "__code__", None)
    if any(frame.f_code is code for frame, _ in frames):
        return True
    place = frames[-1][0].f_code.co_code[_last(exc)]
    return place != _RAISE


def _last(exc: BaseException) -> int:
    """Where in its innermost frame an exception was raised."""
    at = exc.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at.tb_lasti if at is not None else 0


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The exception and what it was explicitly raised from."""
    link: BaseException | None = exc
    for _ in range(10):
        if link is None:
            return
        yield link
        link = link.__cause__


def _is_network(exc: BaseException) -> bool:
    if isinstance(exc, (TimeoutError, ConnectionError, socket.gaierror)):
        return True
    if isinstance(exc, OSError) and exc.errno in _NETWORK:
        return True
    reason = getattr(exc, "reason", None)  # urllib.error.URLError
    return isinstance(exc, OSError) and isinstance(reason, OSError) and _is_network(reason)


def _http_status(exc: BaseException) -> int | None:
    """Status of the HTTP answer an exception of urllib, requests, httpx or aiohttp carries."""
    response = getattr(exc, "response", None)
    for status in (
        getattr(response, "status_code", None),
        getattr(exc, "status", None),
        getattr(exc, "code", None),
    ):
        if isinstance(status, int) and not isinstance(status, bool) and 400 <= status < 600:
            return status
    return None


def _retry_after_s(exc: BaseException) -> float | None:
    headers = getattr(getattr(exc, "response", None), "headers", None) or getattr(exc, "headers", None)
    try:
        text = str(headers["retry-after"]) if headers else ""
    except (KeyError, TypeError):
        return None
    return _seconds(text)


def _seconds(text: str) -> float | None:
    """Return the seconds that a Retry-After asks for, given as a number or as a date."""
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
