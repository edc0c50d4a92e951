"""A store that is named, and opened when it is first used: an Engine is made without waiting for anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from schemas.audit import AuditBook
from schemas.bookkeeping import AnswerCache, KeyStore, UsageBook
from schemas.protocols import Ledger
from schemas.stores import Notes, RunStore


class _Later:
    """Hands each call on to what is there only once it is asked for; every method is a coroutine.

    Args:
        get: Gives what is called.
    """

    def __init__(self, get: Callable[[], Awaitable[Any]]) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await getattr(await self._get(), name)(*args, **kwargs)

        return call


class _LaterStore(_Later):
    """A store that is opened at its first use (stands for ``schemas.stores.RunStore``)."""

    local = False

    def __init__(self, open_it: Callable[[], Awaitable[RunStore]]) -> None:
        super().__init__(self._opened)
        self._open = open_it
        self._store: RunStore | None = None

    def _part(self, name: str) -> _Later:
        async def get() -> Any:
            return getattr(await self._opened(), name)

        return _Later(get)

    async def _opened(self) -> RunStore:
        if self._store is None:
            store = await self._open()
            if self._store is None:
                self._store = store
            else:  # somebody else opened it meanwhile
                await store.aclose()
        return self._store

    def ledger(self, owner: Callable[[], str] = str) -> Ledger:
        """Return the store's budgets."""

        async def get() -> Ledger | None:
            return (await self._opened()).ledger(owner)

        return cast("Ledger", _Later(get))

    @property
    def notes(self) -> Notes:
        """What was learned."""
        return cast("Notes", self._part("notes"))

    @property
    def key_store(self) -> KeyStore:
        """The API keys."""
        return cast("KeyStore", self._part("key_store"))

    @property
    def usage_book(self) -> UsageBook:
        """What model calls used."""
        return cast("UsageBook", self._part("usage_book"))

    @property
    def answer_cache(self) -> AnswerCache:
        """Kept answers."""
        return cast("AnswerCache", self._part("answer_cache"))

    @property
    def audit_book(self) -> AuditBook:
        """The audit trail."""
        return cast("AuditBook", self._part("audit_book"))

    async def aclose(self) -> None:
        """Close the store, if it was opened; the next use opens it anew."""
        store, self._store = self._store, None
        if store is not None:
            await store.aclose()


def opened_later(open_it: Callable[[], Awaitable[RunStore]]) -> RunStore:
    """Return a store that is opened when it is first used, which is when an error shows.

    Args:
        open_it: Opens it, such as ``open_store`` with its arguments.
    """
    return cast("RunStore", _LaterStore(open_it))
