"""What a request needs of the model that answers it: known before any model is chosen.

Read off the request as it came, without translating it. What nobody knows of a model may be tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from gateway.estimate import BYTES_PER_TOKEN, request_estimate
from gateway.exchange import ClientCall
from schemas.model import ModelRequest
from schemas.settings import ModelSettings

_IMAGES = ("image_url", "input_image", "image")
_SCHEMAS = {"response_format": None, "output_config": "format", "text": "format"}


class Needs(NamedTuple):
    """What a model must be able to do.

    Attributes:
        images: It reads images.
        tools: It calls tools.
        structured: It keeps to a JSON Schema.
        tokens: Estimate of what it reads and may write; 0: not estimated.
    """

    images: bool = False
    tools: bool = False
    structured: bool = False
    tokens: int = 0

    @property
    def kinds(self) -> int:
        """What is needed but for the length, as one small number."""
        return self.images + 2 * self.tools + 4 * self.structured

    def lacking(self, settings: ModelSettings) -> str | None:
        """Return what a model is known to lack, in words, or None. Its context is another matter: it is an estimate.

        >>> Needs(images=True).lacking(ModelSettings(name="m", vision=False))
        'reads no images'
        >>> Needs(images=True).lacking(ModelSettings(name="m"))
        """
        if self.images and settings.vision is False:
            return "reads no images"
        if self.tools and settings.tools is False:
            return "calls no tools"
        if self.structured and settings.structured is False:
            return "keeps to no JSON Schema"
        return None

    def too_long_for(self, context_tokens: int | None) -> bool:
        """Whether the request would probably not fit."""
        return context_tokens is not None and self.tokens > context_tokens


NOTHING = Needs()


def needs_of(request: ModelRequest, tokens: int | None = None) -> Needs:
    """Return what a neutral request needs; ``tokens`` is the estimate, where it is known already."""
    return Needs(
        images=any(part.kind == "image" for message in request.messages for part in message.parts),
        tools=bool(request.tools),
        structured=request.output is not None,
        tokens=request_estimate(request).total_tokens if tokens is None else tokens,
    )


def needs_of_call(call: ClientCall, tokens: int | None = None) -> Needs:
    """Return what a client's request needs. Cost: the body is walked only if the word image stands in it.

    Args:
        call: The request.
        tokens: The estimate, where it is known already.

    Raises:
        ModelRequestError: The body is no JSON object.
    """
    body = call.parsed
    return Needs(
        images=b"image" in call.body and _holds_image(body.get("messages") or body.get("input")),
        tools=bool(body.get("tools")),
        structured=_wants_schema(body),
        tokens=len(call.body) // BYTES_PER_TOKEN + _most_output(body) if tokens is None else tokens,
    )


def _most_output(body: Mapping[str, Any]) -> int:
    for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        most = body.get(name)
        if isinstance(most, int):
            return most
    return 0


def _wants_schema(body: Mapping[str, Any]) -> bool:
    """Chat completions: ``response_format``; messages: ``output_config.format``; responses: ``text.format``."""
    if _SCHEMAS.keys().isdisjoint(body):
        return False
    for outer, inner in _SCHEMAS.items():
        wish = body.get(outer)
        if inner is not None and isinstance(wish, dict):
            wish = cast("dict[str, Any]", wish).get(inner)
        if isinstance(wish, dict) and cast("dict[str, Any]", wish).get("type") == "json_schema":
            return True
    return False


def _holds_image(value: object) -> bool:
    """Whether messages, or items, or content in them hold an image part; deep nesting is not followed."""
    pending: list[tuple[object, int]] = [(value, 0)]
    while pending:
        found, depth = pending.pop()
        if isinstance(found, list) and depth < 6:
            pending.extend((inner, depth + 1) for inner in cast("list[object]", found))
        elif isinstance(found, dict):
            part = cast("dict[str, Any]", found)
            if part.get("type") in _IMAGES:
                return True
            pending.append((part.get("content"), depth + 1))
            pending.append((part.get("output"), depth + 1))
    return False
