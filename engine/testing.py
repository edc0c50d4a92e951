"""Doubles for tests, ours and users': a provider that replies from a script, tools that do as they are told.

provider = ScriptedProvider([{"steps": [{"add": {"a": 1, "b": 2}}, {"answer": "{{1}}"}]}])
engine = scripted_engine(provider, tools=[FakeTool("add", lambda a: a["a"] + a["b"])])
result = await engine.run("what is 1 + 2?")
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

import anyio

from engine.api import Engine
from engine.telemetry import tracer
from gateway.gateway import Gateway
from gateway.providers.base import Dialect, PlanTier
from schemas.errors import EngineError, ModelOutputError
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    Part,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from schemas.protocols import ToolContext
from schemas.result import Usage
from schemas.settings import ModelProvider, ModelSettings, ProviderKind, Roles, Settings
from schemas.stores import RunStore
from schemas.tool import ToolSpec

_CHARS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Calls:
    """A reply of tool calls: (name, arguments) pairs."""

    calls: tuple[tuple[str, Mapping[str, Any]], ...]


Reply = str | Mapping[str, Any] | Calls | EngineError
Script = Sequence[Reply] | Callable[[ModelRequest], Reply]


@dataclass
class ScriptedProvider:
    """A model provider that replies from a script (implements ``gateway.providers.base.Provider``).

    Args:
        script: Replies in order, or a function of the request. A mapping is sent as JSON text; an error is raised.
        chunk: Characters a delta; 0 sends the text whole.
        first_token_s: Seconds before the first delta.
        token_s: Seconds a token of four characters.
        usage: Usage of every reply; counted from the text when left out.
    """

    script: Script
    chunk: int = 0
    first_token_s: float = 0.0
    token_s: float = 0.0
    usage: Usage | None = None
    name: str = "scripted"
    kind: ProviderKind = "offline"
    dialect: Dialect = "unions"
    tier: PlanTier = "schema"
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])

    def plan_tier(self, model: str) -> PlanTier:
        """Return the scripted tier."""
        del model
        return self.tier

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        """Stream the next reply on an absolute schedule.

        Raises:
            EngineError: The script says so, or is used up (ModelOutputError).
        """
        del timeout_s
        reply = self._next(request)
        began = anyio.current_time() + self.first_token_s
        await anyio.sleep_until(began)
        if isinstance(reply, Calls):
            parts = _call_parts(reply)
            for index, part in enumerate(parts):
                yield ToolCallDelta(index=index, call_id=part.call_id, name=part.name)
                yield ToolCallDelta(index=index, arguments=part.raw)
            yield Done(response=self._response(model, request, parts, json.dumps([part.raw for part in parts])))
            return
        text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False, separators=(",", ":"))
        size = self.chunk or max(1, len(text))
        for at in range(0, len(text), size):
            sent = text[at : at + size]
            if self.token_s:
                await anyio.sleep_until(began + (at + len(sent)) / _CHARS_A_TOKEN * self.token_s)
            yield TextDelta(text=sent)
        yield Done(response=self._response(model, request, (TextPart(text=text),), text))

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Return the next reply whole. Raises as ``stream``.

        Raises:
            ModelOutputError: The script is used up.
        """
        async with aclosing(self.stream(model, request, timeout_s=timeout_s)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Done):
                    return chunk.response
        raise ModelOutputError("the scripted reply has no end")

    async def aclose(self) -> None:
        """Close nothing."""

    def _next(self, request: ModelRequest) -> Reply:
        self.requests.append(request)
        if callable(self.script):
            reply = self.script(request)
        elif len(self.requests) <= len(self.script):
            reply = self.script[len(self.requests) - 1]
        else:
            raise ModelOutputError(f"the script has {len(self.script)} replies and was asked for one more")
        if isinstance(reply, EngineError):
            raise reply
        return reply

    def _response(self, model: str, request: ModelRequest, parts: tuple[Part, ...], text: str) -> ModelResponse:
        read = sum(len(message.text) for message in request.messages)
        counted = Usage(calls=1, input_tokens=-(-read // _CHARS_A_TOKEN), output_tokens=-(-len(text) // _CHARS_A_TOKEN))
        calls = any(part.kind == "tool_call" for part in parts)
        return ModelResponse(
            model=model,
            provider=self.name,
            parts=parts,
            stop_reason="tool_calls" if calls else "end",
            usage=self.usage or counted,
        )


def _call_parts(reply: Calls) -> tuple[ToolCallPart, ...]:
    return tuple(
        ToolCallPart(
            call_id=f"call_{index}", name=name, arguments=dict(arguments), raw=json.dumps(arguments, ensure_ascii=False)
        )
        for index, (name, arguments) in enumerate(reply.calls)
    )


class FakeTool:
    """A tool that does as it is told (implements ``schemas.protocols.Tool``) and remembers its calls.

    Args:
        name: Its name.
        does: A value to return, an exception to raise, a function of the arguments (sync or async), or a list of
            these, one a call.
        seconds: How long each call takes, on the event loop's clock.
        spec: Fields of its ToolSpec; read-only and without a schema by default.
    """

    def __init__(self, name: str, does: Any = None, *, seconds: float = 0.0, **spec: Any) -> None:
        defaults: dict[str, Any] = {"effects": "none", "input_schema": {"type": "object"}}
        self.spec = ToolSpec.model_validate({"name": name, **defaults, **spec})
        self.calls: list[dict[str, Any]] = []
        self.peak = 0
        self._does: Any = does
        self._seconds = seconds
        self._running = 0

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Do what the script says."""
        del context
        does = cast("list[Any]", self._does)[len(self.calls)] if isinstance(self._does, list) else self._does
        self.calls.append(dict(arguments))
        self._running += 1
        self.peak = max(self.peak, self._running)
        try:
            if self._seconds:
                await anyio.sleep(self._seconds)
            if callable(does):
                does = does(arguments)
            if isawaitable(does):
                does = await does
        finally:
            self._running -= 1
        if isinstance(does, BaseException):
            raise does
        return does


def scripted_settings(**fields: Any) -> Settings:
    """Return settings whose only model is the scripted one."""
    provider = ModelProvider(name="scripted", kind="offline", models=(ModelSettings(name="script"),), local=True)
    roles = Roles(planner="script", executor="script", synthesizer="script", judge="script")
    return Settings.model_validate({"model_providers": (provider,), "roles": roles, **fields})


def scripted_engine(
    provider: ScriptedProvider, tools: Sequence[Any] = (), *, store: RunStore | str | None = None, **settings: Any
) -> Engine:
    """Return an engine whose every model call goes to a scripted provider, its runs in memory or in ``store``."""
    chosen = scripted_settings(**settings)
    engine = Engine(chosen, tools=tools, store=store)
    engine.gateway = Gateway(chosen, ledger=engine.ledger, providers={"scripted": provider}, tracer=tracer)
    return engine
