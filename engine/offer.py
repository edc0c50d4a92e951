"""The tools that one run knows: those chosen for it at its start, of those its user may use.

A choice is a list of names and patterns (``*`` for any text). ``agent:`` before one narrows it to agents and ``tool:``
to what is none. The choice stands in the run's first event, so whoever takes the run over offers the same. What is
declared, changed or removed meanwhile shows in the run's next plan, whose event says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType

from engine.dag.state import RunState
from engine.tools.judge import ask_judge
from engine.tools.registry import RESERVED
from schemas.errors import ConfigError, ToolNotFoundError
from schemas.protocols import Tool, ToolSource
from schemas.tool import ToolSpec

_NO_SPECS: Mapping[str, ToolSpec] = MappingProxyType({})
_PRIORS = {"expected_s": None, "expected_usd": None}


def offered(specs: Mapping[str, ToolSpec], choice: Sequence[str] | None, user: str) -> dict[str, ToolSpec]:
    """Return the tools of a choice that a user's runs may use, by name; an agent that it names is not hidden in it.

    >>> sorted(offered({"add": ToolSpec(name="add"), "ask": ToolSpec(name="ask", kind="agent")}, ["agent:*"], ""))
    ['ask']
    """
    always = ask_judge.spec.name  # declared only for a plan that asks it
    return {
        name: spec.model_copy(update={"hidden": False}) if spec.hidden and f"agent:{name}" in (choice or ()) else spec
        for name, spec in specs.items()
        if (choice is None or name == always or any(_meant(one, spec) for one in choice)) and spec.open_to(user)
    }


def require_known(choice: Sequence[str] | None, specs: Mapping[str, ToolSpec], down: Iterable[str] = ()) -> None:
    """Check a choice of tools; while a server that would declare some is down, nobody knows.

    Raises:
        ConfigError: Nothing has one of its names; the message has the nearest.
    """
    for one, near in () if any(True for _ in down) else unknown(choice, specs):
        raise ConfigError(f"tools: there is no tool '{one}'", hint=near)


def unknown(choice: Sequence[str] | None, specs: Mapping[str, ToolSpec]) -> Iterator[tuple[str, str]]:
    """Yield what a choice names and nothing is called, each with the nearest that is.

    >>> list(unknown(["tool:*", "agent:wether"], {"weather": ToolSpec(name="weather", kind="agent")}))
    [('agent:wether', "did you mean 'weather'?")]
    """
    for one in choice or ():
        if not any(_meant(one, spec) for spec in specs.values()) and one.rpartition(":")[2] != "*":
            yield one, _near(one, specs)


def client_tools(given: Sequence[ToolSpec], declared: Collection[str]) -> dict[str, ToolSpec]:
    """Return the tools that a client calls itself, by name, as its run declares them.

    Args:
        given: As the client describes them; of any kind, for only the client calls them.
        declared: Names of the tools that its run knows beside them.

    Raises:
        ConfigError: A name is reserved, taken, or given twice.
    """
    found: dict[str, ToolSpec] = {}
    for spec in given:
        if spec.name in RESERVED:
            raise ConfigError(
                f"client tool '{spec.name}': the name is reserved",
                hint=f"{', '.join(RESERVED)} mean something else in a plan; give it another name",
            )
        if spec.name in declared or spec.name in found:
            who = "given twice" if spec.name in found else "already declared by the engine"
            raise ConfigError(f"client tool '{spec.name}' is {who}", hint="give one of them another name")
        found[spec.name] = spec.model_copy(update={"kind": "client", "simulate": None, "spending": None})
    return found


def wants_tools(choice: Sequence[str] | None) -> bool:
    """Whether a choice may take what is no agent."""
    return choice is None or any(not one.startswith("agent:") for one in choice)


def wants_agent(choice: Sequence[str] | None, name: str) -> bool:
    """Whether a choice takes the agent of that name.

    >>> wants_agent(["tool:*", "agent:weather"], "legal")
    False
    """
    return choice is None or any(_meant(one, ToolSpec(name=name, kind="agent")) for one in choice)


class Offer:
    """The declared tools as one run sees them (implements ``schemas.protocols.ToolSource``).

    Args:
        tools: All that are declared in this process.
        state: Gives the run as it is now.
    """

    def __init__(self, tools: ToolSource, state: Callable[[], RunState]) -> None:
        self._tools = tools
        self._state = state
        self._seen = _NO_SPECS
        self._specs = _NO_SPECS

    def specs(self) -> Mapping[str, ToolSpec]:
        """Return the specs that are offered to the run, by name."""
        declared = self._tools.specs()
        if declared is not self._seen:
            started = self._state().started
            kept = {name: spec for name, spec in self._state().graph.tools.items() if spec.kind == "client"}
            self._specs = MappingProxyType({**offered(declared, started.chosen, started.user), **kept})
            self._seen = declared
        return self._specs

    def unavailable(self) -> Mapping[str, str]:
        """Return those of them that cannot be called right now, and why."""
        specs = self.specs()
        return {name: why for name, why in self._tools.unavailable().items() if name in specs}

    def get(self, name: str) -> Tool:
        """Return an enabled tool.

        Raises:
            ToolNotFoundError: The run knows no tool of that name, or it is disabled.
        """
        specs = self.specs()
        if name not in specs and name in self._tools.specs():
            raise ToolNotFoundError(f"there is no tool '{name}' in this run", hint=_near(name, specs))
        return self._tools.get(name)


def changes(tools: ToolSource, known: Mapping[str, ToolSpec]) -> dict[str, object]:
    """Return what the event that begins a plan says of tools: which are down, new or changed, and gone.

    Args:
        tools: The tools as they are now.
        known: As the run knew them so far.
    """
    specs, said = tools.specs(), dict[str, object]()
    if down := tuple(sorted(tools.unavailable())):
        said["unavailable"] = down
    if added := tuple(spec for name, spec in sorted(specs.items()) if not _same(spec, known.get(name))):
        said["added"] = added
    if removed := tuple(sorted(name for name in known if name not in specs)):
        said["removed"] = removed
    return said


def _same(spec: ToolSpec, known: ToolSpec | None) -> bool:
    """Whether a tool is as it was; what its calls are expected to take may differ."""
    if spec is known:
        return True
    return known is not None and spec.model_copy(update=_PRIORS) == known.model_copy(update=_PRIORS)


def _meant(one: str, spec: ToolSpec) -> bool:
    kind, colon, pattern = one.partition(":")
    if not colon:
        return fnmatchcase(spec.name, one)
    return kind in ("agent", "tool") and (spec.kind == "agent") == (kind == "agent") and fnmatchcase(spec.name, pattern)


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name.rpartition(":")[2], known, 1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
