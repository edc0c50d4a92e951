"""The base of every error raised on purpose, and errors as data; the tree is drawn in ``schemas.errors``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from schemas.result import ErrorInfo


class EngineError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: One line: what is wrong and where.
        hint: One line: what to do about it; empty when there is nothing to do.
        details: JSON-able facts for programs (paths, limits, names); they survive pickling and JSON.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    @property
    def status(self) -> int:
        """The HTTP status of this one error: its class's, unless it says another."""
        return self.http_status

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.code, self.message, self.hint, self.details)

    def to_info(self) -> ErrorInfo:
        """Return the error as data, for events, results and HTTP bodies."""
        return ErrorInfo(
            code=self.code, message=self.message, hint=self.hint, retryable=self.retryable, details=self.details
        )


def described(exc: BaseException) -> str:
    """Return somebody else's exception in one line, for a message of ours.

    >>> described(KeyError("a"))
    "KeyError: 'a'"
    """
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text[:300]}" if text else type(exc).__name__


def error_classes() -> dict[str, type[EngineError]]:
    """Return every error class by its code."""
    found: dict[str, type[EngineError]] = {}
    todo: list[type[EngineError]] = [EngineError]
    while todo:
        cls = todo.pop()
        found[cls.code] = cls
        todo.extend(cls.__subclasses__())
    return found


def from_info(info: ErrorInfo) -> EngineError:
    """Rebuild the exception that ``EngineError.to_info`` described; an unknown code gives the base class."""
    return _rebuild(info.code, info.message, info.hint, dict(info.details))


def _rebuild(code: str, message: str, hint: str, details: dict[str, Any]) -> EngineError:
    return error_classes().get(code, EngineError)(message, hint=hint, details=details)
