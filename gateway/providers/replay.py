"""A provider that answers from the record of a run: the same replies in the same order, no network and no model."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Iterator

from gateway.providers.base import Dialect, PlanTier
from schemas.errors import ModelOutputError, from_info
from schemas.events import ModelCalled
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    Part,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from schemas.settings import ProviderKind

PIECE = 24

Key = tuple[str, str | None, int | None]


class Recording:
    """The recorded calls of one run: each is handed out once, in order, to who made it.

    Args:
        events: The run's calls as logged, in order.
    """

    def __init__(self, events: Iterable[ModelCalled]) -> None:
        self._calls: defaultdict[Key, deque[ModelCalled]] = defaultdict(deque)
        for event in events:
            self._calls[event.role, event.step_id, event.revision].append(event)

    def take(self, role: str, step_id: str | None, revision: int | None) -> ModelCalled:
        """Return the next call that role made for that step and revision.

        Raises:
            ModelOutputError: It made no more such calls.
        """
        calls = self._calls.get((role, step_id, revision))
        if not calls:
            where = f" for step {step_id}" if step_id is not None else ""
            where += f" in revision {revision}" if revision is not None else ""
            raise ModelOutputError(
                f"the recorded run holds no further call of the {role or 'model'}{where}",
                hint="replay with the task, tools and settings of the recorded run, or run it anew",
                details={"role": role, "step_id": step_id, "revision": revision},
            )
        return calls.popleft()

    @property
    def left(self) -> int:
        """Recorded calls not handed out yet."""
        return sum(len(calls) for calls in self._calls.values())


class ReplayProvider:
    """Answers the calls of one role, step and revision from a recording (implements ``gateway.providers.Provider``).

    Args:
        recording: The recorded calls.
        dialect: What the recorded run's provider spoke; it decides how the planner reads the recorded plans.
        tier: How the recorded run's planner model was made to write plans.
        role, step_id, revision: Who asks; ``asked_by`` gives the same provider for somebody else.
    """

    kind: ProviderKind = "offline"

    def __init__(
        self,
        recording: Recording,
        *,
        name: str = "replay",
        dialect: Dialect = "unions",
        tier: PlanTier = "schema",
        role: str = "",
        step_id: str | None = None,
        revision: int | None = None,
    ) -> None:
        self.name = name
        self.dialect: Dialect = dialect
        self.recording = recording
        self._tier: PlanTier = tier
        self._role = role
        self._step_id = step_id
        self._revision = revision

    def asked_by(self, role: str, step_id: str | None, revision: int | None) -> ReplayProvider:
        """Return the provider for one caller, over the same recording."""
        return ReplayProvider(
            self.recording,
            name=self.name,
            dialect=self.dialect,
            tier=self._tier,
            role=role,
            step_id=step_id,
            revision=revision,
        )

    def plan_tier(self, model: str) -> PlanTier:  # noqa: ARG002 - part of the protocol
        """Return how the recorded planner model was made to write a plan."""
        return self._tier

    async def stream(
        self,
        model: str,  # noqa: ARG002 - part of the protocol
        request: ModelRequest,  # noqa: ARG002 - part of the protocol
        *,
        timeout_s: float,  # noqa: ARG002 - part of the protocol
    ) -> AsyncIterator[ModelChunk]:
        """Stream the next recorded reply in small pieces, whatever is asked.

        Raises:
            ModelOutputError: No such call was recorded.
            EngineError: The recorded call had failed; its error is raised again.
        """
        response = self._next()
        index = 0
        for part in response.parts:
            for chunk in _pieces(part, index):
                yield chunk
            index += part.kind == "tool_call"
        yield Done(response=response)

    async def complete(
        self,
        model: str,  # noqa: ARG002 - part of the protocol
        request: ModelRequest,  # noqa: ARG002 - part of the protocol
        *,
        timeout_s: float,  # noqa: ARG002 - part of the protocol
    ) -> ModelResponse:
        """Return the next recorded reply. Raises as ``stream``."""
        return self._next()

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    def _next(self) -> ModelResponse:
        call = self.recording.take(self._role, self._step_id, self._revision)
        if call.error is not None:
            raise from_info(call.error)
        return ModelResponse(
            model=call.model,
            provider=call.provider,
            parts=call.parts,
            stop_reason=call.stop_reason,
            usage=call.usage,
            attempts=call.attempts,
            route=call.route,
            latency_s=call.latency_s,
            first_token_s=call.first_token_s,
        )


def _pieces(part: Part, index: int) -> Iterator[ModelChunk]:
    if part.kind == "text":
        yield from (TextDelta(text=piece) for piece in _cut(part.text))
    elif part.kind == "reasoning":
        yield from (ReasoningDelta(text=piece) for piece in _cut(part.text))
    elif part.kind == "tool_call":
        yield ToolCallDelta(index=index, call_id=part.call_id, name=part.name)
        written = part.raw or json.dumps(part.arguments)
        yield from (ToolCallDelta(index=index, arguments=piece) for piece in _cut(written))


def _cut(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))
