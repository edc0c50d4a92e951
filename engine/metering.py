"""The gateway as one run sees it: every call is counted to the run, recorded in its log, and bound by its budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from gateway.gateway import CallContext, Gateway
from schemas.errors import BudgetError, EngineError
from schemas.events import BudgetExhausted, LoggedEvent, ModelCalled
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, Restart, TextDelta, TextPart, ToolCallDelta
from schemas.result import Usage

_OPTIONAL = frozenset({"summarizer", "judge"})
"""Roles that a run can do without: a call of theirs that the budget does not cover is not made, and ends nothing."""


@dataclass(frozen=True, slots=True)
class _Caller:
    role: str
    step_id: str | None
    revision: int | None


def used_by(events: Iterable[LoggedEvent]) -> Usage:
    """Return what the model calls among these events used."""
    return sum((event.usage for event in events if isinstance(event, ModelCalled)), Usage())


class RunModel:
    """Calls models for one run (implements ``schemas.protocols.ModelClient``).

    Args:
        gateway: Where calls go.
        run_id: The run.
        report: Takes each event: a call made, a budget nearly or wholly used.
    """

    def __init__(
        self,
        gateway: Gateway,
        run_id: str,
        report: Callable[[LoggedEvent], None],
        step_id: str | None = None,
    ) -> None:
        self._gateway = gateway
        self._run_id = run_id
        self._report = report
        self._step_id = step_id

    def for_step(self, step_id: str) -> RunModel:
        """Return the same client, counting to a step unless the call names another."""
        return RunModel(self._gateway, self._run_id, self._report, step_id)

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """Return (dialect, tier) of the first model the role resolves to."""
        return self._gateway.planner_dialect(role)

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream one call; the last chunk is ``Done``.

        Raises:
            ModelError: The call failed for good.
            BudgetError: The run's budget does not cover it; nothing was sent.
        """
        caller = _Caller(role, step_id or self._step_id, revision)
        written: list[str] = []
        try:
            async with aclosing(self._gateway.stream(request, self._context(caller))) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, Done):
                        self._made(caller, request, chunk.response)
                    _note(chunk, written)
                    yield chunk
        except EngineError as exc:
            self._failed(caller, request, exc, "".join(written))
            raise

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Make one call and return the whole reply. Raises as ``stream``."""
        caller = _Caller(role, step_id or self._step_id, revision)
        try:
            response = await self._gateway.complete(request, self._context(caller))
            self._made(caller, request, response)
        except EngineError as exc:
            self._failed(caller, request, exc)
            raise
        return response

    def _context(self, caller: _Caller) -> CallContext:
        return CallContext(
            run_id=self._run_id,
            role=caller.role,
            step_id=caller.step_id,
            revision=caller.revision,
            scopes=(f"run:{self._run_id}",),
            use_kept=caller.role == "synthesizer",
            warn=self._report,
        )

    def _made(self, caller: _Caller, request: ModelRequest, response: ModelResponse) -> None:
        self._report(
            ModelCalled(
                role=caller.role,
                model=response.model,
                provider=response.provider,
                route=response.route,
                form=request.form,
                step_id=caller.step_id,
                revision=caller.revision,
                attempts=response.attempts,
                parts=response.parts,
                stop_reason=response.stop_reason,
                usage=response.usage,
                latency_s=response.latency_s,
                first_token_s=response.first_token_s,
            )
        )

    def _failed(self, caller: _Caller, request: ModelRequest, exc: EngineError, written: str = "") -> None:
        if not isinstance(exc, BudgetError):
            self._report(
                ModelCalled(
                    role=caller.role,
                    model=str(exc.details.get("model", request.model)),
                    provider=str(exc.details.get("provider", "")),
                    form=request.form,
                    step_id=caller.step_id,
                    revision=caller.revision,
                    attempts=int(exc.details.get("attempts", 1)),
                    parts=(TextPart(text=written),) if written else (),
                    usage=Usage.model_validate(exc.details.get("usage", {})),
                    error=exc.to_info(),
                )
            )
            return
        if caller.role in _OPTIONAL:
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


def _note(chunk: ModelChunk, written: list[str]) -> None:
    """Keep what a reply wrote since it last began, for the record if it breaks off."""
    if isinstance(chunk, Restart):
        written.clear()
    elif isinstance(chunk, TextDelta):
        written.append(chunk.text)
    elif isinstance(chunk, ToolCallDelta):
        written.append(chunk.arguments)
