"""All filters of a configuration, and the chain of one call.

A filter that a listener names sees the calls of that listener; one that no listener names sees every call, those of the
engine in process too. ``models`` and ``agents`` narrow both. A chain covers every model that a call may fall back to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import anyio.to_thread

from gateway.filters.base import Facts, Outside
from gateway.filters.chain import Chain
from gateway.filters.kinds import make_body_filter, make_text_filter
from gateway.filters.member import Member
from schemas.errors import ConfigError
from schemas.gateway import FilterSettings
from schemas.settings import Settings

_REMEMBERED = 1024


class Filters:
    """The filters of a configuration, made once.

    Args:
        settings: Filters, and the listeners that name them.
        environ: Where ``$NAME`` in headers is looked up.
        outside: What the gateway cannot do by itself.

    Raises:
        ConfigError: A filter is wrong, or a listener names one that is not there.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], outside: Outside | None = None) -> None:
        self._outside = outside or Outside()
        self._in_thread = self._outside.in_thread or in_worker_thread
        self._environ = environ
        self._made: dict[str, tuple[FilterSettings, Callable[[Facts], Member]]] = {}
        for index, one in enumerate(settings.filters):
            where = f"filters[{index}] ({one.name})"
            if one.name in self._made:
                raise ConfigError(f"{where}: there is a filter of that name already")
            self._made[one.name] = (one, self._make(one, where))
        self._listeners = {listener.name: listener.filters for listener in settings.listeners}
        for listener, names in self._listeners.items():
            for name in names:
                if name not in self._made:
                    known = f"there are {', '.join(self._made)}" if self._made else "none is declared under filters"
                    raise ConfigError(f"listener '{listener}': there is no filter '{name}'", hint=known)
        named = {name for names in self._listeners.values() for name in names}
        self._everywhere = tuple(name for name in self._made if name not in named)
        self._chosen = functools.lru_cache(_REMEMBERED)(self._choose)

    def __bool__(self) -> bool:
        return bool(self._made)

    def chain(self, facts: Facts) -> Chain | None:
        """Return the filters of one call; None where there are none. Costs a look-up and one object a filter."""
        if not self._made:
            return None
        return self._chained(self._chosen(facts.listener, (facts.asked, *facts.models), facts.agent), facts)

    def named(self, facts: Facts) -> Chain | None:
        """Return the filters that a call's listener names; None where it names none that see this call."""
        names = self._listeners.get(facts.listener, ())
        return self._chained(self._seeing(names, (facts.asked,), facts.agent), facts)

    async def aclose(self) -> None:
        """Close the connections to filters."""
        close = getattr(self._outside.post, "aclose", None)
        if close is not None:
            await close()

    def _make(self, one: FilterSettings, where: str) -> Callable[[Facts], Member]:
        if one.kind in ("http", "mcp", "python"):
            body = make_body_filter(one, self._environ, self._outside, self._in_thread, where)
            return lambda _: Member(one, None, body)
        text = make_text_filter(one, where)
        return lambda facts: Member(one, text.session(facts), None)

    def _choose(self, listener: str, models: tuple[str, ...], agent: str) -> tuple[Callable[[Facts], Member], ...]:
        return self._seeing((*self._everywhere, *self._listeners.get(listener, ())), models, agent)

    def _chained(self, chosen: Sequence[Callable[[Facts], Member]], facts: Facts) -> Chain | None:
        return Chain([make(facts) for make in chosen], facts, self._in_thread) if chosen else None

    def _seeing(
        self, names: Sequence[str], models: tuple[str, ...], agent: str
    ) -> tuple[Callable[[Facts], Member], ...]:
        return tuple(
            make
            for one, make in (self._made[name] for name in names)
            if _matches(one.models, models) and _matches(one.agents, (agent,))
        )


def _matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns for name in names if name)


async def in_worker_thread(function: Any) -> Any:
    """Run a blocking function in a thread of anyio's; a call that is given up on is abandoned."""
    return await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
