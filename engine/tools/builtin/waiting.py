"""``wait``: the plan goes on at a time, or after a while; meanwhile the run holds no slot and, parked, no process."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio

from engine.tools.builtin.dates import find_zone, read_moment
from engine.tools.function import tool
from schemas.errors import ToolArgumentsError
from schemas.protocols import ToolContext

_AT_ONCE_S = 1.0
_LONGEST_S = 366 * 86_400.0


@tool(effects="none", kind="builtin", expected_s=0.001)
async def wait(
    context: ToolContext, seconds: float | None = None, until: str | None = None, time_zone: str = "UTC"
) -> str:
    """Wait so many seconds, or until a date and time, before the steps that depend on this one.

    Args:
        seconds: How long, such as 7200 for two hours.
        until: Until when instead, such as 2024-05-17T09:30 or tomorrow.
        time_zone: Time zone of until where it names none, such as Europe/Berlin, UTC or +02:00.

    Returns:
        The date and time it is then, in ISO form.
    """
    if (seconds is None) == (until is None):
        raise ToolArgumentsError("wait: give either seconds or until")
    zone = find_zone(time_zone)
    if not context.call.postponed:
        due_s = seconds if seconds is not None else _seconds_to(str(until), time_zone)
        if due_s > _LONGEST_S:
            raise ToolArgumentsError("wait: at most a year")
        if due_s > _AT_ONCE_S:
            context.postpone(seconds=due_s, reason=f"until {until}" if until else f"{seconds:g} s")
        await anyio.sleep(max(due_s, 0.0))
    return datetime.now(zone).isoformat(timespec="seconds")


def _seconds_to(until: str, time_zone: str) -> float:
    zone = find_zone(time_zone)
    moment = read_moment(until, zone)
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    return (whole - datetime.now(UTC)).total_seconds()
