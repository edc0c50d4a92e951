"""``date_time``: calendar arithmetic and time zones."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tools.builtin.dates import date_time, find_zone, read_moment
from schemas.errors import ToolArgumentsError
from tests.tools.context import Context

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"operation": "weekday", "date": "2024-05-17"}, "Friday"),
        ({"operation": "weekday", "date": "17 May 2024"}, "Friday"),
        ({"operation": "weekday", "date": "2024年5月17日"}, "Friday"),
        ({"operation": "add", "date": "2024-01-31", "amount": 1, "unit": "months"}, "2024-02-29"),
        ({"operation": "add", "date": "2024-02-29", "amount": -1, "unit": "years"}, "2023-02-28"),
        ({"operation": "add", "date": "2024-02-28", "amount": 2}, "2024-03-01"),
        ({"operation": "difference", "date": "2024-01-01", "to": "2024-03-05"}, 64),
        ({"operation": "difference", "date": "2024-03-05", "to": "2024-01-01"}, -64),
        ({"operation": "difference", "date": "2000-02-29", "to": "2024-02-28", "unit": "years"}, 23),
        ({"operation": "difference", "date": "2024-01-01T00:00", "to": "2024-01-01T01:30", "unit": "hours"}, 1.5),
        (
            {"operation": "convert", "date": "2024-07-01T09:00", "time_zone": "New York", "to_time_zone": "Tokyo"},
            "2024-07-01T22:00:00+09:00",
        ),
        (
            {"operation": "convert", "date": "2024-07-01T09:00+05:30", "to_time_zone": "UTC"},
            "2024-07-01T03:30:00+00:00",
        ),
    ],
)
async def test_dates(arguments: dict[str, Any], value: Any) -> None:
    """Months end where they end, leap years count, zones follow their rules."""
    assert await date_time.call(arguments, Context()) == value


@pytest.mark.parametrize(
    ("amount", "unit", "value"),
    [(1, "days", "2024-03-31T12:00:00+02:00"), (24, "hours", "2024-03-31T13:00:00+02:00")],
)
async def test_a_clock_change_between(amount: int, unit: str, value: str) -> None:
    """Over a daylight-saving change a day keeps the time of day, 24 hours do not."""
    arguments = {"operation": "add", "date": "2024-03-30T12:00", "time_zone": "Europe/Berlin"}
    assert await date_time.call({**arguments, "amount": amount, "unit": unit}, Context()) == value


async def test_now_is_now() -> None:
    """The time comes with its zone."""
    now = datetime.fromisoformat(await date_time.call({"operation": "now", "time_zone": "+02:00"}, Context()))
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
    assert now.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"operation": "weekday", "date": "01/02/2024"}, "two ways"),
        ({"operation": "weekday", "date": "soon"}, "no date"),
        ({"operation": "weekday", "date": "2024-02-30"}, "no date"),
        ({"operation": "difference", "date": "2024-01-01"}, "to: "),
        ({"operation": "add", "date": "2024-01-01", "amount": 10**12}, "outside the years"),
        ({"operation": "add", "date": "9999-12-31T23:00", "amount": 2, "unit": "hours"}, "outside the years"),
        ({"operation": "convert", "date": "now", "to_time_zone": "Tokio"}, "no time zone"),
        ({"operation": "convert", "date": "now", "to_time_zone": "../../etc/passwd"}, "no time zone"),
        ({"operation": "convert", "date": "now", "to_time_zone": "+25:00"}, "no time zone"),
        ({"operation": "convert", "date": "0001-01-01T00:00", "to_time_zone": "-08:00"}, "outside the years"),
        ({"operation": "sleep"}, "operation"),
    ],
)
async def test_mistakes_are_named(arguments: dict[str, Any], said: str) -> None:
    """A date with two readings, an unknown zone, a missing argument: each says so."""
    with pytest.raises(ToolArgumentsError, match=said):
        await date_time.call(arguments, Context())


@given(st.datetimes())
def test_iso_dates_are_read_back(moment: datetime) -> None:
    """Every ISO time is understood."""
    assert read_moment(moment.isoformat(), UTC) == moment.replace(tzinfo=UTC)


@given(st.text(max_size=20))
def test_any_zone_is_found_or_refused(name: str) -> None:
    """No name crashes the look-up or reads a file outside the zone data."""
    with suppress(ToolArgumentsError):
        assert find_zone(name).utcoffset(datetime(2024, 1, 1)) is not None  # noqa: DTZ001 -- a zone wants one without
