"""Words of tasks and tools."""

from __future__ import annotations

from gateway.words import spaced, words


def test_names() -> None:
    """Names are taken apart at case and underscores; endings and function words are left out."""
    assert words("getExchange_rates for the") == words("get exchange rate")


def test_unspaced_scripts() -> None:
    """Chinese, Japanese and Korean give character bigrams, and single signs as they are."""
    assert words("汇率B价") == {"汇率", "b", "价"}
    assert words("환율") == {"환율"}
    assert (spaced("plain text"), spaced("価格")) == (True, False)
