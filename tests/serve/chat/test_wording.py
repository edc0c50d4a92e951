"""The patterns of agreement and refusal."""

from __future__ import annotations

import re

from engine.serve.chat.wording import NO, YES


def test_nothing_is_both() -> None:
    """No word says yes and no."""
    words = [
        "yes",
        "no",
        "ok",
        "nope",
        "ja",
        "nein",
        "oui",
        "non",
        "sí",
        "да",
        "нет",
        "是",
        "不",
        "好",
        "不好",
        "はい",
        "いいえ",
        "네",
        "아니요",
        "approve",
        "reject",
        "n",
        "y",
    ]
    said = [(re.fullmatch(YES, word, re.I) is not None, re.fullmatch(NO, word, re.I) is not None) for word in words]
    assert all(yes != no for yes, no in said)
