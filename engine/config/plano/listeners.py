"""Plano's agents, filters and listeners: an agent listener is an assistant on a port of its own.

Source: katanemo/plano, docs/source/concepts/{agents,listeners,filter_chain}.rst; cli/planoai/utils.py
(``convert_legacy_listeners``); crates/brightstaff/src/handlers/agents/selector.rs (one agent alone is asked directly).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.config.plano.models import Models
from engine.config.plano.section import Section

_PORTS: Mapping[str, int] = {"model": 12_000, "prompt": 10_000, "agent": 8_001}
_HERE = "127.0.0.1"
_ADDED = "egress_traffic"


@dataclass(slots=True)
class Team:
    """Agents, assistants, listeners and filters of ours, as entries of the settings."""

    agents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    assistants: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    listeners: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    filters: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    sides: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    model_timeout_s: float | None = None
    prompts: list[Section] = field(default_factory=list[Section])


def read_team(top: Section, models: Models) -> Team:
    """Return the agents, filters and listeners of a file."""
    team = Team()
    places: dict[str, tuple[Section, str]] = {}
    for entry in top.sections("agents"):
        name, url = _place(entry)
        _unique(entry, name, places)
        places[name] = entry, url
    for entry in top.sections("filters"):
        _unique(entry, entry.text("id"), {**team.filters, **places})
        _filter(entry, team)
    for listener in _listed(top):
        _listener(listener, team, models, {name: url for name, (_, url) in places.items()})
    for name, (entry, _) in places.items():
        if not any(agent["model"] == name for agent in team.agents.values()):
            entry.found.note(entry.path, f"agent {name!r} stands behind no listener, and is left out")
    if not any(each["name"] == _ADDED or each["type"] == "model" for each in team.listeners):
        team.listeners.append(_model_listener(_ADDED, _HERE, _PORTS["model"], models))
    for name, entry in team.filters.items():
        entry["on"] = [side for side in ("input", "output") if side in team.sides.get(name, ())] or ["input"]
    for listener in team.listeners:
        listener.pop("type", None)
    return team


def _unique(entry: Section, name: str, known: Mapping[str, Any]) -> None:
    if name and name in known:
        entry.found.problem(entry.at("id"), f"{name!r} is taken", "ids are unique among agents and filters")


def _place(entry: Section) -> tuple[str, str]:
    name, url = entry.needs("id"), entry.needs("url")
    entry.close()
    return name, url


def _filter(entry: Section, team: Team) -> None:
    name, url = entry.needs("id"), entry.needs("url").rstrip("/")
    kind, tool = entry.text("type") or "mcp", entry.text("tool")
    if (transport := entry.text("transport")) not in ("", "streamable-http"):
        entry.cannot("transport", f"{transport} is not spoken: streamable HTTP is tried")
    entry.close()
    if kind not in ("mcp", "http"):
        entry.found.problem(entry.at("type"), f"expected mcp or http, not {kind!r}")
    elif name and url:
        at = {"url": url} if kind == "http" else {"mcp": f"{url}/mcp", "tool": tool or name}
        team.filters[name] = {"name": safe(name), "kind": kind, **at}


def _listed(top: Section) -> list[Section]:
    """Return the listeners; the older form names two of them by what passes through."""
    if not isinstance(top.raw.get("listeners"), dict):
        return top.sections("listeners")
    old = top.section("listeners")
    found: list[Section] = []
    for key, kind in (("ingress_traffic", "prompt"), ("egress_traffic", "model")):
        part = old.section(key) if old is not None else None
        if part is not None:
            part.text("message_format")
            found.append(Section({**part.raw, "type": kind, "name": key}, part.path, top.found))
            found[-1].text("message_format")
    if old is not None:
        old.close()
    return found


def _listener(entry: Section, team: Team, models: Models, places: Mapping[str, str]) -> None:
    kind, name = entry.needs("type"), entry.needs("name")
    if kind not in _PORTS or not name:
        if kind and name:
            entry.found.problem(entry.at("type"), f"expected agent, model or prompt, not {kind!r}")
        return
    host, port = _address(entry), _port(entry, _PORTS[kind])
    timeout_s = entry.seconds("timeout")
    entry.cannot("max_retries", "how often a provider is tried again is not set a listener: not honoured")
    chain = [*_chain(entry, "input_filters", "input", team), *_chain(entry, "filter_chain", "input", team)]
    chain += [one for one in _chain(entry, "output_filters", "output", team) if one not in chain]
    if kind == "model":
        team.model_timeout_s = timeout_s or team.model_timeout_s
        team.listeners.append(_model_listener(name, host, port, models) | {"filters": chain})
    else:
        made: dict[str, Any] = {"name": name, "agents": [], "tools": []}
        if kind == "agent":
            made |= _members(entry, team, places, chain)
        else:
            team.prompts.append(entry)
        team.assistants.append(made | ({"run_seconds": timeout_s} if timeout_s else {}))
        said = {"type": kind, "name": name, "host": host, "port": port, "models": [name], "always": name}
        team.listeners.append(said | {"filters": chain})
    entry.text("router")
    entry.close()


def _port(entry: Section, usual: int) -> int:
    port = entry.number("port")
    if port is not None and port not in range(65_536):
        entry.found.problem(entry.at("port"), f"expected a port, not {port:g}", "0 takes a free one, 65535 is the last")
        return usual
    return usual if port is None else int(port)


def _address(entry: Section) -> str:
    """Return where it listens. Plano's default is the whole network, without keys: here it is this machine."""
    host = entry.text("address")
    if host and host not in (_HERE, "localhost", "::1"):
        entry.found.note(entry.at("address"), f"others reach {host}: clients there need a key (engine keys add)")
    elif not host:
        entry.found.note(entry.path, f"listens on {_HERE} only, as it has no address; 0.0.0.0 opens it")
    return host or _HERE


