"""The world of one history: models that fail in every way, tools that do what no tool should, people at random."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel

from engine.durable.memory import MemoryLog
from engine.testing import Calls, ScriptedProvider
from engine.tools.threads import run_in_thread
from gateway.providers.base import Dialect, PlanTier
from schemas.errors import (
    ModelOutputError,
    ModelRefusalError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
    ToolArgumentsError,
    ToolUnavailableError,
)
from schemas.events import LoggedEvent, LoggedRecord
from schemas.fence import read_fences
from schemas.model import Done, Message, ModelChunk, ModelRequest, ModelResponse
from schemas.protocols import ToolContext
from schemas.settings import ProviderKind
from schemas.tool import RetryPolicy, ToolSpec
from tests.properties.history import History, PlannedStep
from tests.properties.history import Reply as Said

SCHEMA = {
    "type": "object",
    "properties": {"does": {"type": "string"}, "n": {"type": "integer"}, "of": {}},
    "required": ["does"],
    "additionalProperties": False,
}
SPECS: dict[str, dict[str, Any]] = {
    "look": {"effects": "none", "reads": ("page:{n}",)},
    "one": {"effects": "none", "max_parallel": 1, "timeout_s": 8.0},
    "keep": {"effects": "idempotent", "timeout_s": 8.0},
    "send": {"effects": "effectful"},
    "mail": {"effects": "effectful", "approval": "always", "timeout_s": 8.0},
    "page": {"effects": "effectful", "writes": ("page:{n}",), "timeout_s": 8.0},
    "theirs": {"effects": "effectful", "kind": "client", "writes": ("page:{n}",)},
    "rare": {"effects": "effectful", "simulate": "look", "max_parallel": 2, "timeout_s": 8.0},
}


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a tool, as the tool saw it."""

    run_id: str
    step_id: str
    tool: str
    arguments: Mapping[str, Any]
    began: float


class World:
    """Everything outside the engine, and what it saw of it."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.calls: list[Called] = []
        self.asked: list[tuple[float, str]] = []
        self.peaks: Counter[tuple[str, str]] = Counter()
        self.release = threading.Event()
        self._running: Counter[tuple[str, str]] = Counter()

    def tools(self) -> list[ChaosTool]:
        """Return the tools."""
        retry = RetryPolicy(max_attempts=3)
        specs = {name: ToolSpec(name=name, input_schema=SCHEMA, retry=retry, **more) for name, more in SPECS.items()}
        return [ChaosTool(spec, self) for spec in specs.values() if spec.kind != "client"]

    def enter(self, called: Called) -> None:
        """Note that a call begins."""
        self.calls.append(called)
        for key in ((called.run_id, ""), (called.run_id, called.tool)):
            self._running[key] += 1
            self.peaks[key] = max(self.peaks[key], self._running[key])

    def leave(self, called: Called) -> None:
        """Note that a call is over."""
        for key in ((called.run_id, ""), (called.run_id, called.tool)):
            self._running[key] -= 1


class ChaosTool:
    """A tool that does what its argument says (implements ``schemas.protocols.Tool``)."""

    def __init__(self, spec: ToolSpec, world: World) -> None:
        self.spec = spec
        self._world = world

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Do it."""
        call = context.call
        called = Called(call.run_id, call.step_id, self.spec.name, dict(arguments), anyio.current_time())
        self._world.enter(called)
        try:
            return await self._do(str(arguments["does"]), called, context)
        finally:
            self._world.leave(called)

    async def _do(self, does: str, called: Called, context: ToolContext) -> Any:
        attempt = sum(c.step_id == called.step_id and c.run_id == called.run_id for c in self._world.calls)
        if does in _RAISED and attempt < _RAISED[does][0]:
            raise _RAISED[does][1]()
        if does in _WAITED_S:
            context.progress("on it", 0.5)
            await anyio.sleep(_WAITED_S[does])
        if does in _LATER and context.call.postponed < _LATER[does][0]:
            context.postpone(seconds=_LATER[does][1], reason="not yet")
        match does:
            case "replan":
                context.request_replan("there is more to do")
            case "asks":
                return await _asks(context)
            case "person":
                return [await context.ask("which?"), await context.ask("which?", {"type": "integer"})]
            case "deaf":
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.2)
            case "thread" | "stuck":
                release = self._world.release
                blocking = partial(release.wait, 60.0 if does == "stuck" else 0.0)
                return await run_in_thread(blocking, abandoned=getattr(context, "abandoned", None))
            case _:
                await anyio.lowlevel.checkpoint()
        return _RETURNED[does]() if does in _RETURNED else {"n": attempt, "by": called.step_id}


