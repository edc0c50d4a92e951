"""A scripted provider and the settings around it: what the gateway's tests put in a model's place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import anyio

from gateway.gateway import CallContext, Gateway
from gateway.providers.base import Dialect, PlanTier
from schemas.errors import ModelError
from schemas.model import Done, Message, ModelChunk, ModelRequest, ModelResponse, TextDelta, TextPart
from schemas.result import Usage
from schemas.settings import ModelProvider, ModelSettings, ProviderKind, Roles, Settings
from schemas.tool import RetryPolicy

Answer = str | ModelError | Usage | Sequence["str | ModelError"] | ModelResponse
USED = Usage(input_tokens=1000, output_tokens=100, cost_usd=None)
FAST = RetryPolicy(max_attempts=3, base_delay_s=0.001, max_delay_s=0.002)


class ScriptedProvider:
    """Answers with the next line of each model's script; the last line is repeated.

    A line is a text, an error to raise, a usage to report, a whole response, or a list: pieces of a stream that may
    end in an error, or in nothing (then no ``Done`` comes).
    """

    kind: ProviderKind = "offline"
    dialect: Dialect = "strings"

    def __init__(self, scripts: Mapping[str, Sequence[Answer]], name: str = "p", pause_s: float = 0.0) -> None:
        self.name = name
        self.scripts = {model: list(lines) for model, lines in scripts.items()}
        self.pause_s = pause_s
        self.asked: list[str] = []
        self.at: list[float] = []
        self.timeouts: list[float] = []
        self.running = self.most_running = self.closed = 0

    def plan_tier(self, model: str) -> PlanTier:
        """Return the tier of every model."""
        return "tool"

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncIterator[ModelChunk]:
        """Play one line."""
        line = self._next(model, timeout_s)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await anyio.sleep(self.pause_s)
            if isinstance(line, list | tuple):
                for piece in line:
                    if isinstance(piece, ModelError):
                        raise piece
                    yield TextDelta(text=piece)
                    await anyio.sleep(self.pause_s)
                return
            response = _response(model, line)
            if response.text:
                yield TextDelta(text=response.text)
            yield Done(response=response)
        finally:
            self.running -= 1
            self.closed += 1

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Play one line without streaming."""
        line = self._next(model, timeout_s)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await anyio.sleep(self.pause_s)
            return _response(model, line)
        finally:
            self.running -= 1

    async def aclose(self) -> None:
        """Count it."""
        self.closed += 1

    def _next(self, model: str, timeout_s: float) -> Any:
        self.asked.append(model)
        self.at.append(anyio.current_time())
        self.timeouts.append(timeout_s)
        lines = self.scripts[model]
        return lines.pop(0) if len(lines) > 1 else lines[0]


def _response(model: str, line: Any) -> ModelResponse:
    if isinstance(line, ModelError):
        raise line
    if isinstance(line, ModelResponse):
        return line
    usage = line if isinstance(line, Usage) else USED
    text = line if isinstance(line, str) else "ok"
    return ModelResponse(model=model, parts=(TextPart(text=text),), usage=usage)


def settings(*models: ModelSettings | str, kind: ProviderKind = "offline", timeout_s: float = 120.0) -> Settings:
    """Return settings of one provider ``p`` whose models, in order, play the planner."""
    listed = tuple(ModelSettings(name=model) if isinstance(model, str) else model for model in models)
    provider = ModelProvider(name="p", kind=kind, models=listed, timeout_s=timeout_s)
    return Settings(model_providers=(provider,), roles=Roles(planner=tuple(f"p/{model.name}" for model in listed)))


def gateway(provider: ScriptedProvider, *, given: Settings | None = None, **options: Any) -> Gateway:
    """Return a gateway over the scripted provider; its models, in order, play the planner."""
    options.setdefault("retry", FAST)
    return Gateway(given or settings(*provider.scripts), environ={}, providers={"p": provider}, **options)


def request(text: str = "hello", model: str = "planner", **fields: Any) -> ModelRequest:
    """Return a request to the planner."""
    return ModelRequest(messages=(Message.user(text),), model=model, **fields)


async def chunks(made: Gateway, asked: ModelRequest, context: CallContext | None = None) -> list[ModelChunk]:
    """Return every chunk of a streamed call."""
    return [chunk async for chunk in made.stream(asked, context)]


def texts(stream: Sequence[ModelChunk]) -> list[str]:
    """Return what a reader of the stream saw: texts, and the kind of every other chunk."""
    return [chunk.text if chunk.kind == "text" else chunk.kind for chunk in stream]


def collect(into: list[Any]) -> Callable[..., None]:
    """Return an observer that keeps the first argument of each call."""
    return lambda *args: into.append(args[0])
