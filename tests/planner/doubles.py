"""Doubles of the planner's tests: a model client that replies from a script, and a few tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.planner.llm import LLMPlanner
from schemas.errors import EngineError
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, TextDelta, TextPart, ToolCallDelta
from schemas.plan import Plan
from schemas.planning import PlanDelta, PlanReady, PlanRequest, StepDraft
from schemas.tool import ToolSpec

Reply = str | EngineError | Sequence[ModelChunk]


def tool(name: str, required: Sequence[str] = (), **properties: Any) -> ToolSpec:
    """A tool whose arguments are ``name="type"`` or ``name={schema}``."""
    schemas = {key: {"type": value} if isinstance(value, str) else value for key, value in properties.items()}
    return ToolSpec(
        name=name,
        effects="none",
        description=f"The {name} tool.",
        input_schema={
            "type": "object",
            "properties": schemas,
            "required": list(required),
            "additionalProperties": False,
        },
    )


SEARCH = tool("search", ["query"], query="string", limit="integer")
CONVERT = tool("convert", ["value", "to"], value="number", to={"type": "string", "enum": ["ft", "m"]})
MERGE = tool("merge", ["parts"], parts={"type": "array", "items": {"type": "string"}}, options={"type": "object"})
TOOLS = (CONVERT, MERGE, SEARCH)
BY_NAME = {spec.name: spec for spec in TOOLS}


@dataclass
class ScriptedModel:
    """Replies in order: a text (streamed in pieces of ``chunk``), chunks as they are, or an error."""

    replies: list[Reply]
    dialect: str = "unions"
    tier: str = "schema"
    chunk: int = 7
    requests: list[ModelRequest] = field(default_factory=list)

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream the next reply."""
        self.requests.append(request)
        reply = self.replies[len(self.requests) - 1]
        if isinstance(reply, EngineError):
            raise reply
        for chunk in self._chunks(reply) if isinstance(reply, str) else reply:
            yield chunk
        text = reply if isinstance(reply, str) else ""
        yield Done(response=ModelResponse(model="scripted", parts=(TextPart(text=text),)))

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Never used by the planner."""
        raise NotImplementedError

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """As the script says."""
        return self.dialect, self.tier

    def _chunks(self, text: str) -> list[ModelChunk]:
        pieces = [text[at : at + self.chunk] for at in range(0, len(text), self.chunk)]
        if self.tier == "tool":
            return [ToolCallDelta(index=0, arguments=piece) for piece in pieces]
        return [TextDelta(text=piece) for piece in pieces]


def asked(task: str = "How high is it?", **changes: Any) -> PlanRequest:
    """A request over the tools above."""
    return PlanRequest(task=task, tools=TOOLS).model_copy(update=changes)


async def deltas(model: ScriptedModel, request: PlanRequest | None = None, **options: Any) -> list[PlanDelta]:
    """Everything the planner hands on."""
    return [delta async for delta in LLMPlanner(**options).plan(request or asked(), model)]


async def planned(model: ScriptedModel, request: PlanRequest | None = None, **options: Any) -> Plan:
    """The plan at the end."""
    last = (await deltas(model, request, **options))[-1]
    assert isinstance(last, PlanReady)
    return last.plan


def drafts(found: Sequence[PlanDelta]) -> list[str]:
    """Ids of the steps handed on."""
    return [delta.step.id for delta in found if isinstance(delta, StepDraft)]
