"""Numbers and text from outside, as a terminal shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.sinks.words import fit, input_text, one_line, printable, seconds, shortened, usd


@pytest.mark.parametrize("text", ["東京の天気を調べる", "서울과 부산", "比较苹果和微软", "mixed 東京 text"])
@pytest.mark.parametrize("width", [1, 2, 5, 8, 13, 40])
def test_wide_text_fills_exactly(text: str, width: int) -> None:
    """B77: text in Chinese, Japanese or Korean fills its column exactly, two cells a character, cut between them."""
    assert cell_len(fit(text, width)) == width


@given(st.text(max_size=30), st.integers(0, 40))
def test_any_text_fits(text: str, width: int) -> None:
    """Any text takes exactly its column."""
    assert cell_len(fit(one_line(text), width)) == width


@given(st.text(alphabet=st.characters(max_codepoint=0x2100)))
def test_nothing_steers_the_terminal(text: str) -> None:
    """No control character but line breaks and tabs is left, and nothing that reorders text."""
    shown = printable(text)
    assert not {c for c in shown if (ord(c) < 32 or 127 <= ord(c) < 160) and c not in "\n\t"}
    assert not set(shown) & set("\u202e\u2066")


def test_one_line() -> None:
    """Line breaks become spaces."""
    assert one_line(" a\n\n b\tc ") == "a b c"


def test_shortened_says_that_it_is() -> None:
    """A cut text ends in an ellipsis."""
    assert shortened("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (None, ""),
        ({"query": "rain in Rome"}, "rain in Rome"),
        ({"a": 1, "b": "x y", "c": [1, {"d": None}]}, 'a=1 b="x y" c=[1, {"d": null}]'),
        ({"a": "", "b": "東京"}, 'a="" b=東京'),
    ],
)
def test_input_text(arguments: dict[str, object] | None, text: str) -> None:
    """Arguments are name=value; a single one stands alone."""
    assert input_text(arguments) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(-1, "0ms"), (0, "0ms"), (0.9996, "1.0s"), (59.96, "1m00s"), (61, "1m01s"), (3599.6, "1h00m"), (90000, "25h00m")],
)
def test_seconds(duration_s: float, text: str) -> None:
    """Durations are short and never read 60s or 1000ms."""
    assert seconds(duration_s) == text


def test_unknown_price_is_said() -> None:
    """An unknown price is said, never shown as 0; a tiny one is not rounded to 0."""
    assert [usd(cost) for cost in (None, 0.0, 0.00001, 0.05, 12.5)] == [
        "cost unknown",
        "$0",
        "<$0.0001",
        "$0.0500",
        "$12.50",
    ]
