"""Which messages lean on what was said before."""

from __future__ import annotations

import pytest

from engine.serve.chat.leaning import in_place, leans


@pytest.mark.parametrize(
    "text",
    [
        "and for 2023?",
        "no, I meant Munich",
        "do the same for Apple",
        "the second one",
        "Und in Rom?",
        "et lui ?",
        "那上海呢",
        "それはなぜ?",
        "그럼 서울은?",
    ],
)
def test_follow_ups_lean(text: str) -> None:
    """Follow-ups, corrections and references lean, in any language."""
    assert leans(text)


@pytest.mark.parametrize(
    "text", ["How many inhabitants does Berlin have?", "Wie viele Einwohner hat Berlin?", "柏林有多少居民?"]
)
def test_whole_messages_do_not(text: str) -> None:
    """A message that says everything stands alone."""
    assert not leans(text)


@pytest.mark.parametrize(
    ("asked", "message", "task"),
    [
        ("What was Apple's revenue in 2022?", "and for 2023?", "What was Apple's revenue in 2023?"),
        ("What was Apple's revenue in 2022?", "and Microsoft?", "What was Microsoft's revenue in 2022?"),
        ("How is the weather in Berlin?", "No, I meant Munich", "How is the weather in Munich?"),
        ("Wie ist es in Berlin?", "und in Rom?", "Wie ist es in Rom?"),
        ("Flights from Berlin to Rome", "and Paris?", ""),
        ("How is the weather?", "and Paris?", ""),
        ("How is it in Berlin?", "and why is that so?", ""),
        ("Add 3 to 4", "and 5?", ""),
        ("What is 12 percent of 3400?", "and of 5000?", "What is 12 percent of 5000?"),
        ("What is 12 percent of 3400?", "and 15 percent?", "What is 15 percent of 3400?"),
        ("What is 12% of 3,400?", "no, I meant 4,300", "What is 12% of 4,300?"),
        ("Flights from Berlin to Rome", "and to Paris?", "Flights from Berlin to Paris"),
        ("Days from 2026-01-01 to 2026-11-21?", "no, I meant from 2025-01-01", "Days from 2025-01-01 to 2026-11-21?"),
        ("Days between 2026-01-01 and 2026-11-21?", "no, from 2025-01-01", ""),
    ],
)
def test_a_value_in_place_of_another(asked: str, message: str, task: str) -> None:
    """The one value of a kind is replaced by the one that is named; where there are several, nothing is guessed."""
    assert in_place(asked, message) == task
