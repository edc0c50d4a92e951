"""Numbers, times and days written with figures."""

from __future__ import annotations

import pytest

from gateway.providers.offline.numerals import in_figures, number_of


@pytest.mark.parametrize(
    ("said", "value"),
    [("三千五百", 3500), ("两万", 20_000), ("十五", 15), ("一百零三", 103), ("两亿三千万", 230_000_000)],
)
def test_chinese_numerals(said: str, value: float) -> None:
    """A Chinese numeral means its number."""
    assert number_of(said) == value


@pytest.mark.parametrize(
    ("task", "read"),
    [
        ("把两万日元换算成人民币", "把20000日元换算成人民币"),
        ("打折百分之十五", "打折15%"),
        ("预算3万元", "预算30000元"),
        ("下午3点半提醒我", "15:30提醒我"),
        ("写一份摘要，两个就够", "写一份摘要，两个就够"),
        ("下周一", "下周一"),
    ],
)
def test_a_task_in_figures(task: str, read: str) -> None:
    """What counts something is written in figures; small words that only look like numbers stay."""
    assert in_figures(task) == read


def test_quotes_stay_as_they_are() -> None:
    """Nothing in quotes is changed."""
    assert in_figures("翻译「三千五百」和“百分之五”") == "翻译「三千五百」和“百分之五”"


@pytest.mark.parametrize(
    ("task", "day"),
    [
        ("今天是2024年3月5日，查明天的天气", "2024-03-06"),
        ("今天是2024年3月5日，查一下下周一的票", "2024-03-11"),
        ("今天是2024年3月5日，3天后提醒我", "2024-03-08"),
        ("Today is 2024-03-05. Book it for tomorrow", "2024-03-06"),
        ("Today is 2024-03-05. Book it for next Friday", "2024-03-08"),
        ("오늘은 2024년 3월 5일입니다. 내일 날씨", "2024-03-06"),
    ],
)
def test_days_are_counted_from_the_day_the_task_names(task: str, day: str) -> None:
    """ "Tomorrow" is a date where the task says what today is."""
    assert day in in_figures(task)


def test_a_day_nobody_knows_stays() -> None:
    """Without today's date nothing is made up."""
    assert in_figures("Book it for tomorrow, 明天") == "Book it for tomorrow, 明天"
