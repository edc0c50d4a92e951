"""Words, stems and bigrams."""

from __future__ import annotations

from gateway.providers.offline.words import likeness, name_stems, stem, words


def test_stems_join_word_forms() -> None:
    """Forms of one word have one stem."""
    assert len({stem(word) for word in ("translate", "translated", "translation", "translating")}) == 1


def test_bigrams_of_unspaced_text() -> None:
    """B77: Chinese, Japanese and Korean give character bigrams, in their places."""
    assert [(word.text, word.start) for word in words("查甲乙 now")] == [("查甲", 0), ("甲乙", 1), ("now", 4)]


def test_names_are_taken_apart() -> None:
    """Identifiers are split at underscores and capitals; a name of small words only keeps them."""
    assert name_stems("getItemByID") == ["get", "item", "id"]
    assert name_stems("to") == ["to"]


def test_likeness_of_compounds() -> None:
    """A long common beginning makes relatives; a short one does not."""
    assert likeness("birth", "birthdat") == 0.6
    assert likeness("cat", "cattle") == 0.0
