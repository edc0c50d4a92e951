"""API keys in memory."""

from __future__ import annotations

from schemas.bookkeeping import ApiKey
from schemas.errors import ConflictError, NotFoundError


class MemoryKeys:
    """Keeps API keys as long as the process lives (implements ``schemas.bookkeeping.KeyStore``)."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises ConflictError."""
        self._keys[key.id] = _unlike(key, [*self._keys.values()])

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, or this previous one, or None."""
        return next((key for key in self._keys.values() if key_hash in (key.hash, key.previous_hash)), None)

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        return list(self._keys.values())

    async def change(self, key: ApiKey) -> None:
        """Replace the key of the same id. Raises NotFoundError, ConflictError."""
        if key.id not in self._keys:
            raise NotFoundError(f"there is no API key {key.id}", hint="engine keys list shows those there are")
        self._keys[key.id] = _unlike(key, [other for other in self._keys.values() if other.id != key.id])


def _unlike(key: ApiKey, others: list[ApiKey]) -> ApiKey:
    """Return the key, if it differs from the others where it must. Raises ConflictError."""
    for other in others:
        if other.id == key.id:
            raise ConflictError(f"there is an API key {key.id} already")
        if {key.hash, key.previous_hash} & {other.hash, other.previous_hash} - {None}:
            raise ConflictError(f"the secret of API key {key.id} is taken")
        if other.name == key.name and other.revoked_at is None and key.revoked_at is None:
            raise ConflictError(
                f"there is an API key named {key.name!r} already ({other.id})", hint="revoke it, or take another name"
            )
    return key
