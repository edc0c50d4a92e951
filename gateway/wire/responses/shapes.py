"""Responses as they come over the wire, read leniently: servers other than OpenAI's leave much out.

Source: OpenAI's API reference, "Responses"; recorded replies of OpenAI, Azure and OpenRouter.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from gateway.wire.reading import Count
from schemas.result import Usage


def _as_text(value: object) -> object:
    return "" if value is None else value


def _listed(value: object) -> object:
    return [] if value is None else value


_Text = Annotated[str, BeforeValidator(_as_text)]


class _Wire(BaseModel):
    """A piece of an answer: only what is read here."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class InputDetails(_Wire):
    """Parts of the input tokens."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None


class OutputDetails(_Wire):
    """Parts of the output tokens."""

    reasoning_tokens: Count = None


class WireUsage(_Wire):
    """Token counts."""

    input_tokens: Count = None
    output_tokens: Count = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def neutral(self) -> Usage:
        """Return the counts of one call; the details are parts of the totals already."""
        read = self.input_tokens_details or InputDetails()
        written = self.output_tokens_details or OutputDetails()
        return Usage(
            calls=1,
            input_tokens=self.input_tokens or 0,
            cached_tokens=read.cached_tokens or 0,
            cache_write_tokens=read.cache_write_tokens or 0,
            output_tokens=self.output_tokens or 0,
            reasoning_tokens=written.reasoning_tokens or 0,
            cost_usd=None,
        )


class Piece(_Wire):
    """A piece of a message."""

    type: str = "output_text"
    text: _Text = ""
    refusal: _Text = ""
    annotations: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = []


class Item(_Wire):
    """An output item, of any type."""

    type: str = "message"
    id: _Text = ""
    call_id: _Text = ""
    name: _Text = ""
    arguments: _Text = ""
    summary: Annotated[list[Piece], BeforeValidator(_listed)] = []
    content: Annotated[list[Piece], BeforeValidator(_listed)] = []
    encrypted_content: _Text = ""


class Incomplete(_Wire):
    """Why an answer is not whole."""

    reason: _Text = ""


class WireResponse(_Wire):
    """An answer, as far as it is."""

    id: _Text = ""
    model: _Text = ""
    status: _Text = ""
    output: list[Item] | None = None
    usage: WireUsage | None = None
    error: dict[str, Any] | str | None = None
    incomplete_details: Incomplete | None = None
    service_tier: _Text = ""


class Event(_Wire):
    """A stream event, of any type."""

    type: str
    output_index: int = 0
    summary_index: int = 0
    response: WireResponse | None = None
    item: Item | None = None
    delta: Any = None
    annotation: dict[str, Any] | None = None
    arguments: _Text = ""
    text: _Text = ""
    refusal: _Text = ""
