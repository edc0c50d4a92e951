"""Exceptions of tools, translated."""

from __future__ import annotations

import errno
import signal
import socket
from email.message import Message
from types import SimpleNamespace
from urllib.error import HTTPError, URLError

import pytest

from engine.tools.failures import describe, interrupted, tool_failure
from schemas.errors import CostBudgetError, ToolFailedError, ToolUnavailableError


def http_error(status: int, retry_after: str | None = None) -> Exception:
    """An exception as requests and httpx raise it."""
    error = RuntimeError("status")
    headers = {} if retry_after is None else {"retry-after": retry_after}
    error.response = SimpleNamespace(status_code=status, headers=headers)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("slow"),
        ConnectionRefusedError(),
        socket.gaierror("no such host"),
        OSError(errno.ENETUNREACH, "unreachable"),
        URLError(ConnectionResetError()),
        HTTPError("http://x", 503, "busy", Message(), None),
        http_error(429),
    ],
)
def test_a_network_failure_may_be_retried(error: Exception) -> None:
    """Timeouts, connections and busy servers are worth another try."""
    assert isinstance(tool_failure("t", error), ToolUnavailableError)


@pytest.mark.parametrize(
    "error", [ValueError("x"), FileNotFoundError("x"), http_error(404), KeyError("x"), SystemExit(3)]
)
def test_any_other_exception_is_final(error: BaseException) -> None:
    """What would fail again is not retried."""
    failure = tool_failure("t", error)
    assert type(failure) is ToolFailedError
    assert type(error).__name__ in failure.message


def test_the_cause_is_looked_at() -> None:
    """A library's own exception raised from a connection error is a connection error."""
    error = RuntimeError("client failed")
    error.__cause__ = ConnectionResetError()
    assert tool_failure("t", error).retryable


@pytest.mark.parametrize(("header", "seconds"), [("12", 12.0), ("-1", None), ("soon", None), ("nan", None)])
def test_retry_after_is_carried(header: str, seconds: float | None) -> None:
    """The seconds a server asks to wait reach the retry layer; nonsense does not."""
    failure = tool_failure("t", http_error(503, header))
    assert isinstance(failure, ToolUnavailableError)
    assert failure.retry_after_s == seconds


def test_an_error_of_ours_passes_through() -> None:
    """A budget error raised inside a tool stays a budget error."""
    error = CostBudgetError("used up")
    assert tool_failure("t", error) is error


def test_a_message_is_one_line() -> None:
    """Line breaks and endless messages are tamed, and a broken __str__ is survived."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert len(describe(ValueError("x" * 9999))) < 600
    assert "cannot be read" in describe(BrokenError())


def test_ctrl_c_is_told_from_what_a_tool_raises() -> None:
    """A KeyboardInterrupt that a signal caused is the user's; one that a tool raised is the tool's."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as pressed:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(KeyboardInterrupt) as raised:
        raise KeyboardInterrupt
    assert (interrupted(pressed.value), interrupted(raised.value)) == (True, False)
