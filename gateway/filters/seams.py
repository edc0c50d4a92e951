"""Where two texts of one message meet: a model reads them as one, so what lies across them is looked at too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, cast

_LISTS = ("messages", "input")


def seams(body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (role, text, the text behind it) for every two texts that stand side by side in one message.

    >>> list(seams({"messages": [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]}))
    [('user', 'a', 'b')]
    """
    yield from _pairs("system", body.get("system"))
    for name in _LISTS:
        turns = body.get(name)
        for turn in cast("list[Any]", turns) if isinstance(turns, list) else ():
            if isinstance(turn, dict):
                told = cast("dict[str, Any]", turn)
                yield from _pairs(str(told.get("role", "")), told.get("content"))


def _pairs(role: str, content: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(content, list):
        return
    parts = cast("list[Any]", content)
    texts = [cast("dict[str, Any]", part).get("text") if isinstance(part, dict) else None for part in parts]
    for before, after in pairwise(texts):
        if isinstance(before, str) and isinstance(after, str):
            yield role, before, after