def _model_listener(name: str, host: str, port: int, models: Models) -> dict[str, Any]:
    default = "auto" if models.preferences else models.default
    said: dict[str, Any] = {"type": "model", "name": name, "host": host, "port": port, "models": models.names()}
    return said | ({"default_model": default} if default else {})


def _chain(entry: Section, key: str, side: str, team: Team) -> list[str]:
    chain: list[str] = []
    for name in entry.texts(key):
        if name not in team.filters:
            known = ", ".join(team.filters) or "none"
            entry.found.problem(entry.at(key), f"there is no filter {name!r}", f"there are {known}")
            continue
        team.sides.setdefault(name, set()).add(side)
        chain.append(team.filters[name]["name"])
    return chain


def _members(entry: Section, team: Team, places: Mapping[str, str], chain: list[str]) -> dict[str, Any]:
    """Return what the assistant of an agent listener says of its agents."""
    members, names = entry.sections("agents"), list[str]()
    made: dict[str, Any] = {"agents": names}
    for member in members:
        name, description = member.needs("id"), member.text("description")
        is_default = member.flag("default")
        _agent_filters(member, team, chain, alone=len(members) == 1)
        member.close()
        if name not in places:
            why = f"there is no agent {name!r} (there are {', '.join(places) or 'none'}): left out"
            member.found.note(member.at("id"), why)
            continue
        names.append(_agent(name, description, places[name], entry.text("name"), team))
        if is_default:
            made["default"] = names[-1]
    if len(names) == 1:
        made["passthrough"] = names[0]
    if not members:
        entry.found.problem(entry.at("agents"), "missing", "an agent listener names its agents")
    return made


def _agent(name: str, description: str, url: str, listener: str, team: Team) -> str:
    """Declare an agent; one that another listener describes otherwise is declared twice."""
    said = {"name": safe(name), "description": _plain(description), "url": url, "model": name}
    if team.agents.get(said["name"], said) != said:
        said["name"] = safe(f"{name}.{listener}")
    team.agents[said["name"]] = said
    return said["name"]


def _agent_filters(member: Section, team: Team, chain: list[str], *, alone: bool) -> None:
    """Filters of one agent: of a listener's only agent they are the listener's."""
    for key in ("input_filters", "filter_chain"):
        names = _chain(member, key, "input", team)
        if alone:
            chain.extend(name for name in names if name not in chain)
        elif names:
            why = "filters of one agent among several are not honoured: name them for the listener"
            member.found.note(member.at(key), why)


def safe(name: str) -> str:
    """Return a name as tools, agents and filters may have it.

    >>> safe("weather agent/2")
    'weather_agent_2'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:64].lstrip(".-") or "_"


def _plain(description: str) -> str:
    lines = [line.strip() for line in description.strip().splitlines()]
    return "\n".join(line for line in lines if line)