async def _asks(context: ToolContext) -> str:
    assert context.model is not None
    request = ModelRequest(model="executor", messages=(Message.user("what now?"),))
    return (await context.model.complete(request, role="executor")).text


_ALWAYS = 99
_RAISED: dict[str, tuple[int, Callable[[], BaseException]]] = {  # so many times, this
    "raise": (_ALWAYS, lambda: RuntimeError("no")),
    "exit": (_ALWAYS, lambda: SystemExit(3)),
    "cancel": (_ALWAYS, asyncio.CancelledError),
    "flaky": (3, lambda: ConnectionError("try again")),
    "limited": (2, lambda: ToolUnavailableError("slow down", details={"retry_after_s": 1.5})),
    "down": (_ALWAYS, lambda: ToolUnavailableError("down")),
    "wrong": (_ALWAYS, lambda: ToolArgumentsError("no such thing")),
}
_WAITED_S = {"slow": 0.05, "long": 30.0, "hang": float("inf")}
_LATER = {"later": (2, 1.5), "tomorrow": (1, 100.0)}  # so many times, for so long: within patience, and beyond it
_RETURNED: dict[str, Callable[[], Any]] = {
    "huge": lambda: "x" * 5_000,
    "vast": lambda: "x" * 50_000,
    "no_json": object,
    "list": lambda: [{"n": n} for n in range(3)],
}


class ChaosProvider:
    """A model that says what the history says (implements ``gateway.providers.base.Provider``)."""

    name = "scripted"
    kind: ProviderKind = "offline"
    dialect: Dialect = "unions"

    def __init__(self, world: World) -> None:
        history = world.history
        self._world = world
        self._plans = deque(history.plans)
        self._turns = deque(history.turns)
        self._fills = deque(history.fills)
        self._texts = deque(history.texts)

    def plan_tier(self, model: str) -> PlanTier:
        """Plans are JSON."""
        del model
        return "schema"

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        """Stream the next reply, or fail as the history says.

        Raises:
            EngineError: As the history says.
        """
        role, said, reply = self._next(request)
        self._world.asked.append((anyio.current_time(), role))
        if said.fault == "hang":
            await anyio.sleep(timeout_s)
        if said.fault in _ERRORS:
            raise _ERRORS[said.fault]()
        if said.fault == "bug":
            raise KeyError("a bug of the provider")
        double = ScriptedProvider([reply], chunk=40, token_s=0.02 if said.slow else 0.0)
        count = 0
        async with aclosing(double.stream(model, request, timeout_s=timeout_s)) as chunks:
            async for chunk in chunks:
                count += 1
                if said.fault == "drop" and (count > 2 or isinstance(chunk, Done)):
                    raise ModelUnavailableError("broke off")
                if said.fault == "end" and isinstance(chunk, Done):
                    return
                if isinstance(chunk, Done) and said.fault == "refusal":
                    refused = chunk.response.model_copy(update={"stop_reason": "refusal"})
                    chunk = chunk.model_copy(update={"response": refused})
                yield chunk

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Return the next reply whole. Raises as ``stream``.

        Raises:
            ModelOutputError: It has no end.
        """
        async with aclosing(self.stream(model, request, timeout_s=timeout_s)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Done):
                    return chunk.response
        raise ModelOutputError("the reply has no end")

    async def aclose(self) -> None:
        """Close nothing."""

    def _next(self, request: ModelRequest) -> tuple[str, Said, Any]:
        fences = {found.label: found.text for message in request.messages for found in read_fences(message.text)}
        if request.output is not None:
            said = self._plans.popleft() if self._plans else Said()
            return "planner", said, plan_json(said, int(fences.get("first_id", "1")))
        if request.model == "planner":
            said = self._turns.popleft() if self._turns else Said()
            return "planner", said, _turn(said, offered=request.tool_choice != "none")
        if request.model == "executor" and request.tools:
            fill = self._fills.popleft() if self._fills else "ok"
            return "executor", Said(fault=fill if fill in FILL_FAULTS else ""), _filling(fill, request)
        said = self._texts.popleft() if self._texts else Said()
        return request.model, said, "" if said.broken == "blank" else "This is the answer, all of it."


_ERRORS: dict[str, Any] = {
    "timeout": lambda: ModelTimeoutError("too slow"),
    "hang": lambda: ModelTimeoutError("no answer"),
    "rate": lambda: RateLimitError("slow down", details={"retry_after_s": 2.0}),
    "overloaded": lambda: ModelUnavailableError("overloaded", details={"status": 529}),
    "refused": lambda: ModelRefusalError("I will not"),
    "request": lambda: ModelRequestError("no such model", details={"status": 404}),
    "output": lambda: ModelOutputError("half an event"),
}
FILL_FAULTS = frozenset(_ERRORS) | {"drop", "end", "bug", "refusal"}


def plan_json(said: Said, first: int) -> Any:
    """Return a reply as a planner's model writes it, steps numbered from ``first``."""
    items = [_planned(step, first + place, first) for place, step in enumerate(said.steps)]
    last = first + len(items) - 1
    answer = {"answer": f"it is {{{{{last}}}}}"} if items else {"answer": "nothing more to do"}
    steps = [*items, answer] if said.answers or not items else items
    spoilt: dict[str, Any] = {
        "unknown": {"nothing": "x"},
        "forward": {"look": {"does": f"{{{{{last + 1}}}}}"}},
        "self": {"step": {"look": "ok"}, "depends_on": [first]},
        "missing": {"look": {"n": 1}},
        "type": {"look": {"does": 5}},
    }
    whole: dict[str, Any] = {
        "truncated": json.dumps({"steps": steps})[:-7],
        "prose": "I would rather {not} say.",
        "array": json.dumps(steps),
        "many": {"steps": [{"look": "ok"}] * 40},
        "empty": {"steps": []},
        "blank": "",
        "question": {"steps": [{"ask": "which one?"}]},
    }
    if said.broken in spoilt:
        return {"steps": [spoilt[said.broken], *steps]}
    return whole.get(said.broken, {"steps": steps})


