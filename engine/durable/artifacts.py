"""Large results at hand: what this process stored or fetched, so that folding a run never waits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from schemas.driving import StepReused
from schemas.errors import StoreError
from schemas.events import LoggedRecord, StepEnded
from schemas.result import ArtifactRef
from schemas.stores import RunLog


class Artifacts:
    """The artifacts of one run: kept in its log, their values held here.

    Args:
        log: Where they are kept.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._values: dict[str, Any] = {}

    async def keep(self, value: Any, data: bytes, preview: str) -> ArtifactRef:
        """Keep a value under the hash of its JSON.

        Raises:
            StoreError: The log cannot keep it.
        """
        digest = await self._log.put_artifact(data)
        self._values[digest] = value
        return ArtifactRef(sha256=digest, size_bytes=len(data), preview=preview)

    async def fetch(self, records: Iterable[LoggedRecord]) -> None:
        """Bring every artifact these events name.

        Raises:
            NotFoundError: One is gone.
        """
        for sha256 in references(records):
            if sha256 not in self._values:
                self._values[sha256] = json.loads(await self._log.get_artifact(sha256))

    def value(self, ref: ArtifactRef) -> Any:
        """Return an artifact's value.

        Raises:
            StoreError: It was neither stored nor fetched here.
        """
        if ref.sha256 not in self._values:
            raise StoreError(f"artifact {ref.sha256[:12]} is not loaded")
        return self._values[ref.sha256]


def references(records: Iterable[LoggedRecord]) -> list[str]:
    """Return the hash of every artifact that events name, each once."""
    events = (record.event for record in records)
    results = (event.result for event in events if type(event) is StepEnded or type(event) is StepReused)
    return list(dict.fromkeys(result.artifact.sha256 for result in results if result.artifact is not None))
