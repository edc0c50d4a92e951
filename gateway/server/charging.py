"""Whose run a call may count to: its owner's key, or one that may charge every run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from schemas.bookkeeping import ApiKey
from schemas.errors import NotFoundError, ScopeError

MOST_KNOWN = 10_000


class Charging:
    """Holds ``x-engine-run`` to the runs that a key may charge. A run keeps its owner, so one look-up is enough.

    Args:
        owner: Gives whose a run is, or raises NotFoundError; None: nothing is known of runs here.
    """

    def __init__(self, owner: Callable[[str], Awaitable[str]] | None) -> None:
        self._owner = owner
        self._known: dict[str, str] = {}

    async def check(self, key: ApiKey | None, run_id: str) -> None:
        """Return if calls with this key may count to a run. Where no key is needed everybody may.

        Raises:
            ScopeError: They may not; a run of somebody else and one that is not there are not told apart.
            StoreError: The run cannot be looked up.
        """
        if key is None or {"runs", "admin"} & set(key.scopes):
            return
        if not key.name or await self._whose(run_id) != key.name:
            raise ScopeError(
                f"x-engine-run: the API key {key.name!r} has no run {run_id[:80]!r}",
                hint="send the key of the run's user, or one made with --scope runs",
            )

    async def _whose(self, run_id: str) -> str | None:
        known = self._known.get(run_id)
        if known is None and self._owner is not None:
            try:
                known = await self._owner(run_id)
            except NotFoundError:
                return None
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[run_id] = known
        return known
