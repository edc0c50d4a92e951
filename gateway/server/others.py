"""Further models that a client's body names beside ``model``: what a key, or a listener, allows holds for them too.

OpenRouter takes ``models`` (fallbacks), plugins that choose among models, and ``preset``, which may hold any of them.
Anthropic takes ``fallbacks`` and tools that ask a model of their own; so does OpenAI for pictures. What none of them is
known to take, and some server may, is looked at alike: a body that is passed on unread would be a way around a list.

Source: https://openrouter.ai/docs/features/model-routing, https://openrouter.ai/docs/features/presets,
https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview (tools with a ``model``), November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

_LISTS = ("models", "fallbacks", "fallback_models", "fallback_model", "allowed_models", "preset")
_HOLDERS = ("tools", "plugins", "extra_body", "provider", "route")


def models_named(body: Mapping[str, Any]) -> list[str]:
    """Return every further name of a model in a body, each once, in the order in which they stand there.

    >>> models_named({"model": "a", "models": ["a", "b"], "tools": [{"type": "image_generation", "model": "c"}]})
    ['a', 'b', 'c']
    """
    found = [name for field in _LISTS if field in body for name in _names(body[field])]
    for field in _HOLDERS:
        if field in body:
            found += _held(body[field])
    return list(dict.fromkeys(found))


def _names(value: Any) -> Iterator[str]:
    """Yield a name, or those of a list: texts, or objects with a ``model``."""
    for item in cast("list[Any]", value) if isinstance(value, list) else (value,):
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from _own(cast("dict[str, Any]", item))


def _held(value: Any) -> Iterator[str]:
    """Yield the models that objects name: tools, plugins."""
    for item in cast("list[Any]", value) if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            yield from _own(cast("dict[str, Any]", item))


def _own(item: Mapping[str, Any]) -> Iterator[str]:
    model = item.get("model")
    if isinstance(model, str):
        yield model
    for field in _LISTS:
        if field in item:
            yield from _names(item[field])
