"""Well-known services and servers of models: where each is, which formats it takes, and what it does its own way.

The facts stand in ``presets.toml``, each entry with the pages they are from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from schemas.gateway import WireFormat
from schemas.result import Record

_FILE = Path(__file__).with_name("presets.toml")


class Preset(Record):
    """One of them.

    Attributes:
        title: Its name for people.
        kind: The family of servers it is of.
        base_url: Where it is; empty: everybody has an own address.
        key: The environment variable that holds its key; empty: it needs none.
        local: It runs on the user's own machine.
        formats: Request formats it takes as they are; empty: what its kind does.
        urls: Where it takes a format elsewhere than under ``base_url``.
        auth: The header of the key; empty: as its kind does it.
        token_limit: What it calls the most tokens written.
        refuses: Optional parameters it does not take.
        forwards: Headers of clients that it heeds, beside those of the formats.
        deployments: Path of a model's own address, ``{model}`` in it, where each has one.
        query: Added to such an address.
        prices: Its name in the list of prices, where that does not know the address.
        sources: Pages the facts are from.
    """

    title: str
    kind: Literal["anthropic", "openai"] = "openai"
    base_url: str = ""
    key: str = ""
    local: bool = False
    formats: tuple[WireFormat, ...] = ()
    urls: dict[WireFormat, str] = Field(default_factory=dict[WireFormat, str])
    auth: Literal["", "bearer", "x-api-key", "api-key"] = ""
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    refuses: tuple[str, ...] = ()
    forwards: tuple[str, ...] = ()
    deployments: str = ""
    query: str = ""
    prices: str = ""
    sources: tuple[str, ...] = ()


@cache
def presets() -> Mapping[str, Preset]:
    """Return every preset by its name."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: Preset.model_validate(table) for name, table in tables.items()}


def filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a provider's entry with what its preset says and it does not say itself.

    A preset's key goes to the preset's own address only: an entry with another ``base_url`` says its ``api_key`` too,
    unless everybody has an own address there.

    >>> filled({"preset": "groq"})["api_key"]
    '$GROQ_API_KEY'
    >>> filled({"preset": "groq", "base_url": "http://proxy:8080/v1"})["api_key"] is None
    True
    """
    name = str(entry["preset"])
    preset = presets().get(name) or Preset(title=name)
    elsewhere = bool(preset.base_url) and entry.get("base_url") not in (None, preset.base_url)
    known: dict[str, Any] = {
        "name": name,
        "kind": preset.kind,
        "base_url": preset.base_url or None,
        "api_key": f"${preset.key}" if preset.key and not elsewhere else None,
        "local": preset.local and not elsewhere,
    }
    return known | {field: value for field, value in entry.items() if value is not None}
