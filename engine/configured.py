"""Which configuration was in force when: told to the audit trail whenever a server takes one up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import structlog

from engine.durable.audit import canonical
from schemas.audit import AuditBook, AuditEntry
from schemas.errors import StoreError
from schemas.settings import Settings


@dataclass(slots=True)
class ConfigurationAccount:
    """Tells each configuration that a server takes up, by the hashes of its sections: never what stands in them.

    Attributes:
        book: The audit trail.
        source: Where the configuration comes from, for people.
        through: What took it up: gateway or serve.
    """

    book: AuditBook
    source: str
    through: str
    _sections: dict[str, str] | None = None

    async def __call__(self, settings: Settings) -> None:
        """Tell it. A trail that cannot be written keeps no server from serving: that is logged."""
        written = settings.model_dump(mode="json", exclude_defaults=True)
        before, sections = self._sections or {}, {name: _hash(value) for name, value in written.items()}
        changed = sorted(name for name in {*sections, *before} if sections.get(name) != before.get(name))
        again, self._sections = self._sections is not None, sections
        reason = f"changed: {', '.join(changed) or 'nothing'}" if again else ""
        what = {"what": "configuration", "about": self.source, "act": "reloaded" if again else "loaded"}
        hashes = {"sha256": _hash(sections), "sections": sections}
        told = {"at": 0.0, **what, "through": self.through, "reason": reason, "input": hashes}
        entry = AuditEntry.model_validate(told)
        try:
            await self.book.add([entry])
        except StoreError as exc:
            structlog.get_logger("engine.audit").warning(
                "the audit trail cannot say which configuration is in force", error=exc.message
            )


def _hash(value: object) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()