def _planned(step: PlannedStep, number: int, first: int) -> dict[str, Any]:
    needs = sorted({number - back for back in step.needs if number - back >= first})
    arguments: dict[str, Any] = {"n": number % 3} if step.fill else {"does": step.does, "n": number % 3}
    item: dict[str, Any] = {"step": {step.tool: arguments}}
    if needs:
        item["depends_on"] = needs
        if len(needs) > 1 and not step.each:
            arguments["of"] = f"{{{{{needs[0]}}}}}"
    if step.each and needs:
        item["foreach"] = f"{{{{{needs[-1]}}}}}"
        arguments["of"] = "{{item}}"
    if step.when and needs:
        item["when"] = [{"value": f"{{{{{needs[-1]}}}}}", "op": "exists" if step.when == "holds" else "eq", "to": True}]
    return item


def _turn(said: Said, *, offered: bool) -> Any:
    if said.broken == "blank":
        return ""
    if not said.steps or not offered:
        return "That is all I know."
    calls: list[tuple[str, dict[str, Any]]] = [(step.tool, {"does": step.does}) for step in said.steps]
    if said.broken == "unknown":
        calls.append(("nothing", {}))
    if said.broken == "missing":
        calls.append(("look", {}))
    if said.broken == "twice":
        calls *= 2
    return Calls(tuple(calls))


def _filling(fill: str, request: ModelRequest) -> Any:
    if fill == "lacks":
        return Calls((("not_enough_information", {"missing": "everything"}),))
    does: Any = 7 if fill == "invalid" else "slow" if fill == "slow" else "ok"
    return Calls(((request.tools[0].name, {"does": does}),))


class Lagging(MemoryLog):
    """A log that takes a few turns of the event loop, and tells the loop's time: no two appends have the same."""

    def __init__(self, lag: int) -> None:
        super().__init__(self._later)
        self._lag = lag
        self._last = 0.0

    def _later(self) -> float:
        self._last = max(anyio.current_time(), math.nextafter(self._last, math.inf))
        return self._last

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append, later."""
        for _ in range(self._lag):
            await anyio.lowlevel.checkpoint()
        written = await super().append(run_id, expected_seq, events)
        for _ in range(self._lag):
            await anyio.lowlevel.checkpoint()
        return written

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Load, later."""
        for _ in range(self._lag):
            await anyio.lowlevel.checkpoint()
        return await super().load(run_id, after)


THEIRS = ToolSpec(name="theirs", input_schema=SCHEMA, **SPECS["theirs"])
"""What the client calls itself."""
