"""How many tokens a request will use, guessed before it is sent: budgets and limits a minute reserve this much.

About four bytes of UTF-8 a token: right for English, high for most JSON of ours, and not far off for other scripts.
What was really used replaces the guess afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from schemas.model import ModelRequest, Part
from schemas.result import Usage

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1600
OUTPUT_TOKENS = 1024
"""Assumed for a request that doesn't cap its output."""


def request_usage(request: ModelRequest) -> Usage:
    """Return what a request will probably use: all it sends, and as much output as it allows."""
    size = sum(_size(message.parts) for message in request.messages)
    flat = sum(_images(message.parts) for message in request.messages) * IMAGE_TOKENS
    for tool in request.tools:
        size += len(tool.name) + len(tool.description) + len(json.dumps(tool.input_schema))
    if request.output is not None:
        size += len(json.dumps(request.output.json_schema))
    tokens = size // BYTES_PER_TOKEN + flat + MESSAGE_TOKENS * len(request.messages)
    return Usage(calls=1, input_tokens=tokens, output_tokens=request.max_output_tokens or OUTPUT_TOKENS)


def text_tokens(size: int) -> int:
    """Return about how many tokens so many bytes of text are, rounded up.

    >>> text_tokens(9)
    3
    """
    return -(-size // BYTES_PER_TOKEN)


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
