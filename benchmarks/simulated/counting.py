"""Tokens as a model counts them: o200k where its vocabulary is at hand, else four bytes a token."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Sequence

_BYTES = 4


@functools.cache
def _encoding() -> Callable[[str], list[int]] | None:
    """Return the tokenizer; None where its vocabulary cannot be had without a network."""
    if not os.environ.get("TIKTOKEN_CACHE_DIR"):
        return None
    import tiktoken

    try:
        return tiktoken.get_encoding("o200k_base").encode_ordinary
    except Exception:  # the folder lacks it, and there is no network
        return None


def exact() -> bool:
    """Whether tokens are o200k's."""
    return _encoding() is not None


@functools.lru_cache(4_096)
def pieces(text: str) -> tuple[str, ...]:
    """Return a text cut where a model's tokens end, each piece one token.

    >>> "".join(pieces("Zürich, 東京")) == "Zürich, 東京"
    True
    """
    encode = _encoding()
    if encode is None:
        return tuple(text[start : start + _BYTES] for start in range(0, len(text), _BYTES))
    return tuple(_cut(text, encode(text)))


def _cut(text: str, tokens: Sequence[int]) -> list[str]:
    """Cut at the characters in which tokens end: some tokens are part of a character."""
    import tiktoken

    _, offsets = tiktoken.get_encoding("o200k_base").decode_with_offsets(list(tokens))
    bounds = [*offsets, len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(bounds)]


@functools.lru_cache(4_096)
def count(text: str) -> int:
    """Return how many tokens a text has."""
    encode = _encoding()
    return len(encode(text)) if encode is not None else -(-len(text.encode()) // _BYTES)
