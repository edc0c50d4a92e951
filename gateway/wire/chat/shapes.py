"""Chat completions as they come over the wire, read leniently.

Servers differ: content as a list of pieces (Mistral), thinking as ``reasoning``, ``reasoning_content`` or
``reasoning_details``, fields that are there but empty (Snowflake), null where OpenAI leaves out.

Source: OpenAI's API reference; recorded replies of ten compatible servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from gateway.wire.reading import Count
from schemas.result import Usage


def _as_text(value: object) -> object:
    """Arguments that a server already parsed are written out again; null is no text."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict) else value


def _pieces(value: object) -> object:
    """Content is null, a string, or a list of pieces of text and thinking."""
    if value is None:
        return []
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [] if value is None else value


_Text = Annotated[str, BeforeValidator(_as_text)]


class _Wire(BaseModel):
    """A piece of a reply: only what is read here."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class PromptDetails(_Wire):
    """Parts of the input tokens."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None


class CompletionDetails(_Wire):
    """Parts of the output tokens."""

    reasoning_tokens: Count = None


def _none() -> list[Any]:
    """Return an empty list: a default of its own would be copied deep for every chunk."""
    return []


class WireUsage(_Wire):
    """Token counts."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    cached_tokens: Annotated[
        int | None, Field(validation_alias=AliasChoices("cached_tokens", "prompt_cache_hit_tokens"))
    ] = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def neutral(self) -> Usage:
        """Return the counts of one call; the details are parts of the totals already."""
        prompt = self.prompt_tokens_details or PromptDetails()
        completion = self.completion_tokens_details or CompletionDetails()
        return Usage(
            calls=1,
            input_tokens=self.prompt_tokens or 0,
            cached_tokens=prompt.cached_tokens or self.cached_tokens or 0,
            cache_write_tokens=prompt.cache_write_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            reasoning_tokens=completion.reasoning_tokens or 0,
            cost_usd=None,
        )


class Piece(_Wire):
    """A piece of content: text, or thinking (itself a list of pieces)."""

    type: str = "text"
    text: _Text = ""
    thinking: Annotated[list[Piece], BeforeValidator(_pieces)] = Field(default_factory=_none)


class Function(_Wire):
    """Name and arguments of a call."""

    name: _Text = ""
    arguments: _Text = ""


class Call(_Wire):
    """A tool call, or more of one."""

    index: int | None = None
    id: _Text = ""
    function: Function | None = None


class WireMessage(_Wire):
    """A message, or what a chunk adds to it."""

    content: Annotated[list[Piece], BeforeValidator(_pieces)] = Field(default_factory=_none)
    refusal: _Text = ""
    reasoning: _Text = ""
    reasoning_content: _Text = ""
    reasoning_details: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = Field(default_factory=_none)
    tool_calls: Annotated[list[Call], BeforeValidator(_listed)] = Field(default_factory=_none)
    function_call: Function | None = None
    annotations: Annotated[list[dict[str, Any]], BeforeValidator(_listed)] = Field(default_factory=_none)

    @property
    def text(self) -> str:
        """The text, a refusal's left out."""
        return "".join(piece.text for piece in self.content if piece.type == "text")

    def cited(self) -> tuple[dict[str, Any], ...]:
        """Return the sources cited, without the nesting that this format gives them."""
        return tuple(
            {"type": kind, **inner} if isinstance(inner := each.get(kind), dict) else each
            for each in self.annotations
            if isinstance(kind := each.get("type"), str)
        )

    def thinking(self) -> Iterator[dict[str, Any]]:
        """Yield the thinking as OpenRouter's details, or as ``{"field": …, "text": …}``; only one form of it."""
        inside = "".join(inner.text for piece in self.content for inner in piece.thinking)
        if self.reasoning_details:
            yield from self.reasoning_details
        elif self.reasoning_content:
            yield {"field": "reasoning_content", "text": self.reasoning_content}
        elif self.reasoning or inside:
            yield {"field": "reasoning" if self.reasoning else "content", "text": self.reasoning or inside}

    def calls(self) -> Iterator[Call]:
        """Yield the tool calls; the older single ``function_call`` counts as one."""
        yield from self.tool_calls
        if self.function_call is not None and (self.function_call.name or self.function_call.arguments):
            yield Call(index=0, id="", function=self.function_call)


class Choice(_Wire):
    """One of the answers, whole or a piece of it; a filtered one has no message."""

    index: int = 0
    delta: Annotated[WireMessage | None, Field(validation_alias=AliasChoices("delta", "message"))] = None
    finish_reason: str | None = None
    error: Any = None


class Completion(_Wire):
    """A whole reply, or one chunk of a streamed one."""

    id: _Text = ""
    model: _Text = ""
    choices: Annotated[list[Choice], BeforeValidator(_listed)]
    usage: WireUsage | None = None
    error: Any = None
    service_tier: _Text = ""
