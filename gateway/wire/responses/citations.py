"""Sources of an answer, as its ``annotations``: the neutral form of them is this format's own.

Source: OpenAI's API reference, "Responses", annotations of output text.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Note = dict[str, Any]

_OF_PAGES = "url_citation"
_OF_FILES = frozenset(("file_citation", "container_file_citation", "file_path"))


def annotations(cited: Iterable[Mapping[str, Any]], said: str) -> list[Note]:
    """Return what clients are told of sources, with all the fields that the format requires.

    One that points into a document of the request itself has no form here and is left out.

    Args:
        cited: As ``TextPart`` has them.
        said: The text so far: a page cited without a place in it is cited for all of it.
    """
    return [note for each in cited if (note := _annotation(each, said)) is not None]


def _annotation(cited: Mapping[str, Any], said: str) -> Note | None:
    if cited.get("type") in _OF_FILES:
        return dict(cited)
    if cited.get("type") != _OF_PAGES or not cited.get("url"):
        return None
    return {"title": "", "start_index": 0, "end_index": len(said), **cited}
