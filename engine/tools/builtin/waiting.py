"""``wait``: the plan goes on at a time, or after a while; meanwhile the run holds no slot and, parked, no process."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio

from engine.tools.builtin.dates import read_moment
from engine.tools.function import tool
from schemas.errors import ToolArgumentsError
from schemas.protocols import ToolContext

_AT_ONCE_S = 1.0
_LONGEST_S = 366 * 86_400.0


@tool(effects="none", kind="builtin", expected_s=0.001)
async def wait(context: ToolContext, seconds: float | None = None, until: str | None = None) -> str:
    """Wait some seconds, or until a time.

    Args:
        seconds: Such as 7200.
        until: Such as 2024-05-17T09:30+02:00 or tomorrow.

    Returns:
        The time then.
    """
    if (seconds is None) == (until is None):
        raise ToolArgumentsError("wait: give either seconds or until")
    if not context.call.postponed:
        due_s = seconds if seconds is not None else _seconds_to(str(until))
        if due_s > _LONGEST_S:
            raise ToolArgumentsError("wait: at most a year")
        if due_s > _AT_ONCE_S:
            context.postpone(seconds=due_s, reason=f"until {until}" if until else f"{seconds:g} s")
        await anyio.sleep(max(due_s, 0.0))
    return datetime.now(UTC).isoformat(timespec="seconds")


def _seconds_to(until: str) -> float:
    """Seconds until a moment; one without a zone is in UTC."""
    moment = read_moment(until, UTC)
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return (whole - datetime.now(UTC)).total_seconds()
