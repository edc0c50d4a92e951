"""What an assistant says of itself, in every language."""

from __future__ import annotations

import string
from dataclasses import asdict

from engine.serve.chat.phrases import phrases_for

TEXTS = (
    "the work of Bob",
    "die Arbeit und das",
    "le travail et les",
    "el trabajo y los",
    "这项工作",
    "この仕事を",
    "이 일을 해",
)


def test_every_language_says_the_same() -> None:
    """Each sentence is there in every language, with the same values to fill in."""
    told = [asdict(phrases_for(text)) for text in TEXTS]
    fields = [{k: {f for _, f, _, _ in string.Formatter().parse(v) if f} for k, v in one.items()} for one in told]
    assert all(one == fields[0] for one in fields)
    assert len({one["agree"] for one in told}) == len(TEXTS)
    assert all(value for one in told for value in one.values())
