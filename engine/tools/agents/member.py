"""One agent as it is known here: what is said of it, how it is doing, and the tool it is to runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import anyio

from engine.tools.agents.base import LOOK_S, Agent, Card, spec_of
from engine.tools.agents.records import Entry, Source
from schemas.agents import AgentSettings
from schemas.errors import EngineError
from schemas.protocols import ToolContext
from schemas.result import Record
from schemas.tool import AgentTraits, ToolSpec

STEADY_S = 15.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
_START_S = 35.0  # of a server that is started for an agent


class AgentState(Record):
    """How one agent is, for people and programs.

    Attributes:
        status: up, down, paused (its budget is used up), disabled, or unknown: nobody looked yet.
        reason: Why it is not up.
        source: configuration, or registry: added while an engine ran.
        where: Its address, card, command or function.
    """

    name: str
    kind: str
    status: Literal["up", "down", "paused", "disabled", "unknown"]
    reason: str = ""
    description: str = ""
    version: str = ""
    capabilities: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    enabled: bool = True
    hidden: bool = False
    passthrough: bool = False
    default: bool = False
    source: Source = "configuration"
    where: str = ""


@dataclass(slots=True)
class Member:
    """One agent.

    Attributes:
        entry: What is said of it.
        agent: It.
        card: What it last said of itself.
        looked: Whether anybody looked at it yet; then ``reason`` says why it cannot be called, or is empty.
        due: When it is to be looked at again, by the event loop's clock.
        scopes: By which it is let go, one for each that holds it.
    """

    entry: Entry
    agent: Agent
    card: Card = field(default_factory=Card)
    looked: bool = False
    reason: str = ""
    due: float = -math.inf
    scopes: list[anyio.CancelScope] = field(default_factory=list[anyio.CancelScope])
    _failures: int = 0

    @property
    def settings(self) -> AgentSettings:
        """What is said of it."""
        return self.entry.settings

    @property
    def spec(self) -> ToolSpec:
        """It as runs know it."""
        return spec_of(self.settings, self.card)

    async def look(self) -> bool:
        """Ask it how it is; return whether that is otherwise than before."""
        self.due = anyio.current_time() + LOOK_S  # nobody else looks meanwhile
        was = self.reason
        try:
            with anyio.fail_after(_START_S if self.settings.kind == "mcp" else LOOK_S + 1.0):
                self.card = await self.agent.look()
        except EngineError as exc:
            self._is_down(exc.message)
        except TimeoutError:
            self._is_down(f"it does not answer within {LOOK_S:g} s")
        else:
            self.reason, self._failures = "", 0
            self.due = anyio.current_time() + STEADY_S
        before, self.looked = self.looked, True
        return before and bool(was) != bool(self.reason)

    def state(self, paused: Mapping[str, str]) -> AgentState:
        """Return how it is, given why agents are paused, by name."""
        settings, spec = self.settings, self.spec
        why = paused.get(settings.name, "")
        status = "unknown" if not self.looked else "down" if self.reason else "up"
        return AgentState(
            name=settings.name,
            kind=settings.kind,
            status="disabled" if not settings.enabled else "paused" if why else status,
            reason=why or self.reason,
            description=spec.description,
            **(spec.agent or AgentTraits()).model_dump(),
            enabled=settings.enabled,
            hidden=settings.hidden,
            source=self.entry.source,
            where=getattr(settings, settings.kind) or "",
        )

    def tool(self, spec: ToolSpec, changed: Callable[[], None]) -> AgentTool:
        """Return it as a tool; a call that never reached it says that it is down, before anybody looks."""

        def failed(error: EngineError) -> None:
            if error.retryable and error.details.get("ambiguous") is False and "status" not in error.details:
                self._is_down(error.message)
                self.looked = True
                changed()

        return AgentTool(spec, self.agent, failed)

    def _is_down(self, reason: str) -> None:
        self.reason = reason
        self._failures += 1
        self.due = anyio.current_time() + min(FIRST_PAUSE_S * 2.0 ** (self._failures - 1), LONGEST_PAUSE_S)


class AgentTool:
    """An agent as a tool of the registry (implements ``schemas.protocols.Tool``)."""

    def __init__(self, spec: ToolSpec, agent: Agent, failed: Callable[[EngineError], None]) -> None:
        self.spec = spec
        self._agent = agent
        self._failed = failed

    async def call(self, arguments: Mapping[str, object], context: ToolContext) -> object:
        """Put the query to the agent. Raises as ``Agent.call``."""
        try:
            return await self._agent.call(arguments, context)
        except EngineError as exc:
            self._failed(exc)
            raise
