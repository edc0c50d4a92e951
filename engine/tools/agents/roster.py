"""The agents of an engine: those of its configuration and those added while it runs, and how each is doing.

What is added, disabled or removed stands in the store's notes, so that every process on the same store knows it, from
its next plan on. Each agent is looked at again and again: one that is down is declared and not available, which plans
are told, until it is back.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import anyio
import structlog

from engine.tools.agents.base import Place, spec_of
from engine.tools.agents.holding import SHARED, Holding
from engine.tools.agents.kinds import made
from engine.tools.agents.member import FIRST_PAUSE_S, AgentState, Member
from engine.tools.agents.records import Entry, Records
from engine.tools.agents.secrecy import require_named
from engine.tools.registry import RESERVED, Registry
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ConflictError, NotFoundError, StoreError

POLL_S = 2.0

Paused = Callable[[Iterable[str]], Awaitable[Mapping[str, str]]]
"""(names of agents) → why those whose budget is used up are paused, by name."""


class Roster:
    """All agents of an engine.

    Args:
        configured: Those of the configuration.
        registry: Where they are declared as tools.
        place: What they are made against.
        records: What the store says of them.
        paused: Tells whose budget is used up.

    Raises:
        ConfigError: An entry is wrong, or its name is taken.
    """

    def __init__(
        self, configured: Iterable[AgentSettings], registry: Registry, place: Place, records: Records, paused: Paused
    ) -> None:
        self._registry = registry
        self._place = place
        self._records = records
        self._paused_now = paused
        self._paused: Mapping[str, str] = {}
        self._members: dict[str, Member] = {}
        self._holding = Holding()
        self._configured = {}
        self._log = structlog.get_logger("engine.agents")
        for index, settings in enumerate(configured):
            where = f"agents[{index}]"
            self._require_free(settings.name, where)
            self._configured[settings.name] = settings
            self._join(Entry(settings, "configuration"))

    @asynccontextmanager
    async def hosting(self, owner: str = SHARED) -> AsyncGenerator[None]:
        """Hold what agents need, and look after them, for a run or (without its id) for the engine and all its runs.

        Cancellation: processes that were started for agents are ended.
        """
        looks = self._look_after if self._records.shared or self._members else None
        async with self._holding.by(owner, self._members.values(), looks):
            yield

    async def ready(self) -> None:
        """Read what others changed, and look at each agent that nobody looked at lately; return when all have answered.

        Cost: one exchange with each such agent, all at once; none where somebody looks after them.
        """
        await self.refresh()
        await self._look()
        if fresh := [name for name, one in self._members.items() if not one.looked and one.settings.enabled]:
            await self.check(fresh)  # whoever looks at them already has not come back

    async def refresh(self) -> None:
        """Take in what the store says of agents, and whose budget is used up. A store that is away changes nothing."""
        try:
            changed = await self._records.changed()
            for name, entry in changed.items():
                self._take(name, entry)
            names = tuple(self._members)
            self._paused = await self._paused_now(names) if names else {}
        except StoreError as exc:
            self._log.info("the registry of agents cannot be read", error=exc.message)
            return
        for member in self._members.values():
            self._publish(member)

    def states(self, capability: str = "") -> list[AgentState]:
        """Return how each is, by name; with a capability only those that have it (the word, or a part of it)."""
        found = [member.state(self._paused) for _, member in sorted(self._members.items())]
        word = capability.casefold()
        return [one for one in found if not word or any(word in has.casefold() for has in one.capabilities)]

    def state(self, name: str) -> AgentState:
        """Return how one is. Raises NotFoundError."""
        return self._member(name).state(self._paused)

    # ------------------------------------------------------------------ changing

    async def add(
        self, settings: AgentSettings, *, replace: bool = False, by: str = "", through: str = ""
    ) -> AgentState:
        """Add an agent, here and, by the store, everywhere.

        Args:
            settings: It; secrets are named (``$NAME``), never written.
            replace: Take the place of one that was added before.
            by, through: Who does it, and by what, for the audit trail.

        Raises:
            ConfigError: It is wrong, its name is taken, or a secret is written out.
            ConflictError: There is an agent of that name.
            StoreError: It cannot be kept.
        """
        name = settings.name
        if name in self._configured or (name in self._members and not replace):
            where = "is in the configuration" if name in self._configured else "is there already"
            raise ConflictError(f"the agent '{name}' {where}", hint="choose another name, or remove it first")
        if name not in self._members:
            self._require_free(name, "agents")
        require_named(settings)
        made(settings, self._place)
        entry = Entry(settings, "registry")
        await self._records.write(name, entry, "changed" if name in self._members else "added", by, through)
        self._take(name, entry)
        return self.state(name)

    async def switch(self, name: str, *, enabled: bool, by: str = "", through: str = "") -> AgentState:
        """Enable or disable an agent. Raises NotFoundError, StoreError."""
        entry = self._member(name).entry
        changed = Entry(entry.settings.model_copy(update={"enabled": enabled}), entry.source)
        await self._records.write(name, changed, "enabled" if enabled else "disabled", by, through)
        self._take(name, changed)
        return self.state(name)

    async def remove(self, name: str, *, by: str = "", through: str = "") -> None:
        """Remove an agent that was added; a call that runs goes on.

        Raises:
            NotFoundError: There is none.
            ConflictError: It stands in the configuration.
            StoreError: It cannot be written.
        """
        if self._member(name).entry.source == "configuration":
            raise ConflictError(
                f"the agent '{name}' stands in the configuration",
                hint=f"take it out there; until then: engine agents disable {name}",
            )
        await self._records.write(name, None, "removed", by, through)
        self._take(name, None)

    async def check(self, names: Iterable[str] = ()) -> list[AgentState]:
        """Look at agents now, all at once (by default at every one), and return how they are. Raises NotFoundError."""
        members = [self._member(name) for name in names] or list(self._members.values())
        async with anyio.create_task_group() as group:
            for member in members:
                group.start_soon(self._look_at, member)
        return [member.state(self._paused) for member in members]

    # ------------------------------------------------------------------ knowing

    def _member(self, name: str) -> Member:
        member = self._members.get(name)
        if member is None:
            near = difflib.get_close_matches(name, self._members, 1)
            there = f"there are {', '.join(sorted(self._members)) or 'none'}"
            raise NotFoundError(f"there is no agent '{name}'", hint=f"did you mean '{near[0]}'?" if near else there)
        return member

    def _require_free(self, name: str, where: str) -> None:
        if name in RESERVED:
            raise ConfigError(f"{where}: an agent cannot be called '{name}'", hint=f"{name} means something in a plan")
        if name in self._members or name in self._registry.specs():
            raise ConfigError(f"{where}: the name '{name}' is taken", hint="tools and agents share their names")

    def _take(self, name: str, entry: Entry | None) -> None:
        """Take in what is now said of an agent; None: it was removed."""
        known = self._members.get(name)
        if known is not None and entry is not None and known.entry.alike(entry):
            known.entry = entry
            self._publish(known)
            return
        if known is not None:
            self._leave(name)
        if entry is not None:
            self._come(name, entry)

    def _come(self, name: str, entry: Entry) -> None:
        """Take an agent in that others added; one that cannot be is left out, and said."""
        if name in self._registry.specs():
            self._log.warning(f"the agent '{name}' is left out: a tool has its name")
            return
        try:
            member = self._join(entry)
        except ConfigError as exc:
            self._log.warning(f"the agent '{name}' is left out: {exc.message}")
            return
        self._holding.also(member, self._look_at)

    def _join(self, entry: Entry) -> Member:
        member = Member(entry, made(entry.settings, self._place))
        self._members[entry.settings.name] = member
        self._publish(member)
        return member

    def _leave(self, name: str) -> None:
        member = self._members.pop(name, None)
        if member is not None:
            self._registry.replace(_origin(name), ())
            for scope in member.scopes:
                scope.cancel()

    def _publish(self, member: Member) -> None:
        """Declare an agent as it is now."""
        settings = member.settings
        spec = spec_of(settings, member.card)
        known = self._registry.specs().get(settings.name)
        reason = self._paused.get(settings.name, "") or (member.reason if member.looked else "")
        down = self._registry.unavailable().get(settings.name, "")
        if known == spec and down == reason:
            return
        tool = member.tool(spec, lambda: self._publish(member))
        self._registry.replace(_origin(settings.name), [tool], unavailable=reason, enabled=settings.enabled)

    # ------------------------------------------------------------------ looking after them

    async def _look_after(self) -> None:
        while True:
            await anyio.sleep(POLL_S if self._records.shared else FIRST_PAUSE_S)
            await self.refresh()
            await self._look()

    async def _look(self) -> None:
        now = anyio.current_time()
        due = [one for one in self._members.values() if one.settings.enabled and one.due <= now]
        if not due:
            return  # a group without tasks takes a turn of the event loop
        async with anyio.create_task_group() as group:
            for member in due:
                group.start_soon(self._look_at, member)

    async def _look_at(self, member: Member) -> None:
        if await member.look():
            back = not member.reason
            self._log.info("an agent is back" if back else "an agent is down", agent=member.settings.name)
        if self._members.get(member.settings.name) is member:
            self._publish(member)


def _origin(name: str) -> str:
    return f"agents.{name}"
