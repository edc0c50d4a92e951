"""When something is due, and what is no schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.schedules import ScheduleSettings

BERLIN = ZoneInfo("Europe/Berlin")


def schedule(**told: Any) -> ScheduleSettings:
    """A schedule that is due so."""
    return ScheduleSettings(name="news", task="look", **told)


def seconds_until(told: dict[str, Any], now: datetime) -> float:
    """How long it is until a schedule is due that begins now."""
    return schedule(**told).next_due(now.timestamp(), now.timestamp()) - now.timestamp()


def days_of(found: ScheduleSettings, first: datetime, days: int) -> list[str]:
    """The times it is due in so many days, as the clocks there show them."""
    at, end, shown = first.timestamp(), first + timedelta(days=days), list[str]()
    while (at := found.next_due(at, 0.0)) < end.timestamp():
        shown.append(f"{datetime.fromtimestamp(at, BERLIN):%d %H:%M %Z}")
    return shown


@pytest.mark.parametrize(
    ("told", "now", "seconds"),
    [
        ({"every": "5 min"}, (12, 34), 300),
        ({"daily": "09:30"}, (8, 0), 5_400),
        ({"daily": "07:15"}, (20, 0), 40_500),
        ({"cron": "30 9 * * *"}, (8, 0), 5_400),
        ({"cron": "*/15 * * * *"}, (8, 1), 840),
    ],
)
def test_b58_it_is_due_when_it_says(told: dict[str, Any], now: tuple[int, int], seconds: float) -> None:
    """B58: every 5 min is 300 s, daily 09:30 at 08:00 is 5,400 s, daily 07:15 at 20:00 is 40,500 s, and so is cron."""
    assert seconds_until(told, datetime(2026, 6, 1, *now, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("told", [{"daily": "02:30"}, {"cron": "30 2 * * *"}, {"cron": "*/60 2 * * *"}])
def test_b58_a_change_of_the_clock_neither_skips_nor_doubles(told: dict[str, Any]) -> None:
    """B58: what is due in the hour that is left out is done right after it, and in the one that comes twice once."""
    found = schedule(zone="Europe/Berlin", **told)
    spring = [one.split()[:2] for one in days_of(found, datetime(2026, 3, 28, tzinfo=BERLIN), 3)]
    autumn = [one.split()[0] for one in days_of(found, datetime(2026, 10, 24, tzinfo=BERLIN), 3)]
    assert [day for day, _ in spring] == ["28", "29", "30"]
    assert spring[1][1] == "03:00"
    assert autumn == ["24", "25", "26"]


def test_b58_an_interval_goes_on_through_a_change_of_the_clock() -> None:
    """B58: every hour is every hour, whatever the clock on the wall shows."""
    found = schedule(cron="0 * * * *", zone="Europe/Berlin")
    assert len(days_of(found, datetime(2026, 10, 25, tzinfo=BERLIN), 1)) == 24  # 25 h, the first is midnight itself
    assert len(days_of(found, datetime(2026, 3, 29, tzinfo=BERLIN), 1)) == 22


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"every": 0}, "1 s to 366 days"),
        ({"every": -5}, "1 s to 366 days"),
        ({"every": "soon"}, "1 s to 366 days"),
        ({"every": float("nan")}, "1 s to 366 days"),
        ({"daily": "25:00"}, "00:00 to 23:59"),
        ({"daily": "9"}, "00:00 to 23:59"),
        ({"every": 300, "daily": "09:30"}, "has every and daily"),
        ({}, "has none of them"),
        ({"cron": "61 * * * *"}, "bad minute"),
        ({"cron": "0 0 31 2 *"}, "bad day-of-month"),
        ({"cron": "* * * * * *"}, "five fields"),
        ({"daily": "09:30", "zone": "Europe/Berlim"}, "IANA name"),
    ],
)
def test_b59_what_is_no_schedule_is_refused(told: dict[str, Any], said: str) -> None:
    """B59: an interval of 0 or -5, 25:00, two ways at once, none at all: refused, in words."""
    with pytest.raises(ValidationError) as refused:
        schedule(**told)
    (error,) = refused.value.errors()
    assert said in error["msg"]


@given(
    st.sampled_from([{"every": 7}, {"every": "90 min"}, {"daily": "02:30"}, {"cron": "*/20 1-3 * * *"}]),
    st.integers(1_700_000_000, 1_800_000_000),
    st.integers(0, 3 * 86_400),
)
def test_the_latest_time_is_the_last_of_all(told: dict[str, Any], after: int, seconds: int) -> None:
    """The latest time up to now, and how many there were, are what going from one to the next finds."""
    found, times, at = schedule(zone="Europe/Berlin", **told), list[float](), float(after)
    while (at := found.next_due(at, 1_600_000_000.5)) <= after + seconds and len(times) < 1_000:
        times.append(at)
    if len(times) < 1_000:
        expected = (times[-1], len(times)) if times else None
        assert found.last_due(after, after + seconds, 1_600_000_000.5) == expected
