"""An A2A agent's card: who it is, what it can do, where and how it is spoken to.

Source: A2A specification 1.0, sections 4.4 (agent discovery objects), 4.5 (security objects), 8.3 (which interface a
client takes); 0.3.0, section 5.5 (``url``, ``preferredTransport``, ``additionalInterfaces``). Signatures are read past.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from engine.tools.agents.a2a.messages import entries, mapping, text
from schemas.errors import ToolFailedError

Version = Literal["1.0", "0.3"]
WELL_KNOWN = (".well-known/agent-card.json", ".well-known/agent.json")
"""Where a card is below an agent's address: since 0.3, and before."""

_TRANSPORT = "JSONRPC"


@dataclass(frozen=True, slots=True)
class KeyScheme:
    """One way in which an agent takes a key.

    Attributes:
        place: ``bearer``, or where a key of its own ``name`` stands.
        name: The header's, parameter's or cookie's name.
    """

    place: Literal["bearer", "basic", "header", "query", "cookie"]
    name: str = "Authorization"


@dataclass(frozen=True, slots=True)
class Card:
    """What the engine uses of a card.

    Attributes:
        source: Where the card was read.
        url: Where messages are posted.
        version: Of the protocol spoken there.
        tenant: Sent with every request where the interface names one.
        streams: Whether it sends updates while it works.
        capabilities: Its skills' names and tags, for people who look for an agent.
        agent_version: Its own version.
        schemes: Ways it takes keys, those it asks for first.
    """

    name: str
    description: str
    source: str
    url: str
    version: Version
    tenant: str = ""
    streams: bool = False
    capabilities: tuple[str, ...] = ()
    agent_version: str = ""
    schemes: tuple[KeyScheme, ...] = ()


def card_addresses(address: str) -> list[str]:
    """Return where the card of an agent may be: the address itself where it names a document, or below it.

    >>> card_addresses("https://agents.example.com/weather/")[0]
    'https://agents.example.com/weather/.well-known/agent-card.json'
    >>> card_addresses("https://example.com/cards/weather.json")
    ['https://example.com/cards/weather.json']
    """
    if urlsplit(address).path.endswith(".json"):
        return [address]
    return [f"{address.rstrip('/')}/{path}" for path in WELL_KNOWN]


def read_card(body: bytes, source: str) -> Card:
    """Return a card.

    Args:
        body: The document.
        source: Its address, for messages and for addresses that are relative to it.

    Raises:
        ToolFailedError: It is no card, or the agent speaks no protocol that is spoken here.
    """
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise ToolFailedError(f"what is at {source} is no agent card: it is no JSON") from None
    raw = mapping(parsed)
    if not text(raw.get("name")) or not (raw.get("supportedInterfaces") or raw.get("url")):
        raise ToolFailedError(
            f"what is at {source} is no agent card: it has no name, or says not where the agent is",
            hint="give the agent's address, or the whole address of its card",
        )
    interface = _interface(raw, source)
    skills = [mapping(skill) for skill in entries(raw.get("skills"))]
    return Card(
        name=text(raw.get("name")),
        description=_described(raw, skills),
        source=source,
        url=interface.url,
        version=interface.version,
        tenant=interface.tenant,
        streams=mapping(raw.get("capabilities")).get("streaming") is True,
        capabilities=tuple(dict.fromkeys(_words(skills))),
        agent_version=text(raw.get("version")),
        schemes=tuple(dict.fromkeys(_schemes(raw))),
    )


@dataclass(frozen=True, slots=True)
class _Interface:
    url: str
    version: Version
    tenant: str


def _interface(raw: Mapping[str, Any], source: str) -> _Interface:
    """Return the first interface that is spoken here, in the order of the card."""
    offered = list(_offered(raw))
    for entry in offered:
        version = _spoken(text(entry.get("protocolVersion")))
        url = text(entry.get("url"))
        if url and version and text(entry.get("protocolBinding")).upper() in (_TRANSPORT, ""):
            where = urljoin(source, url)
            if urlsplit(where).scheme in ("http", "https"):
                return _Interface(where, version, text(entry.get("tenant")))
    listed = ", ".join(f"{one.get('protocolBinding') or '?'} {one.get('protocolVersion') or '?'}" for one in offered)
    raise ToolFailedError(
        f"the agent at {source} speaks only {listed or 'nothing it names'}",
        hint="JSONRPC of A2A 1.0 and 0.3 is spoken here",
    )


def _offered(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the interfaces in the form of 1.0."""
    listed = [mapping(entry) for entry in entries(raw.get("supportedInterfaces"))]
    if listed:
        yield from listed
        return
    version = text(raw.get("protocolVersion")) or "0.3.0"
    first = {"url": raw.get("url"), "transport": raw.get("preferredTransport") or _TRANSPORT}
    for entry in (first, *(mapping(one) for one in entries(raw.get("additionalInterfaces")))):
        yield {"url": entry.get("url"), "protocolBinding": entry.get("transport"), "protocolVersion": version}


def _spoken(version: str) -> Version | None:
    """Return how a version is spoken here; patch versions make no difference, 0.2 had the words of 0.3.

    >>> _spoken("1.0.1"), _spoken("0.2.6"), _spoken("2.0")
    ('1.0', '0.3', None)
    """
    major, _, rest = version.partition(".")
    if major == "1":
        return "1.0"
    return "0.3" if major == "0" and rest.partition(".")[0] in ("2", "3") else None


def _described(raw: Mapping[str, Any], skills: list[Mapping[str, Any]]) -> str:
    """Return the agent's description and its skills', a line each, for the planner."""
    lines = [" ".join(text(raw.get("description")).split()) or text(raw.get("name"))]
    for skill in skills:
        said = " ".join(text(skill.get("description")).split())
        lines.append(f"- {text(skill.get('name')) or text(skill.get('id'))}{f': {said}' if said else ''}")
    return "\n".join(lines)


def _words(skills: list[Mapping[str, Any]]) -> Iterator[str]:
    for skill in skills:
        yield from (word for word in (text(skill.get("name")) or text(skill.get("id")),) if word)
        yield from (tag for tag in map(text, entries(skill.get("tags"))) if tag)


def _schemes(raw: Mapping[str, Any]) -> Iterator[KeyScheme]:
    """Yield how keys are taken: what is required first, then what is only declared."""
    declared = mapping(raw.get("securitySchemes"))
    required = entries(raw.get("securityRequirements") or raw.get("security"))
    asked = [name for entry in required for name in (mapping(mapping(entry).get("schemes")) or mapping(entry))]
    for name in (*asked, *declared):
        scheme = _scheme(mapping(declared.get(name)))
        if scheme is not None:
            yield scheme


def _scheme(raw: Mapping[str, Any]) -> KeyScheme | None:
    """Return one scheme of either version; None for what a key alone does not open (mutual TLS)."""
    kind = text(raw.get("type")) or next((key.removesuffix("SecurityScheme") for key in raw), "")
    inner = mapping(raw.get(f"{kind}SecurityScheme")) or raw
    if kind == "apiKey":
        place, name = text(inner.get("location") or inner.get("in")).lower(), text(inner.get("name"))
        return KeyScheme(place, name) if place in ("header", "query", "cookie") and name else None
    if kind in ("http", "httpAuth"):
        return KeyScheme("basic" if text(inner.get("scheme")).lower() == "basic" else "bearer")
    return KeyScheme("bearer") if kind in ("oauth2", "openIdConnect") else None
