"""The line that names the steps used, read off a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.synth.marker import MarkedText


@given(st.text(alphabet="a[]steps: 1,\n`*【】", max_size=40), st.integers(1, 7))
def test_any_chunking_gives_the_same_text(text: str, size: int) -> None:
    """The pieces handed on, joined, are the text, however the stream was cut."""
    one, many = MarkedText(), MarkedText()
    whole = one.push(text) + one.finish()[0]
    pieces = [many.push(text[at : at + size]) for at in range(0, len(text), size)]

    assert "".join(pieces) + many.finish()[0] == whole == many.text
    assert text.strip().startswith(whole)


@pytest.mark.parametrize(
    ("marker", "names"),
    [
        ("[steps: 1, 3]", ("1", "3")),
        ("[Steps: none]", ()),
        ("[step: 2]", ("2",)),
        ("**[steps: 2]**", ("2",)),
        ("`[steps:2,a-1]`\n", ("2", "a-1")),
        ("【steps：1，3】", ("1", "3")),
    ],
)
def test_the_marker_is_read_in_the_forms_models_write(marker: str, names: tuple[str, ...]) -> None:
    """Emphasis, full-width brackets and capitals don't keep a marker from being read."""
    text = MarkedText()
    shown = text.push("Forty-two.\n\n") + text.push(marker)
    rest, found = text.finish()

    assert (shown + rest, found) == ("Forty-two.", names)


@pytest.mark.parametrize("text", ["see [steps: 1] above", "a[0]", "[steps", "array [stepsize: 3]"])
def test_what_only_looks_like_a_marker_is_text(text: str) -> None:
    """Brackets in the middle of the text, or around other words, are shown."""
    marked = MarkedText()
    shown = marked.push(text)
    rest, names = marked.finish()

    assert (shown + rest, names) == (text, None)


def test_text_is_held_back_only_while_it_may_be_the_marker() -> None:
    """Words are shown at once; only white space and the beginning of a marker wait."""
    text = MarkedText()

    assert [text.push(piece) for piece in ("It is 42.", "\n[ste", "ady]")] == ["It is 42.", "", "\n[steady]"]
