"""What was learned from runs, kept as lines by kind and key."""

from __future__ import annotations

import time
from collections.abc import Sequence

from schemas.runs import Note


class MemoryNotes:
    """Keeps notes as long as the process lives (implements ``schemas.stores.Notes``)."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, list[Note]]] = {}
        self._added: dict[tuple[str, str], float] = {}
        self._last = 0

    async def add(
        self,
        kind: str,
        lines: Sequence[tuple[str, str]],
        *,
        keep: int,
        keys: int | None = None,
        durable: bool = False,  # noqa: ARG002 (nothing of memory is)
    ) -> None:
        """Add lines; the oldest beyond ``keep`` a key, and ``keys`` keys, go."""
        by_key = self._kinds.setdefault(kind, {})
        for key, line in lines:
            self._last += 1
            known = by_key.pop(key, [])  # put at the end: the keys stand in the order of their newest lines
            by_key[key] = [*known, Note(position=self._last, key=key, line=line)][-keep:]
            self._added[kind, key] = time.time()
        for key in list(by_key)[: 0 if keys is None else max(0, len(by_key) - keys)]:
            self._remove(kind, key)

    async def load(self, kind: str, key: str | None = None, after: int = 0) -> list[Note]:
        """Return the lines of a kind, or of one key, beyond a position, oldest first."""
        by_key = self._kinds.get(kind, {})
        found = by_key.get(key, []) if key is not None else [note for notes in by_key.values() for note in notes]
        return sorted((note for note in found if note.position > after), key=lambda note: note.position)

    async def drop(self, kind: str, key: str | None = None, *, older_s: float = 0.0) -> int:
        """Remove what nothing was added to for so long."""
        by_key = self._kinds.get(kind, {})
        before = time.time() - older_s
        old = [one for one in by_key if key in (None, one) and self._added[kind, one] <= before]
        for one in old:
            self._remove(kind, one)
        return len(old)

    def _remove(self, kind: str, key: str) -> None:
        del self._kinds[kind][key]
        del self._added[kind, key]
