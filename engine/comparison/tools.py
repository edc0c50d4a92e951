"""The tools as compared systems see them: effects do not happen once a system, and results may be shared."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from engine.tools.registry import Registry
from schemas.errors import ToolError, ToolFailedError
from schemas.protocols import Tool, ToolContext, ToolSource
from schemas.tool import ToolSpec

_OWN_MODEL = ("model", "agent")


@dataclass(frozen=True, slots=True)
class _Made:
    """A call that was made: what came of it, and how many seconds it took."""

    value: Any
    error: ToolError | None
    seconds: float


@dataclass(slots=True)
class Stage:
    """What the tools of one comparison have in common.

    A read-only tool is called as it is. One with effects, or one that asks a person, is called only where effects are
    allowed; otherwise its declared dry run (``simulate``) is called in its place, and without one the call fails.

    Attributes:
        tools: The declared tools.
        effects: Whether tools with effects are called.
        share: Whether the same call gives the same result, after the same seconds, to every system.
        simulated: How often a dry run stood in for a tool.
        refused: How often a tool was not called.
        reused: How many calls were given an earlier result.
    """

    tools: ToolSource
    effects: bool = False
    share: bool = False
    simulated: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    reused: int = 0
    _made: dict[str, list[_Made]] = field(default_factory=dict[str, list[_Made]])

    def registry(self) -> Registry:
        """Return the tools for one run."""
        seen: Counter[str] = Counter()
        down = self.tools.unavailable()
        there = [spec for spec in self.tools.specs().values() if spec.enabled and spec.name not in down]
        return Registry(self._staged(spec, seen) for spec in there)

    def _staged(self, spec: ToolSpec, seen: Counter[str]) -> Tool:
        tool = self.tools.get(spec.name)
        if not self.effects and (spec.effects != "none" or spec.asks):
            tool = _Withheld(spec.model_copy(update={"approval": None, "simulate": None, "spending": None}), self)
        if self.share and spec.kind not in _OWN_MODEL:
            return _Shared(tool, self, seen)
        return tool

    def dry_run(self, name: str) -> Tool | None:
        """Return the dry run a tool declares, None where it declares none that only reads."""
        simulate = self.tools.specs()[name].simulate
        dry = self.tools.get(simulate) if simulate is not None else None
        return dry if dry is not None and dry.spec.effects == "none" else None

    def made(self, key: str, place: int) -> _Made | None:
        """Return the result of the ``place``-th such call, None where it is the first to come that far."""
        made = self._made.get(key, [])
        return made[place] if place < len(made) else None

    def keep(self, key: str, made: _Made) -> None:
        """Keep the result of a call for the systems after this one."""
        self._made.setdefault(key, []).append(made)


@dataclass(frozen=True, slots=True)
class _Withheld:
    """Stands in for a tool with effects (implements ``schemas.protocols.Tool``)."""

    spec: ToolSpec
    stage: Stage

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call the dry run instead.

        Raises:
            ToolFailedError: There is no dry run.
        """
        name = self.spec.name
        dry = self.stage.dry_run(name)
        if dry is None:
            self.stage.refused[name] += 1
            why = "has effects" if self.spec.effects != "none" else "needs approval"
            raise ToolFailedError(
                f"{name} was not called: it {why}, and a comparison would call it once for each system",
                hint="do without it, and say that it was not called",
            )
        self.stage.simulated[name] += 1
        accepted = dry.spec.input_schema.get("properties", {})
        return await dry.call({key: value for key, value in arguments.items() if key in accepted}, context)


@dataclass(frozen=True, slots=True)
class _Shared:
    """A tool whose n-th call with the same arguments gives the same in every run (implements ``Tool``)."""

    tool: Tool
    stage: Stage
    seen: Counter[str]

    @property
    def spec(self) -> ToolSpec:
        """The tool's own."""
        return self.tool.spec

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call the tool, or give what it gave before, after as many seconds.

        Raises:
            ToolError: As the tool did.
        """
        key = f"{self.spec.name} {json.dumps(arguments, sort_keys=True, default=str)}"
        place = self.seen[key]
        self.seen[key] += 1
        made = self.stage.made(key, place)
        if made is None:
            made = await self._first(arguments, context)
            self.stage.keep(key, made)
        else:
            self.stage.reused += 1
            await anyio.sleep(made.seconds)
        if made.error is not None:
            raise made.error
        return copy.deepcopy(made.value)

    async def _first(self, arguments: Mapping[str, Any], context: ToolContext) -> _Made:
        began = anyio.current_time()
        try:
            value, error = await self.tool.call(arguments, context), None
        except ToolError as exc:
            value, error = None, exc
        return _Made(value, error, anyio.current_time() - began)
