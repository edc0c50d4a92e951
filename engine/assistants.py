"""The assistants of a configuration: by name, what a run in the name of one is started with."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from engine.asking import AssistantOptions
from engine.assembly import Assembly
from engine.offer import unknown
from schemas.agents import AssistantSettings
from schemas.errors import NotFoundError
from schemas.events import ApproveMode, Mode, RunLimits
from schemas.schedules import ScheduleSettings

DEFAULT = "engine"
"""The assistant there is where none is configured: everything the engine has, in its own name."""

_CAPS = {
    "budget_usd": "run_usd",
    "max_tokens": "run_tokens",
    "time_limit_s": "run_seconds",
    "max_steps": "max_steps",
    "max_replans": "max_replans",
    "max_parallel": "max_parallel",
}
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Assistants(Mapping[str, AssistantSettings]):
    """The assistants by name, as the engine's settings are now.

    Attributes:
        engine: Whose they are.
    """

    engine: Assembly

    def __getitem__(self, name: str) -> AssistantSettings:
        """Return an assistant.

        Raises:
            NotFoundError: There is none of that name; the message has the nearest.
        """
        found = self._by_name()
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(found)}"
            raise NotFoundError(f"there is no assistant '{name}'", hint=hint)
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name())

    def __len__(self) -> int:
        return len(self._by_name())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name()

    def options(self, name: str, limits: RunLimits | None = None) -> AssistantOptions:
        """Return what ``Engine.start`` is called with for a run in an assistant's name.

        Args:
            name: The assistant.
            limits: Lower caps for this run; what is higher than the assistant's is lowered to it.

        Raises:
            NotFoundError: There is none of that name.
        """
        found = self[name]
        return AssistantOptions(
            mode=found.mode,
            approve=found.approve,
            limits=_within(limits, self.limits(name)),
            tools=choice_of(found),
            assistant=name,
            instructions=found.instructions,
        )

    def wanted(
        self, name: str, mode: Mode = "auto", approve: ApproveMode | None = None, limits: RunLimits | None = None
    ) -> AssistantOptions:
        """Return what ``Engine.start`` is called with where a request says how its run is to go.

        What it leaves out is as its assistant has it, or as the engine has it where ``name`` is empty.

        Raises:
            NotFoundError: There is no such assistant.
        """
        if not name:
            told: AssistantOptions = {
                "mode": mode,
                "approve": approve,
                "limits": limits,
                "tools": None,
                "assistant": "",
                "instructions": "",
            }
            return told
        found = self.options(name, limits)
        return {**found, "mode": found["mode"] if mode == "auto" else mode, "approve": approve or found["approve"]}

    def limits(self, name: str) -> RunLimits:
        """Return the caps of an assistant's runs, none above the engine's. Raises NotFoundError as ``options``."""
        found = self[name]
        limits = self.capped(found)
        return limits if found.passthrough is None else limits.model_copy(update={"max_replans": 0})

    def lacks(self, name: str) -> Iterator[str]:
        """Yield a line on each agent and tool that an assistant names and that is not there.

        While an MCP server is down nobody knows what its tools are called: then only agents are told.

        Raises:
            NotFoundError: There is no such assistant.
        """
        named = [one if ":" in one else f"tool:{one}" for one in choice_of(self[name]) or ()]
        if self.engine.servers.down():
            named = [one for one in named if one.startswith("agent:")]
        for one, near in unknown(named, self.engine.tools.specs()):
            kind, _, missing = one.partition(":")
            yield f"the assistant '{name}' does without the {kind} '{missing}', for there is none ({near})"

    def capped(self, asked: AssistantSettings | ScheduleSettings) -> RunLimits:
        """Return the engine's caps, lowered to those that an assistant, or a schedule, has of its own."""
        own = self.engine.limits()
        given = {cap: getattr(asked, key) for cap, key in _CAPS.items()}
        unset = {cap: getattr(own, cap) for cap, value in given.items() if value is None}
        return _within(RunLimits.model_validate(given | unset), own)

    def _by_name(self) -> dict[str, AssistantSettings]:
        found = {one.name: one for one in self.engine.settings.assistants}
        return found or {DEFAULT: AssistantSettings(name=DEFAULT)}


def choice_of(assistant: AssistantSettings) -> tuple[str, ...] | None:
    """Return an assistant's team as a choice of tools (``engine.offer``); None: everything there is.

    >>> choice_of(AssistantSettings(name="travel", agents=["weather"]))
    ('tool:*', 'agent:weather')
    """
    if assistant.passthrough is not None:
        return (f"agent:{assistant.passthrough}",)
    if assistant.agents is None and assistant.tools is None:
        return None
    tools = ("*",) if assistant.tools is None else assistant.tools
    agents = ("*",) if assistant.agents is None else assistant.agents
    named = () if assistant.default is None else (assistant.default,)
    patterns = [
        *(f"tool:{one}" if "*" in one else one for one in tools),
        *(f"agent:{one}" for one in (*agents, *named)),
    ]
    return tuple(dict.fromkeys(patterns))


def _within(asked: RunLimits | None, most: RunLimits) -> RunLimits:
    """Return caps with none above others; None is no cap."""
    if asked is None:
        return most
    lowered = {cap: _lower(getattr(asked, cap), getattr(most, cap)) for cap in _CAPS}
    return asked.model_copy(update=lowered)


def _lower(asked: N | None, most: N | None) -> N | None:
    if asked is None or most is None:
        return most if asked is None else asked
    return min(asked, most)
