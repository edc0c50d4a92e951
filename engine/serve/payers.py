"""Whose key pays for a run: that of its user, also after a restart, when the key itself did not come along."""

from __future__ import annotations

from schemas.bookkeeping import ApiKey, KeyStore


class Payers:
    """The keys by name. As a function it is ``Gateway.payer``.

    Args:
        store: Where the keys are.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._known: dict[str, ApiKey] = {}

    async def read(self) -> None:
        """Learn which keys there are. Raises StoreError."""
        self._known = {key.name: key for key in await self._store.keys() if key.revoked_at is None}

    def see(self, key: ApiKey | None) -> None:
        """Learn of a key that somebody came with."""
        if key is not None and key.name:
            self._known[key.name] = key

    def __call__(self, user: str) -> ApiKey | None:
        """Return the key of a run's user; None where the user has none."""
        return self._known.get(user)
