"""Sources as annotations."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.responses.citations import annotations


@pytest.mark.parametrize(
    "note",
    [
        {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 1, "end_index": 2},
        {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 3},
    ],
)
def test_an_annotation_of_the_format_stays_as_it_is(note: dict[str, Any]) -> None:
    """Of a page and of a file."""
    assert annotations([note], "text") == [note]


def test_a_page_without_a_place_is_cited_for_the_whole_text() -> None:
    """Providers that give no indices still make annotations that clients can read."""
    note = annotations([{"type": "url_citation", "url": "https://a"}], "text")[0]
    assert (note["start_index"], note["end_index"], note["title"]) == (0, 4, "")


def test_a_source_without_a_form_here_is_left_out() -> None:
    """A place in a document of the request has no annotation."""
    assert annotations([{"type": "char_location", "cited_text": "x"}, {"type": "url_citation"}], "text") == []
