"""Sources that an answer cites, in Anthropic's form and in the neutral one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

_WEB = "web_search_result_location"


def annotation(citation: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of Anthropic's citations in the neutral form: pages as OpenAI has them, with the original beside.

    What points into the request's own documents has no other form and stays as it is.
    """
    if citation.get("type") != _WEB:
        return dict(citation)
    title = citation.get("title") or ""
    return {"type": "url_citation", "url": citation.get("url") or "", "title": title, "source": dict(citation)}


def citation(annotation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a neutral annotation as Anthropic's clients read one, or None for what has no such form."""
    source = annotation.get("source")
    if isinstance(source, dict):
        return dict(cast("Mapping[str, Any]", source))
    if "cited_text" in annotation:
        return dict(annotation)
    if annotation.get("type") != "url_citation":
        return None
    cited = annotation.get("content") or ""
    page = {"type": _WEB, "url": annotation.get("url") or "", "title": annotation.get("title") or None}
    return page | {"cited_text": cited, "encrypted_index": ""}
