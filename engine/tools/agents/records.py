"""What the store says of agents: one line an agent, the last one counts; read by every process on the store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from pydantic import ValidationError

from schemas.agents import AgentSettings
from schemas.stores import Notes

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
        notes: Where they are kept.
        configured: The agents of the configuration by name: of these a line says only whether they are enabled.
        shared: Whether other processes may write, so that it pays to look again.
    """

    def __init__(self, notes: Notes, configured: dict[str, AgentSettings], *, shared: bool) -> None:
        self.shared = shared
        self._notes = notes
        self._configured = configured
        self._seen = 0

    async def changed(self) -> dict[str, Entry | None]:
        """Return what was said since the last time, by name; None: it was removed. Raises StoreError."""
        found: dict[str, Entry | None] = {}
        for note in await self._notes.load(KIND, after=self._seen):
            self._seen = max(self._seen, note.position)
            try:
                found[note.key] = self._read(note.key, note.line)
            except (ValueError, ValidationError):  # a line of another release
                structlog.get_logger("engine.agents").warning(f"what the store says of agent '{note.key}' is left out")
        return {name: entry for name, entry in found.items() if entry is not None or name not in self._configured}

    async def write(self, name: str, entry: Entry | None, by: str = "") -> None:
        """Say what an agent is from now on; None: it is removed. Raises StoreError."""
        line: dict[str, Any] = {"settings": None, "by": by}
        if entry is not None:
            line["settings"] = entry.settings.model_dump(mode="json", exclude_defaults=True)
            line["enabled"] = entry.settings.enabled
        await self._notes.add(KIND, [(name, json.dumps(line))], keep=1)

    def _read(self, name: str, line: str) -> Entry | None:
        told = json.loads(line)
        configured = self._configured.get(name)
        if configured is not None:
            if told["settings"] is None:
                return None
            return Entry(configured.model_copy(update={"enabled": bool(told["enabled"])}), "configuration")
        return None if told["settings"] is None else Entry(AgentSettings.model_validate(told["settings"]), "registry")
