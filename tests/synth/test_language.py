"""The language of a task."""

from __future__ import annotations

from string import Formatter

import pytest

from engine.synth.language import PHRASES, Language, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What was the total of the orders?", "en"),
        ("Compute 3 * (4 + 5)", "en"),
        ("Какая столица Франции?", "en"),
        ("用 python 计算 fibonacci 数列", "zh"),
        ("東京都の人口", "ja"),
        ("서울 날씨", "ko"),
        ("Summe der Umsätze von AAPL", "de"),
        ("Donne-moi le chiffre d'affaires de la société", "fr"),
        ("Compara los ingresos de las dos empresas", "es"),
        ("“比较收入”", "zh"),
    ],
)
def test_the_language_of_a_task(text: str, language: Language) -> None:
    """B77: script first, then the smallest words; English where nothing else fits."""
    assert language_of(text) == language


def test_every_language_fills_the_same_blanks() -> None:
    """A phrase has the same blanks in every language."""
    for name in ("unfinished", "step", "found", "missing"):
        blanks = {
            tuple(sorted(str(field) for _, field, _, _ in Formatter().parse(getattr(phrases, name)) if field))
            for phrases in PHRASES.values()
        }
        assert len(blanks) == 1


def test_a_long_text_is_told_by_its_ends() -> None:
    """What stands before and behind megabytes of pasted data tells the language, and takes no time."""
    pasted = "0.5;" * 1_000_000
    assert language_of(f"Wie hoch ist der Umsatz, und was sagt er?\n{pasted}") == "de"
    assert language_of(f"{pasted}\nQuel est le total de ces lignes ?") == "fr"
