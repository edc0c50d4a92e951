"""Holds agents for whoever calls them: an engine that was entered, else each run by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc

from engine.beside import beside
from engine.tools.agents.member import Member

SHARED = ""
"""The name of the owner that is the engine and not one run."""


class Holding:
    """Who holds agents now: a group of tasks each."""

    def __init__(self) -> None:
        self._groups: dict[str, anyio.abc.TaskGroup] = {}

    @asynccontextmanager
    async def by(
        self, owner: str, members: Iterable[Member], meanwhile: Callable[[], Coroutine[Any, Any, None]] | None
    ) -> AsyncGenerator[None]:
        """Hold agents until the block is left, and do something meanwhile; nothing where the engine does already.

        Cancellation: processes that were started for agents are ended.
        """
        if SHARED in self._groups or owner in self._groups:
            yield
            return
        async with beside() as group:
            self._groups[owner] = group
            for member in members:
                self._hold(member, owner, group)
            if meanwhile is not None:
                group.start_soon(meanwhile)
            try:
                yield
            finally:
                del self._groups[owner]

    def also(self, member: Member, then: Callable[[Member], Coroutine[Any, Any, None]]) -> None:
        """Have everybody hold one more, and do something with it."""
        for owner, group in self._groups.items():
            self._hold(member, owner, group)
            group.start_soon(then, member)

    def _hold(self, member: Member, owner: str, group: anyio.abc.TaskGroup) -> None:
        scope = anyio.CancelScope()
        member.scopes.append(scope)
        group.start_soon(self._held, member, owner, scope)

    async def _held(self, member: Member, owner: str, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                async with member.agent.hosting(owner):
                    await anyio.sleep_forever()
        finally:
            member.scopes.remove(scope)
