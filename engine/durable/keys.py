"""API keys in memory."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from schemas.bookkeeping import ApiKey
from schemas.care import Fault
from schemas.errors import ConflictError, NotFoundError


class MemoryKeys:
    """Keeps API keys as long as the process lives (implements ``schemas.bookkeeping.KeyStore``)."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises ConflictError."""
        require_unlike(key, self._keys.values())
        self._keys[key.id] = key

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, or this previous one, or None."""
        return next((key for key in self._keys.values() if key_hash in (key.hash, key.previous_hash)), None)

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        return list(self._keys.values())

    async def change(self, key: ApiKey) -> None:
        """Replace the key of the same id. Raises NotFoundError, ConflictError."""
        if key.id not in self._keys:
            raise no_key(key.id)
        require_unlike(key, [other for other in self._keys.values() if other.id != key.id])
        self._keys[key.id] = key


def require_unlike(key: ApiKey, others: Iterable[ApiKey]) -> None:
    """Hold a key to what tells it from the others.

    Raises:
        ConflictError: Another has its id or secret, or neither is revoked and they have one name.
    """
    for other in others:
        if other.id == key.id:
            raise ConflictError(f"there is an API key {key.id} already")
        if other.hash == key.hash:
            raise ConflictError(f"the secret of API key {key.id} is taken")
        if other.name == key.name and other.revoked_at is None and key.revoked_at is None:
            raise ConflictError(
                f"there is an API key named {key.name!r} already ({other.id})",
                hint="take another name, or rotate or revoke that one",
            )


def no_key(key_id: str) -> NotFoundError:
    """Return what to raise where no key has an id."""
    return NotFoundError(f"there is no API key {key_id}", hint="engine keys list shows those there are")


def key_fault(key_id: str, body: str) -> Fault | None:
    """Return what is wrong with a key as it is kept; None if nothing."""
    try:
        ApiKey.model_validate_json(body)
    except ValidationError as exc:
        place = ".".join(str(part) for part in exc.errors()[0]["loc"]) or "JSON"
        return Fault(code="unreadable", message=f"API key {key_id} cannot be read ({place})")
    return None
