"""The gateway as one run sees it: every call is counted to the run, recorded in its log, and bound by its budget."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from engine.dag.state import RunState
from engine.streams import Streams
from gateway.gateway import CallContext, Gateway
from schemas.errors import BudgetError, BudgetPausedError, EngineError, ModelOutputError, RunCancelledError
from schemas.events import BegunAnew, BudgetExhausted, LoggedEvent, ModelCalled
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    Part,
    ReasoningDelta,
    ReasoningPart,
    Restart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from schemas.result import Usage

_OPTIONAL = frozenset({"summarizer", "judge"})
"""Roles that a run can do without: a call of theirs that the budget does not cover is not made, and ends nothing."""

_THINKERS = ("planner", "synthesizer")
_STEP_ROLE = "executor"


@dataclass(slots=True)
class OpenCalls:
    """How many of a run's model calls are under way: begun, and their end not reported.

    Attributes:
        unreported: Called when a call ended of which nothing is to be reported.
        patience_s: From which wait on, asked for by a model, a call is made again later instead of waited for.
    """

    unreported: Callable[[], None] = lambda: None
    number: int = 0
    patience_s: float | None = None


@dataclass(slots=True)
class _Call:
    """One call as it goes: who makes it, what came of it so far, what the gateway said of its end."""

    request: ModelRequest
    role: str
    step_id: str | None
    revision: int | None
    parts: list[Part] = field(default_factory=list[Part])
    anew: list[BegunAnew] = field(default_factory=list[BegunAnew])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    answered: bool = False

    def observe(self, outcome: ModelResponse | EngineError, _: CallContext) -> None:
        """Keep what the gateway knows of a call that gave no reply: model, attempts, usage."""
        if isinstance(outcome, EngineError):
            self.facts = outcome.details

    def note(self, chunk: ModelChunk) -> None:
        """Keep what a reply wrote since it last began, for the record if it breaks off."""
        match chunk:
            case Restart():
                self.anew.append(BegunAnew(reason=chunk.reason, parts=tuple(self.parts)))
                self.parts.clear()
            case TextDelta() | ReasoningDelta():
                self._add(chunk)
            case ToolCallDelta():
                self._add_to_call(chunk)
            case Done():
                self.answered = True

    def _add(self, chunk: TextDelta | ReasoningDelta) -> None:
        last = self.parts[-1] if self.parts else None
        made = TextPart if chunk.kind == "text" else ReasoningPart
        if isinstance(last, made):
            self.parts[-1] = made(text=last.text + chunk.text)
        else:
            self.parts.append(made(text=chunk.text))

    def _add_to_call(self, chunk: ToolCallDelta) -> None:
        places = [place for place, part in enumerate(self.parts) if part.kind == "tool_call"]
        if chunk.index < len(places):
            known = self.parts[places[chunk.index]]
            assert known.kind == "tool_call"
            self.parts[places[chunk.index]] = known.model_copy(update={"raw": known.raw + chunk.arguments})
        else:
            part = ToolCallPart(call_id=chunk.call_id, name=chunk.name, raw=chunk.arguments, valid=False)
            self.parts.append(part)


def used_by(events: Iterable[LoggedEvent]) -> Usage:
    """Return what the model calls among these events used."""
    return sum((event.usage for event in events if isinstance(event, ModelCalled)), Usage())


class _Run(Protocol):
    """What a run's driver knows of it."""

    @property
    def streams(self) -> Streams:
        """Its live text."""
        ...

    @property
    def state(self) -> RunState:
        """Where it stands."""
        ...


