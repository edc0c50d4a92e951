"""Dates, clock times and units."""

from __future__ import annotations

import pytest

from gateway.providers.offline.dates import convert, read_clock, read_date


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2024-01-05", "2024-01-05"),
        ("1st of January, 2023", "2023-01-01"),
        ("31.12.2023", "2023-12-31"),
        ("12/25/2023", "2023-12-25"),
        ("2024年5月1日", "2024-05-01"),
        ("3. März 2024", "2024-03-03"),
        ("2024-13-40", None),
    ],
)
def test_dates(written: str, date: str | None) -> None:
    """Dates as people write them become ISO dates; what is none stays out."""
    assert read_date(written) == date


def test_clock_and_units() -> None:
    """Times become HH:MM, numbers the unit that is asked for; other dimensions stay as they are."""
    assert (read_clock("12:30 am"), read_clock("9pm")) == ("00:30", "21:00")
    assert convert(2, "km", ["distance", "in", "meters"]) == 2000
    assert convert(2, "km", ["time", "in", "minutes"]) == 2
