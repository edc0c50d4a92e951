"""The tools of a case at work: the same results after the same seconds for every system, and the same failures.

Standard library only: peers use it in environments that have nothing of ours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from benchmarks.orchestration.case import Case, canonical
from benchmarks.simulated.profile import chance


class CallFailedError(Exception):
    """A tool's call failed; ``passing``: it may work when made again."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with tools.

    Attributes:
        rate: How likely a call fails in passing, in 0–1: a hash of case, tool, arguments and how often it was made.
        lasting: How likely a call fails however often it is made.
        dead: Tools that never work.
    """

    rate: float = 0.0
    lasting: float = 0.0
    dead: tuple[str, ...] = ()
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Clock:
    """What time is taken from: ``now`` in seconds, from any beginning."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


WALL = Clock(monotonic, asyncio.sleep)


@dataclass(slots=True)
class Span:
    """One call of a tool: seconds since the run began, in the run's own time."""

    tool: str
    arguments: dict[str, Any]
    began: float
    ended: float
    failed: bool = False


@dataclass(slots=True)
class World:
    """One run's tools.

    Attributes:
        speed: Everything takes this many times less.
        clock: What its seconds are by.
        spans: Every call, in the order they began.
        peak: Most calls at once.
    """

    case: Case
    speed: float = 1.0
    trouble: Trouble = Trouble()
    clock: Clock = WALL
    spans: list[Span] = field(default_factory=list[Span])
    peak: int = 0
    _began: float = field(default_factory=monotonic)
    _open: int = 0
    _made: dict[str, int] = field(default_factory=dict[str, int])

    def begin(self) -> None:
        """Start the run's clock."""
        self._began = self.clock.now()

    @property
    def seconds(self) -> float:
        """Seconds since the run began, in its own time."""
        return (self.clock.now() - self._began) * self.speed

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Make a call. Raises CallFailedError."""
        span = Span(tool, dict(arguments), self.seconds, 0.0)
        self.spans.append(span)
        self._open += 1
        self.peak = max(self.peak, self._open)
        try:
            await self.clock.sleep(self.case.seconds(tool, arguments) / self.speed)
            return self._result(tool, arguments)
        except CallFailedError:
            span.failed = True
            raise
        finally:
            self._open -= 1
            span.ended = self.seconds

    def _result(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        if tool in self.trouble.dead:
            raise CallFailedError(f"{tool} is not available", passing=False)
        key = f"{tool} {canonical(arguments)}"
        self._made[key] = self._made.get(key, 0) + 1
        if chance(f"{self.trouble.seed} {self.case.name} {key}") < self.trouble.lasting:
            raise CallFailedError(f"{tool} failed: there is no such entry here", passing=False)
        struck = chance(f"{self.trouble.seed} {self.case.name} {key} {self._made[key]}") < self.trouble.rate
        if struck:
            raise CallFailedError(f"{tool} failed: try again", passing=True)
        return self.result(tool, arguments)

    def result(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Return what a call gives: what the case says, or tools with a state of their own. Raises CallFailedError."""
        step = self.case.step_of(tool, arguments)
        if step is None:
            raise CallFailedError(f"{tool} knows nothing of {json.dumps(arguments, ensure_ascii=False)}", passing=False)
        return step.value

    def strays(self) -> list[str]:
        """Return what tools with a state of their own left other than it should be; asked once, at the end."""
        return []