class RunModel:
    """Calls models for one run (implements ``schemas.protocols.ModelClient``).

    Every call that was begun is reported once: answered, failed, or broken off, with what it wrote and used so far.

    Args:
        gateway: Where calls go.
        run_id: The run.
        report: Takes each event: a call made, a budget nearly or wholly used.
        step_id: Whose calls they are; empty: the run's own.
        open_calls: Counts the calls under way.
        run: The run as its driver sees it, once it does; None: what replies write is shown to nobody.
        agent_of: Gives the agent that a step asks, to whose budgets its calls count; empty for a step of a tool.
    """

    def __init__(
        self,
        gateway: Gateway,
        run_id: str,
        report: Callable[[LoggedEvent], None],
        step_id: str | None = None,
        open_calls: OpenCalls | None = None,
        run: Callable[[], _Run] | None = None,
        agent_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._gateway = gateway
        self._run_id = run_id
        self._report = report
        self._step_id = step_id
        self._open = open_calls or OpenCalls()
        self._run = run
        self._agent_of = agent_of

    def for_step(self, step_id: str) -> RunModel:
        """Return the same client, counting to a step unless the call names another."""
        return RunModel(self._gateway, self._run_id, self._report, step_id, self._open, self._run, self._agent_of)

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """Return (dialect, tier) of the first model the role resolves to."""
        return self._gateway.planner_dialect(role)

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream one call; the last chunk is ``Done``.

        Cancellation: closes the call; it is reported as cancelled.

        Raises:
            ModelError: The call failed for good.
            BudgetError: The run's budget does not cover it; nothing was sent.
        """
        call = _Call(request, role, step_id or self._step_id, revision)
        self._open.number += 1
        self._show(call, Restart(reason="another call"))
        try:
            async with aclosing(self._gateway.stream(request, self._context(call))) as chunks:
                async for chunk in chunks:
                    call.note(chunk)
                    self._show(call, chunk)
                    if isinstance(chunk, Done):
                        self._made(call, chunk.response)
                    yield chunk
        except BaseException as exc:
            self._broke_off(call, exc)
            raise

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Make one call and return the whole reply. Raises and cancels as ``stream``.

        Raises:
            ModelOutputError: The reply has no end.
        """
        if self._run is not None and role == _STEP_ROLE and not request.tools:
            return await self._watched(request, role, step_id, revision)
        call = _Call(request, role, step_id or self._step_id, revision)
        self._open.number += 1
        try:
            response = await self._gateway.complete(request, self._context(call))
        except BaseException as exc:
            self._broke_off(call, exc)
            raise
        self._made(call, response)
        return response

    async def _watched(
        self, request: ModelRequest, role: str, step_id: str | None, revision: int | None
    ) -> ModelResponse:
        """Make a call of a step, whose text people may watch, and return the whole reply."""
        replying = cast(
            "AsyncGenerator[ModelChunk]", self.stream(request, role=role, step_id=step_id, revision=revision)
        )
        async with aclosing(replying) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Done):
                    return chunk.response
        raise ModelOutputError("the reply has no end")

    def _show(self, call: _Call, chunk: ModelChunk) -> None:
        """Publish what people may watch: what planner and synthesizer think, what a step's model writes."""
        if self._run is None:
            return
        thinks = call.role in _THINKERS and call.step_id is None
        stream = "reasoning" if thinks else call.step_id if call.role == _STEP_ROLE else None
        if stream is None:
            return
        if isinstance(chunk, Restart):
            self._run().streams.reset(stream, chunk.reason)
        elif isinstance(chunk, ReasoningDelta if thinks else TextDelta):
            self._run().streams.text(stream, chunk.text)

    def _context(self, call: _Call) -> CallContext:
        key = None if self._run is None else self._gateway.payer(self._run().state.started.user)
        agent = self._agent_of(call.step_id) if call.step_id is not None else ""
        return CallContext(
            run_id=self._run_id,
            role=call.role,
            step_id=call.step_id,
            revision=call.revision,
            scopes=(f"run:{self._run_id}",),
            use_kept=call.role == "synthesizer",
            observe=call.observe,
            warn=self._report,
            patience_s=self._open.patience_s,
            key="" if key is None else key.id,
            agent=agent or ("" if key is None else key.agent or ""),
            api_key=key,
        )

    def _made(self, call: _Call, response: ModelResponse) -> None:
        self._open.number -= 1
        self._report(
            ModelCalled(
                role=call.role,
                model=response.model,
                provider=response.provider,
                route=response.route,
                form=call.request.form,
                step_id=call.step_id,
                revision=call.revision,
                attempts=response.attempts,
                parts=response.parts,
                anew=tuple(call.anew),
                stop_reason=response.stop_reason,
                usage=response.usage,
                latency_s=response.latency_s,
                first_token_s=response.first_token_s,
            )
        )

    def _broke_off(self, call: _Call, exc: BaseException) -> None:
        """Report a call that was not answered: it failed, its caller wants no more of it, or it was cancelled."""
        if call.answered:
            return
        self._open.number -= 1
        refused = exc if isinstance(exc, BudgetError) and not isinstance(exc, BudgetPausedError) else None
        if refused is None or call.anew or call.parts:  # what broke off was paid for, also where no budget is left
            self._failed(call, exc)
        if refused is not None:
            self._refused(call, refused)

    def _failed(self, call: _Call, exc: BaseException) -> None:
        error = exc if isinstance(exc, EngineError) else RunCancelledError("the call was broken off before its end")
        facts = {**error.details, **call.facts}
        self._report(
            ModelCalled(
                role=call.role,
                model=str(facts.get("model", call.request.model)),
                provider=str(facts.get("provider", "")),
                route=str(facts.get("route", "")),
                form=call.request.form,
                step_id=call.step_id,
                revision=call.revision,
                attempts=int(facts.get("attempts", 1)),
                parts=tuple(call.parts),
                anew=tuple(call.anew),
                usage=Usage.model_validate(facts.get("usage", {})),
                error=error.to_info(),
            )
        )

    def _refused(self, call: _Call, exc: BudgetError) -> None:
        if call.role in _OPTIONAL:
            self._open.unreported()
            return
        measure = exc.details.get("measure", "usd")
        self._report(
            BudgetExhausted(
                scope=str(exc.details.get("scope", f"run:{self._run_id}")),
                measure=measure if measure in ("usd", "tokens", "seconds") else "usd",
                spent=float(exc.details.get("spent") or 0.0),
                limit=float(exc.details.get("limit") or 0.0),
                message=exc.message,
            )
        )
