"""Names in text without spaces."""

from __future__ import annotations

import pytest

from gateway.providers.offline.segments import segments
from gateway.providers.offline.values import mentions
from tests.gateway.providers.offline.asking import Offered, offered, text

WEATHER = offered([Offered("weather", "查询一个城市的天气", {"city": text("城市名称")})])[0]


@pytest.mark.parametrize(
    ("clause", "names"),
    [
        ("查询北京的天气", ["北京"]),
        ("查询上海、广州和深圳的天气", [["上海", "广州", "深圳"]]),
        ("请问成都怎么样", ["成都"]),
        ("weather in Paris", []),
    ],
)
def test_what_is_left_between_small_words(clause: str, names: list[object]) -> None:
    """A name is what no small word, no value and no word of the tool is; several in a row are a list."""
    assert [one.value for one in segments(clause, WEATHER, mentions(clause))] == names
