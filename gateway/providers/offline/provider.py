"""The offline model as a provider: rules, no weights, no network, no key, no price."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_never

from anyio import to_thread
from anyio.lowlevel import checkpoint

from gateway.providers.base import Dialect, PlanTier, configured_tier, tool_call
from gateway.providers.offline.answer import write_answer
from gateway.providers.offline.fill import fill_call
from gateway.providers.offline.plan import write_plan
from gateway.providers.offline.read import LACKS_TOOL, AnswerAsked, ArgumentsAsked, Asked, PlanAsked, TurnAsked, read
from gateway.providers.offline.turn import take_turn
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
from schemas.result import Usage
from schemas.settings import ModelProvider, ProviderKind

_LONG = 4_000  # characters of a request that takes more than some 50 ms
_PIECE = 12  # characters of one delta
_TOKEN = 4  # characters counted as one token


class OfflineProvider:
    """Answers requests by rules. The same request gives the same reply.

    Args:
        settings: Its configuration; None for one called ``offline``.
    """

    kind: ProviderKind = "offline"
    dialect: Dialect = "offline"

    def __init__(self, settings: ModelProvider | None = None) -> None:
        self._settings = settings or ModelProvider(name="offline", kind="offline", local=True)

    @property
    def name(self) -> str:
        """The configured name."""
        return self._settings.name

    def plan_tier(self, model: str) -> PlanTier:
        """Return how plans are asked for: the schema is what it reads the tools from."""
        return configured_tier(self._settings, model) or "schema"

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncIterator[ModelChunk]:  # noqa: ARG002 - it never waits
        """Stream the reply in small pieces, then ``Done``. Cancellation: at any piece; nothing is left behind."""
        response = await self._answered(model, request)
        for index, part in enumerate(response.parts):
            for delta in _deltas(index, part):
                await checkpoint()
                yield delta
        await checkpoint()
        yield Done(response=response)

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:  # noqa: ARG002 - it never waits
        """Return the whole reply."""
        return await self._answered(model, request)

    async def aclose(self) -> None:
        """Do nothing: there is nothing open."""

    async def _answered(self, model: str, request: ModelRequest) -> ModelResponse:
        """Return the reply; a long request is answered in a thread, so that the event loop goes on and may give up."""
        await checkpoint()
        if sum(len(message.text) for message in request.messages if message.role == "user") <= _LONG:
            return self.answer(model, request)
        return await to_thread.run_sync(self.answer, model, request, abandon_on_cancel=True)

    def answer(self, model: str, request: ModelRequest) -> ModelResponse:
        """Return the reply at once: rules wait for nothing. Cost: O(tools × words), some 10 ms over 70 tools."""
        asked = read(request)
        parts, cut = _capped(tuple(_parts(request, asked)), request.max_output_tokens)
        refused = isinstance(asked, AnswerAsked) and not asked.worked
        calls = any(isinstance(part, ToolCallPart) for part in parts)
        read_tokens = math.ceil(len(request.model_dump_json(exclude_defaults=True)) / _TOKEN)
        return ModelResponse(
            model=model,
            provider=self.name,
            parts=parts,
            stop_reason="length" if cut else "refusal" if refused else "tool_calls" if calls else "end",
            usage=Usage(calls=1, input_tokens=read_tokens, output_tokens=_tokens(parts), cost_usd=0.0),
        )


def _parts(request: ModelRequest, asked: Asked) -> Iterator[Part]:
    match asked:
        case PlanAsked():
            text = write_plan(asked)
            yield tool_call("call_1", asked.emit, text) if asked.emit else TextPart(text=text)
        case ArgumentsAsked():
            yield _filled(asked)
        case TurnAsked():
            calls, text = take_turn(asked)
            made = sum(isinstance(part, ToolCallPart) for message in request.messages for part in message.parts)
            for number, (name, arguments) in enumerate(calls[: None if request.parallel_tool_calls else 1], made + 1):
                yield _call(f"call_{number}", name, arguments)
            if text:
                yield TextPart(text=text)
        case AnswerAsked():
            yield TextPart(text=write_answer(asked))
        case _:
            assert_never(asked)


def _filled(asked: ArgumentsAsked) -> ToolCallPart:
    arguments, missing = fill_call(asked)
    if missing and asked.lacks:
        return _call("call_1", LACKS_TOOL, {"missing": missing})
    return _call("call_1", asked.tool.name, arguments)


def _call(call_id: str, name: str, arguments: dict[str, Any]) -> ToolCallPart:
    raw = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return ToolCallPart(call_id=call_id, name=name, arguments=arguments, raw=raw)


def _deltas(index: int, part: Part) -> Iterator[ModelChunk]:
    if isinstance(part, TextPart):
        for start in range(0, len(part.text), _PIECE):
            yield TextDelta(text=part.text[start : start + _PIECE])
    elif isinstance(part, ToolCallPart):
        yield ToolCallDelta(index=index, call_id=part.call_id, name=part.name)
        for start in range(0, len(part.raw), _PIECE):
            yield ToolCallDelta(index=index, arguments=part.raw[start : start + _PIECE])


def _capped(parts: tuple[Part, ...], most: int | None) -> tuple[tuple[Part, ...], bool]:
    """Cut a reply of one text to the tokens allowed; a call is never cut."""
    first = parts[0] if len(parts) == 1 else None
    if most is None or not isinstance(first, TextPart) or _tokens(parts) <= most:
        return parts, False
    return (TextPart(text=first.text[: most * _TOKEN]),), True


def _tokens(parts: tuple[Part, ...]) -> int:
    """Return an estimate of the tokens written: four characters are one."""
    return math.ceil(sum(len(_written(part)) for part in parts) / _TOKEN)


def _written(part: Part) -> str:
    if isinstance(part, TextPart):
        return part.text
    return part.raw if isinstance(part, ToolCallPart) else ""
