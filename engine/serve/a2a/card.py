"""An assistant's agent card: who it is, where it is spoken to, and with which key.

Source: A2A specification 1.0, sections 4.4, 4.5 and 8 (discovery, caching); 0.3.0, section 5.5. The fields of 0.3 stand
beside those of 1.0, as the official SDK's server writes them, so that clients of either find what they look for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from engine.presence import release
from schemas.agents import AssistantSettings
from schemas.tool import ToolSpec

WELL_KNOWN = ".well-known/agent-card.json"
PATH = "/a2a"

_WHAT = "Plans a task, runs it over its tools and agents, and answers."
_MODES = ["text/plain", "application/json"]
_MOST_SKILLS = 200
_KEYS = "key"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an assistant is served.

    Attributes:
        base: The server's address as the client reached it.
        default: Whether it is the assistant of the root.
        keys: Whether a key is asked for.
    """

    base: str
    default: bool
    keys: bool


def is_card(path: str) -> bool:
    """Whether a path is that of a card.

    >>> is_card("/a2a/clerk/.well-known/agent-card.json"), is_card("/runs/1/.well-known/agent-card.json")
    (True, False)
    """
    return path == f"/{WELL_KNOWN}" or (path.startswith(f"{PATH}/") and path.endswith(f"/{WELL_KNOWN}"))


def endpoint_of(name: str, place: Place) -> str:
    """Return where messages to an assistant are posted.

    >>> endpoint_of("day trips", Place("http://h", default=False, keys=False))
    'http://h/a2a/day%20trips'
    """
    return f"{place.base}{PATH}" if place.default else f"{place.base}{PATH}/{quote(name, safe='')}"


def card_of(assistant: AssistantSettings, place: Place, team: Iterable[ToolSpec] = ()) -> dict[str, Any]:
    """Return an assistant's card.

    Args:
        assistant: Whose.
        place: Where it is served.
        team: The agents and tools that are told as skills; for clients with a key (the extended card).
    """
    url, said = endpoint_of(assistant.name, place), assistant.description.strip() or _WHAT
    skills = [_skill(assistant.name, said, ("assistant",)), *(_skill_of(spec) for spec in team)]
    versions = ("1.0", "0.3")
    card: dict[str, Any] = {
        "name": assistant.name,
        "description": said,
        "version": release() or "0",
        "supportedInterfaces": [
            {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version} for version in versions
        ],
        "capabilities": {"streaming": True, "pushNotifications": False, "extendedAgentCard": True},
        "defaultInputModes": _MODES,
        "defaultOutputModes": _MODES,
        "skills": skills[:_MOST_SKILLS],
        "url": url,
        "preferredTransport": "JSONRPC",
        "protocolVersion": "0.3.0",
        "supportsAuthenticatedExtendedCard": False,
    }
    if place.keys:
        told = {"scheme": "bearer", "description": "An API key of this server (engine keys create NAME)."}
        scheme = {"httpAuthSecurityScheme": told, "type": "http", **told}
        card |= {"securitySchemes": {_KEYS: scheme}, "security": [{_KEYS: []}]}
        card["securityRequirements"] = [{"schemes": {_KEYS: {"list": []}}}]
    return card


def tag_of(card: Mapping[str, Any]) -> str:
    """Return a card's ETag."""
    written = json.dumps(card, sort_keys=True, ensure_ascii=True)
    return f'"{hashlib.sha256(written.encode()).hexdigest()[:24]}"'


def _skill_of(spec: ToolSpec) -> dict[str, Any]:
    tags = spec.agent.capabilities if spec.agent is not None else ()
    return _skill(spec.name, " ".join(spec.description.split()) or spec.name, tags or (spec.kind,))


def _skill(name: str, said: str, tags: Sequence[str]) -> dict[str, Any]:
    return {"id": name, "name": name, "description": said, "tags": list(tags)}
