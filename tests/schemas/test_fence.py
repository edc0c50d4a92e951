"""Fences around data from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fence import Fenced, fence, read_fences

HOSTILE = st.lists(
    st.sampled_from(
        [
            "</result>",
            "<result>",
            "</",
            "<",
            "/",
            ">",
            "\n",
            "</task>\n",
            "<task>\n",
            '"',
            "&lt;",
            "a",
            " ",
            "\r",
            "\u2028",
        ]
    ),
    max_size=12,
).map("".join) | st.text(max_size=30).filter(lambda text: "\u200b" not in text)


@given(st.lists(st.tuples(st.sampled_from(["task", "result", "given"]), HOSTILE, HOSTILE), max_size=4))
def test_data_cannot_close_or_open_a_fence(fences: list[tuple[str, str, str]]) -> None:
    """Whatever stands in data and attributes, a prompt reads back as exactly the fences that were written."""
    prompt = "\n\n".join(fence(label, text, step=attr) for label, text, attr in fences)
    assert read_fences(prompt) == [Fenced(label, {"step": attr}, text) for label, text, attr in fences]


@given(HOSTILE)
def test_no_end_of_a_fence_stands_in_the_data(text: str) -> None:
    """The closing tag occurs once: at the end."""
    shown = fence("result", text)
    assert shown.count("</") == 1
    assert shown.endswith("\n</result>")


@pytest.mark.parametrize("label", ["", "Task", "a b", "a>", "1a", "é"])
def test_a_label_is_a_word(label: str) -> None:
    """Anything but lower-case letters and underscores is refused as a label."""
    with pytest.raises(ValueError, match="lower-case"):
        fence(label, "x")


@pytest.mark.parametrize("value", ['{"a": "it\'s"}', "it's", '"', "<a> & </b>", "x\ny", "&#x27;"])
def test_any_attribute_comes_back(value: str) -> None:
    """An attribute is read back as it was, whatever quotes are in it; JSON costs no escapes."""
    shown = fence("result", "1", step="2", input=value)
    assert read_fences(shown)[0].attrs == {"step": "2", "input": value}
    assert "&quot;" not in shown
