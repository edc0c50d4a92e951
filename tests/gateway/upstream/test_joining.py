"""Words that came together are handed on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from gateway.upstream.joining import joined
from schemas.errors import ModelUnavailableError
from schemas.model import ModelChunk, ReasoningDelta, TextDelta, ToolCallDelta

CITED = TextDelta(text="c", annotations=({"type": "url_citation"},))


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ([TextDelta(text="a"), TextDelta(text="b")], [TextDelta(text="ab")]),
        (
            [TextDelta(text="a"), TextDelta(text="no", refusal=True)],
            [TextDelta(text="a"), TextDelta(text="no", refusal=True)],
        ),
        ([TextDelta(text="a"), CITED, TextDelta(text="b")], [TextDelta(text="a"), CITED, TextDelta(text="b")]),
        (
            [TextDelta(text="a"), ReasoningDelta(text="r"), TextDelta(text="b")],
            [TextDelta(text="a"), ReasoningDelta(text="r"), TextDelta(text="b")],
        ),
        (
            [
                ToolCallDelta(index=0, call_id="1", name="x", arguments="{"),
                ToolCallDelta(index=0, arguments='"a"'),
                ToolCallDelta(index=0, arguments=":1}"),
                ToolCallDelta(index=1, call_id="2", name="y"),
            ],
            [
                ToolCallDelta(index=0, call_id="1", name="x", arguments='{"a":1}'),
                ToolCallDelta(index=1, call_id="2", name="y"),
            ],
        ),
    ],
)
def test_what_belongs_together_is_one(chunks: Sequence[ModelChunk], found: Sequence[ModelChunk]) -> None:
    """Words of one text, arguments of one call; nothing else, and never in another order."""
    assert list(joined(chunks)) == found


def test_an_error_comes_behind_what_came_before_it() -> None:
    """Words that are there are handed on before what broke the stream off is raised."""

    def broken() -> Iterator[ModelChunk]:
        yield TextDelta(text="a")
        yield TextDelta(text="b")
        raise ModelUnavailableError("gone")

    reading = joined(broken())
    assert next(reading) == TextDelta(text="ab")
    with pytest.raises(ModelUnavailableError):
        next(reading)
