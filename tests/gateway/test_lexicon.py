"""Everyday words in English."""

from __future__ import annotations

from gateway.lexicon import translated
from gateway.providers.offline.words import words
from tests.gateway.providers.offline.asking import Offered, plan, text


def test_longer_words_first() -> None:
    """A longer word wins over one inside it."""
    assert [word for *_, word in translated("文件夹")] == ["folder"]


def test_everyday_words_stand_beside_the_bigrams() -> None:
    """The English word has the place of the word it translates."""
    assert ("weather", 1, 3) in [(word.text, word.start, word.end) for word in words("查天气")]


def test_a_chinese_task_finds_a_tool_described_in_english() -> None:
    """Tools described in English serve tasks in other scripts."""
    tool = Offered("lookup", "Get the weather of a city", {"city": text("Name of the city")})
    other = Offered("posting", "Send an email", {"to": text("Email address")})
    assert plan("查询东京的天气", [tool, other]) == [{"lookup": "东京"}]
