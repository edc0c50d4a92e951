"""Runs that recur: when each is due, and what the configuration says of them.

When something is due is a pure function of its schedule and of where it began, so that every process on a store comes
to the same times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator, model_validator

from schemas.accounts import time_zone
from schemas.agents import NAME
from schemas.durations import seconds_of, shown_seconds
from schemas.errors import ConfigError
from schemas.events import ApproveMode, Mode
from schemas.result import Record

MOST_COUNTED = 1_000
"""Of times that were missed no more are counted."""

_LONGEST_TASK = 1_000_000
_LONGEST_S = 366 * 86_400.0
_LOOKS_BACK_S = (3_600.0, 86_400.0, 32 * 86_400.0, 370 * 86_400.0, 9 * 366 * 86_400.0)


class ScheduleSettings(Record):
    """A task that is done again and again. Exactly one of every, daily, cron says when.

    Attributes:
        name: Unique among the schedules of its user.
        task: What each run is asked for.
        every: So long after it began, and again and again: seconds, or ``90s``, ``5 min``, ``1h30m``; 1 s to 366 days.
        daily: At this time of day (``09:30``), in ``zone``.
        cron: Five fields, minute to weekday, in ``zone``.
        zone: A time zone by its IANA name. What is due in an hour that a change to daylight saving leaves out is done
            right after it; what is due in an hour that comes twice is done once.
        assistant: In whose name its runs are; empty: the engine's own.
        mode, approve: As an assistant has them; where they are left out, the assistant's count.
        user: Whose its runs are: the name of a key, for its budget and limits; empty: nobody's in particular.
        run_usd, run_tokens, run_seconds, max_steps, max_replans, max_parallel: Caps of one run; never above those of
            its assistant.
        overlap: What is done while the run before still goes on or waits: ``skip`` leaves the time out, ``allow``
            starts another beside it.
        missed: What is done about times at which no process was there to start a run: ``once`` starts one run for all
            of them, ``skip`` none.
        enabled: Whether it starts runs.
    """

    name: str = Field(pattern=NAME)
    task: str = Field(min_length=1, max_length=_LONGEST_TASK)
    every: float | str | None = None
    daily: str | None = None
    cron: str | None = None
    zone: str = "UTC"
    assistant: str = Field(default="", max_length=200)
    mode: Mode = "auto"
    approve: ApproveMode | None = None
    user: str = Field(default="", max_length=200)
    run_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    run_tokens: int | None = Field(default=None, ge=1)
    run_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_steps: int | None = Field(default=None, ge=1)
    max_replans: int | None = Field(default=None, ge=0)
    max_parallel: int | None = Field(default=None, ge=1)
    overlap: Literal["skip", "allow"] = "skip"
    missed: Literal["once", "skip"] = "once"
    enabled: bool = True

    @field_validator("task")
    @classmethod
    def _says_something(cls, task: str) -> str:
        if not task.strip():
            raise ValueError("a task, not an empty text")
        return task.strip()

    @field_validator("every", mode="before")
    @classmethod
    def _is_a_length(cls, given: object) -> object:
        if given is None:
            return None
        if isinstance(given, bool) or not isinstance(given, (int, float, str)):
            raise ValueError("seconds, or a text such as 90s, 5 min, 1h30m")
        seconds = _seconds(given)
        if not 1 <= seconds <= _LONGEST_S:
            raise ValueError("a time of 1 s to 366 days, such as 300 or 5 min")
        return seconds

    @field_validator("daily")
    @classmethod
    def _is_a_time_of_day(cls, given: str | None) -> str | None:
        if given is None:
            return None
        hour, colon, minute = given.strip().partition(":")
        right = colon and all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (hour, minute))
        if not right or int(hour) > 23 or int(minute) > 59 or len(minute) != 2:
            raise ValueError("a time of day from 00:00 to 23:59, such as 09:30")
        return f"{int(hour):02}:{minute}"

    @field_validator("cron")
    @classmethod
    def _is_a_cron_line(cls, given: str | None) -> str | None:
        if given is None:
            return None
        if len(given.split()) != 5:
            raise ValueError("five fields: minute, hour, day of month, month, weekday; such as 30 9 * * 1-5")
        try:
            next(CronSim(given, datetime(2024, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration) as exc:
            why = str(exc) or "no such day ever comes"
            raise ValueError(f"a cron line such as 30 9 * * 1-5 ({why[0].lower()}{why[1:]})") from None
        return given.strip()

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            time_zone(zone)
        except ConfigError:
            raise ValueError("a time zone by its IANA name, such as UTC or Europe/Berlin") from None
        return zone

    @model_validator(mode="after")
    def _is_due_in_one_way(self) -> ScheduleSettings:
        told = [kind for kind in ("every", "daily", "cron") if getattr(self, kind) is not None]
        if len(told) != 1:
            found = " and ".join(told) or "none of them"
            raise ValueError(f"exactly one of every, daily, cron; schedule {self.name!r} has {found}")
        return self

    @property
    def timing(self) -> str:
        """When it is due, for people; schedules that are due alike say the same."""
        if self.every is not None:
            return f"every {shown_seconds(float(self.every))}"
        return f"{f'daily {self.daily}' if self.daily else f'cron {self.cron}'} {self.zone}"

    def next_due(self, after: float, began: float) -> float:
        """Return the first Unix time beyond ``after`` at which it is due.

        Args:
            after: Unix time.
            began: When it began (Unix time): what ``every`` counts from.

        >>> ScheduleSettings(name="a", task="t", every="5 min").next_due(1_000.0, 1_000.0)
        1300.0
        """
        if self.every is not None:
            every = float(self.every)
            return began + every * max(1, int((after - began) // every) + 1)
        return next(self._times(after))

    def last_due(self, after: float, until: float, began: float) -> tuple[float, int] | None:
        """Return the latest time it was due beyond ``after`` and up to ``until``, and how many there were.

        They are counted up to ``MOST_COUNTED``. None: there was none.
        """
        first = self.next_due(after, began)
        if first > until:
            return None
        if self.every is not None:
            every = float(self.every)
            count = int((until - first) // every) + 1
            return first + (count - 1) * every, min(count, MOST_COUNTED)
        count = 0
        for _ in self._up_to(after, until):
            count += 1
            if count == MOST_COUNTED:
                break
        for back in _LOOKS_BACK_S:
            found = list(self._up_to(max(after, until - back), until))
            if found:
                return found[-1], count
        return first, count

    def _up_to(self, after: float, until: float) -> Iterator[float]:
        for due in self._times(after):
            if due > until:
                return
            yield due

    def _times(self, after: float) -> Iterator[float]:
        """Yield the times beyond one at which it is due, by the clock of its zone."""
        before = after
        start = datetime.fromtimestamp(int(after // 1), time_zone(self.zone))
        for due in CronSim(_line(self.cron) if self.cron else _daily(self.daily or ""), start):
            at = due.timestamp()
            if at > before:  # two that a change of the clock throws together are one
                before = at
                yield at


def _line(cron: str) -> str:
    """Return a line with its stars in front of a step written out.

    For the library a star means "all the time, whatever the clock says": hours left out or doubled by a change of the
    clock would be left out or doubled.

    >>> _line("*/30 2 * * *")
    '0-59/30 2 * * *'
    """
    minute, hour, *days = cron.split()
    if hour == "*":
        return cron
    return " ".join((minute.replace("*", "0-59"), hour.replace("*", "0-23"), *days))


def _daily(time: str) -> str:
    hour, _, minute = time.partition(":")
    return f"{int(minute)} {int(hour)} * * *"


def _seconds(given: float | str) -> float:
    if isinstance(given, str):
        try:
            return seconds_of(given)
        except ValueError:
            raise ValueError("a time of 1 s to 366 days, such as 300 or 5 min") from None
    return float(given)
