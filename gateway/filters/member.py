"""One filter during one call: it is run within its time, and what comes of it is kept for the record."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import anyio

from gateway.filters.base import Blocked, BodyFilter, Session
from gateway.filters.decision import Annotate, Block, Decision
from schemas.errors import FilterBlockedError, FilterFailedError
from schemas.gateway import FilterSettings, Side

T = TypeVar("T")

_MOST_LINES = 20
_LONGEST_REASON = 300


class Member:
    """One filter of a chain; either ``session`` or ``body`` is its work.

    Args:
        settings: As configured.
        session: Of a built-in filter: its memory of this call.
        body: A filter of somebody else's.
    """

    __slots__ = ("_changed", "_lines", "_ms", "body", "name", "session", "settings")

    def __init__(self, settings: FilterSettings, session: Session | None, body: BodyFilter | None) -> None:
        self.name = settings.name
        self.settings = settings
        self.session = session
        self.body = body
        self._lines: list[Decision] = []
        self._changed: dict[Side, int] = {}
        self._ms: dict[Side, float] = {}

    def sees(self, side: Side) -> bool:
        """Whether it looks at this side."""
        return side in self.settings.on

    async def within(self, side: Side, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do its work in its time; None when it failed and the call goes on without it.

        Raises:
            FilterBlockedError: It says stop.
            FilterFailedError: It failed or was late, and is declared ``fail: closed``.

        Cancellation: the work is cancelled.
        """
        began = perf_counter()
        try:
            with anyio.fail_after(self.settings.timeout_s):
                return await work()
        except Blocked as exc:
            raise self.blocked(side, exc.block) from None
        except TimeoutError:
            self._fail(side, f"no decision within {self.settings.timeout_s:g} s")
        except Exception as exc:
            self.failed(side, exc)
        finally:
            self.took(side, began)
        return None

    def took(self, side: Side, began: float) -> None:
        """Add the time since ``began`` to what it needed on a side."""
        self._ms[side] = self._ms.get(side, 0.0) + (perf_counter() - began) * 1000

    def changed(self, side: Side) -> None:
        """Note that it gave back something else."""
        self._changed[side] = self._changed.get(side, 0) + 1

    def failed(self, side: Side, exc: Exception) -> None:
        """Note that it failed. Raises FilterFailedError where nothing goes on without it."""
        if isinstance(exc, FilterBlockedError | FilterFailedError):
            raise exc
        self._fail(side, f"it failed: {failure_of(exc)}")

    def annotated(self, side: Side, note: Annotate) -> None:
        """Note what it says."""
        self._note(Decision(self.name, side, "annotated", one_line(note.reason), self._ms.get(side, 0.0)))

    def blocked(self, side: Side, block: Block) -> FilterBlockedError:
        """Note that it says stop, and return the error that says so."""
        reason = one_line(block.reason) or "no reason given"
        self._note(Decision(self.name, side, "blocked", reason, self._ms.get(side, 0.0)))
        what = "request" if side == "input" else "answer"
        status = block.status if 400 <= block.status < 500 else FilterBlockedError.http_status
        return FilterBlockedError(
            f"the filter '{self.name}' refused the {what}: {reason}",
            details={"filter": self.name, "side": side, "reason": reason, "status": status},
        )

    def decided(self, side: Side) -> list[Decision]:
        """Return its lines for the record."""
        lines = [line for line in self._lines if line.side == side]
        if self.session is not None:
            changed, reason = self.session.said(side)
            if changed or reason:
                said = "changed" if changed else "annotated"
                lines.append(Decision(self.name, side, said, reason, self._ms.get(side, 0.0)))
        elif self._changed.get(side):
            lines.append(Decision(self.name, side, "changed", "", self._ms.get(side, 0.0)))
        return lines

    def _fail(self, side: Side, why: str) -> None:
        """Note a failure. Raises FilterFailedError where nothing goes on without it."""
        closed = self.settings.fail == "closed"
        ms = self._ms.get(side, 0.0)
        self._note(Decision(self.name, side, "failed_closed" if closed else "failed_open", why, ms))
        if closed:
            raise FilterFailedError(
                f"the filter '{self.name}' gave no decision: {why}",
                hint="fail: open lets calls go on without it",
                details={"filter": self.name, "side": side, "reason": why},
            ) from None

    def _note(self, line: Decision) -> None:
        said = (line.side, line.decision, line.reason)
        if len(self._lines) < _MOST_LINES and said not in ((one.side, one.decision, one.reason) for one in self._lines):
            self._lines.append(line)


def one_line(text: str) -> str:
    """Return a text of somebody else's in one line of bearable length."""
    return " ".join(text.split())[:_LONGEST_REASON]


def failure_of(exc: Exception) -> str:
    """Return what a filter raised: kind and place; its words are left out, they may hold the text it looked at."""
    if isinstance(exc, UnreadableError):
        return str(exc)
    frames = traceback.extract_tb(exc.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(exc).__name__}{where}"


class UnreadableError(Exception):
    """A filter gave back what is none of the things it may; says what in words of ours."""
