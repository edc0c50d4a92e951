"""Questions about dates, for a tool of that shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.providers.offline.asking import Offered, offered, plan, text

UNITS = ["minutes", "hours", "days", "weeks", "months", "years"]
CLOCK = Offered(
    "almanac",
    "Work with dates and times.",
    {
        "mode": {"type": "string", "enum": ["now", "add", "difference", "convert", "weekday"]},
        "date": text("The date to start from, such as 2024-05-17, today or now."),
        "to": text("The later date for difference."),
        "amount": {"type": "integer", "description": "How many units to add"},
        "unit": {"type": "string", "enum": UNITS, "description": "Unit of amount"},
        "time_zone": text("Time zone of dates"),
        "to_time_zone": text("Time zone to convert to"),
    },
    ["mode"],
)


def moved(date: str, amount: int, unit: str = "days") -> dict[str, Any]:
    """Return the arguments that move a date."""
    return {"mode": "add", "date": date, "amount": amount, "unit": unit}


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("What day is it 90 days from today?", moved("today", 90)),
        ("What was the date 3 weeks ago?", moved("today", -3, "weeks")),
        ("What date is 45 days after 13 May 2024?", moved("2024-05-13", 45)),
        ("What date was 10 days before March 3, 2024?", moved("2024-03-03", -10)),
        ("What is the date tomorrow?", moved("today", 1)),
        ("2024年5月13日之后30天是哪天？", moved("2024-05-13", 30)),
        ("10日後は何日ですか？", moved("today", 10)),
        ("90 Tage nach dem 13.05.2024", moved("2024-05-13", 90)),
        ("¿Qué fecha será dentro de 10 días?", moved("today", 10)),
        ("how many days until 2030-01-01?", {"mode": "difference", "date": "today", "to": "2030-01-01"}),
        (
            "How many weeks between 2024-01-01 and 2024-12-31?",
            {"mode": "difference", "date": "2024-01-01", "to": "2024-12-31", "unit": "weeks"},
        ),
        ("今天星期几？", {"mode": "weekday", "date": "today"}),
        ("What time is it in New York?", {"mode": "now", "time_zone": "New York"}),
        (
            "convert 2024-05-17T09:30 from Berlin to Tokyo",
            {"mode": "convert", "date": "2024-05-17T09:30", "to_time_zone": "Tokyo", "time_zone": "Berlin"},
        ),
    ],
)
def test_questions_about_dates(task: str, given: dict[str, Any]) -> None:
    """A shift goes by its direction, a missing end is today, in each of the languages."""
    (item, *_) = plan(task, [CLOCK])
    assert (item.get("step") or item)["almanac"] == given


def test_weekday_of_another_day() -> None:
    """The weekday of a day that has to be found first takes two calls."""
    items = plan("Which weekday is it 100 days from today?", [CLOCK])
    assert items[1]["almanac"] == {"mode": "weekday", "date": "{{1}}"}


def test_today_is_not_invented() -> None:
    """Where the description does not take "today", and the enum not the operation, nothing is written."""
    date = text("The date, YYYY-MM-DD")
    bare = Offered(
        "shift",
        "Shift a date.",
        {"how": {"type": "string", "enum": ["add", "difference"]}, "date": date},
        ["how", "date"],
    )
    assert "ask" in plan("What day is it 90 days from today?", [bare])[0]


def test_other_conversions_are_not_its_own() -> None:
    """A tool for dates does not convert money."""
    assert "No tool here fits" in plan("Convert 100 USD to EUR", [CLOCK])[0]["ask"]


def test_no_option_is_invented() -> None:
    """An argument with options only ever holds one of them."""
    options = {argument.name: argument.options for argument in offered([CLOCK])[0].arguments if argument.options}
    for task in ("what day is today", "add a week", "the date", "in 3 fortnights from now", "today yesterday tomorrow"):
        for item in plan(task, [CLOCK]):
            given = (item.get("step") or item).get("almanac", {})
            assert all(given[name] in allowed for name, allowed in options.items() if name in given)
