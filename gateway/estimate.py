"""How many tokens a request will use, guessed before it is sent: budgets and limits a minute reserve this much.

About four bytes of UTF-8 a token: right for English, high for most JSON of ours, and not far off for other scripts.
What was really used replaces the guess afterwards.
"""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gateway.exchange import ClientCall
from schemas.model import ModelRequest, Part

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1600
OUTPUT_TOKENS = 1024
"""Assumed for a request that doesn't cap its output."""
_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_ANSWERS = ("n", "best_of")
_SAID = frozenset((*_CAPS, *_ANSWERS))
_MOST = 10**9
_INLINE = re.compile(rb"[A-Za-z0-9+/=_-]{2000,}")
_KNOWN_SCHEMAS = 256
_KNOWN_CHARS = 1_000_000
"""Of JSON, in all the schemas that are held: a run's planner has one of its own, as large as its tools are many."""
_sizes: OrderedDict[int, tuple[Mapping[str, Any], int]] = OrderedDict()


class Estimate(NamedTuple):
    """Tokens that a call will probably read and write."""

    input_tokens: int
    output_tokens: int

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.input_tokens + self.output_tokens


def request_estimate(request: ModelRequest) -> Estimate:
    """Return what a request will probably use: all it sends, and as much output as it allows."""
    size = images = 0
    for message in request.messages:
        size += _size(message.parts)
        images += _images(message.parts)
    for tool in request.tools:
        size += len(tool.name) + len(tool.description) + _schema_size(tool.input_schema)
    if request.output is not None:
        size += _schema_size(request.output.json_schema)
    tokens = size // BYTES_PER_TOKEN + images * IMAGE_TOKENS + MESSAGE_TOKENS * len(request.messages)
    return Estimate(tokens, request.max_output_tokens or OUTPUT_TOKENS)


def call_estimate(call: ClientCall) -> Estimate:
    """Return what a client's call will probably use, from its length; files sent in it count as images do."""
    size, flat = len(call.body), 0
    if size > 2000 and b"base64" in call.body:
        inline = [len(found) for found in _INLINE.findall(call.body)]
        size, flat = size - sum(inline), IMAGE_TOKENS * len(inline)
    return Estimate(size // BYTES_PER_TOKEN + flat, 0 if call.format == "embeddings" else _most_output(call.parsed))


def _most_output(body: Mapping[str, Any]) -> int:
    """Return the output a body allows: the largest cap it names, as servers differ in which they heed, each answer."""
    if _SAID.isdisjoint(body):
        return OUTPUT_TOKENS
    caps = [most for name in _CAPS if (most := _count(body.get(name)))]
    each = max(caps, default=OUTPUT_TOKENS)
    return each * max(1, *(_count(body.get(name)) for name in _ANSWERS))


def _count(said: object) -> int:
    """Return a number above 0 as servers read it, ``1e5`` and ``4.0`` too; 0 for anything else."""
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not said > 0:
        return 0
    return math.ceil(min(said, _MOST))


def text_tokens(size: int) -> int:
    """Return about how many tokens so many bytes of text are, rounded up.

    >>> text_tokens(9)
    3
    """
    return -(-size // BYTES_PER_TOKEN)


def _schema_size(schema: Mapping[str, Any]) -> int:
    """Return the length of a schema's JSON, which is worked out once: the same few are sent with every call."""
    known = _sizes.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    size = len(json.dumps(schema))
    _sizes[id(schema)] = schema, size
    while len(_sizes) > _KNOWN_SCHEMAS or sum(chars for _, chars in _sizes.values()) > _KNOWN_CHARS:
        _sizes.popitem(last=False)
    return size


def _images(parts: Iterable[Part]) -> int:
    return sum(part.kind in ("image", "file") for part in parts)


def _size(parts: Iterable[Part]) -> int:
    return sum(_part_size(part) for part in parts)


def _part_size(part: Part) -> int:
    if part.kind == "text" or part.kind == "reasoning":
        return _bytes(part.text)
    if part.kind == "tool_result":
        return _bytes(part.content)
    if part.kind == "tool_call":
        return len(part.name) + _bytes(part.raw or json.dumps(part.arguments))
    return 0


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
