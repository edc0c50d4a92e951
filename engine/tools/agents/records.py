"""What the store says of agents: one line an agent, the last one counts; read by every process on the store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from pydantic import ValidationError

from engine.durable.audit import accounted
from schemas.agents import AgentSettings
from schemas.audit import AuditEntry
from schemas.stores import RunStore

KIND = "agents"
Source = Literal["configuration", "registry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One agent as it is declared.

    Attributes:
        settings: What is said of it.
        source: Who says so: the configuration, or somebody at run time.
    """

    settings: AgentSettings
    source: Source

    def alike(self, other: Entry) -> bool:
        """Whether two differ in nothing but in being enabled."""
        return self.settings == other.settings.model_copy(update={"enabled": self.settings.enabled})


class Records:
    """The lines of a store.

    Args:
        store: Where they are kept, and who said them.
        configured: The agents of the configuration by name: of these a line says only whether they are enabled.
        shared: Whether other processes may write, so that it pays to look again.
    """

    def __init__(self, store: RunStore, configured: dict[str, AgentSettings], *, shared: bool) -> None:
        self.shared = shared
        self._store = store
        self._configured = configured
        self._seen = 0

    async def changed(self) -> dict[str, Entry | None]:
        """Return what was said since the last time, by name; None: it was removed. Raises StoreError."""
        found: dict[str, Entry | None] = {}
        for note in await self._store.notes.load(KIND, after=self._seen):
            self._seen = max(self._seen, note.position)
            try:
                found[note.key] = self._read(note.key, note.line)
            except (ValueError, ValidationError):  # a line of another release
                structlog.get_logger("engine.agents").warning(f"what the store says of agent '{note.key}' is left out")
        return {name: entry for name, entry in found.items() if entry is not None or name not in self._configured}

    async def write(self, name: str, entry: Entry | None, act: str, by: str = "", through: str = "") -> None:
        """Say what an agent is from now on; None: it is removed. ``act`` names that in the audit trail.

        Raises:
            StoreError: It cannot be written.
        """
        line: dict[str, Any] = {"settings": None, "by": by}
        told: dict[str, Any] | None = None
        if entry is not None:
            line["enabled"] = entry.settings.enabled
            told = {"enabled": entry.settings.enabled}
        if entry is not None and entry.source == "registry":  # what is configured may hold secrets: none is kept
            told = line["settings"] = entry.settings.model_dump(mode="json", exclude_defaults=True)
        what = {"what": "agent", "about": name, "act": act, "input": told}
        account = AuditEntry.model_validate({"at": 0.0, **what, "by": by, "through": through})
        async with accounted(self._store.audit_book, account):
            await self._store.notes.add(KIND, [(name, json.dumps(line))], keep=1, durable=True)

    def _read(self, name: str, line: str) -> Entry | None:
        told = json.loads(line)
        configured = self._configured.get(name)
        if configured is not None:
            if "enabled" not in told:
                return None
            return Entry(configured.model_copy(update={"enabled": bool(told["enabled"])}), "configuration")
        return None if told["settings"] is None else Entry(AgentSettings.model_validate(told["settings"]), "registry")
