"""Follows a run in the name of a client's call: tells its progress, and asks the client what the run asks."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
import structlog
from anyio.abc import TaskGroup
from mcp import MCPError, types
from mcp.server.context import ServerRequestContext

from engine.api import Engine
from engine.serve.drives import Drives
from engine.serve.mcp.forms import decided, message_of, schema_of
from engine.streams import Cursor
from schemas.approvals import ApprovalRequested
from schemas.errors import EngineError
from schemas.events import LoggedRecord, PlanAccepted, PlanStarted, PlanStep, ReplanStarted, StepEnded, StepStarted
from schemas.plan import Step

Context = ServerRequestContext[Any, Any]
_POLL_S = 0.05
_LEAVE_S = 2.0
_LEFT = "its MCP client cancelled the call"


@dataclass(frozen=True, slots=True)
class Runs:
    """What a call works with.

    Attributes:
        drives: Drives the runs of this process, where it does, by the engine that is in force.
    """

    drives: Drives

    @property
    def engine(self) -> Engine:
        """Whose runs they are."""
        return self.drives.engine

    async def answer(self, run_id: str, asked: ApprovalRequested, filled: types.ElicitResult, by: str) -> bool:
        """Answer something with a filled form; False where the person left it open, or the answer does not fit."""
        decision = decided(asked, filled.action, filled.content)
        if decision is None:
            return False
        handle = self.engine.attach(run_id)
        try:
            await handle.answer(
                asked.approval_id, decision.decision, result=decision.result, reason=decision.reason, by=by
            )
        except EngineError as exc:  # somebody else was faster, or the answer does not fit: then it waits as before
            structlog.get_logger().info("an MCP client's answer was not taken", run_id=run_id, error=exc.message)
            return False
        await self.go_on(run_id)
        return True

    async def go_on(self, run_id: str) -> None:
        """Let a run that somebody spoke to go on."""
        row = await self.engine.store.summary(run_id)
        if not row.parked and not row.ended:
            self.drives.take(run_id)


class Watch:
    """Follows one run for one call.

    Args:
        runs: The runs.
        run_id: Which.
        context: The call.
        by: Who answers what the client is asked.
        since: The run's last event that the client knows of.
    """

    def __init__(self, runs: Runs, run_id: str, context: Context, by: str, since: int = 0) -> None:
        self._runs = runs
        self._run_id = run_id
        self._context = context
        self._by = by
        self._cursor = Cursor()
        self._steps: dict[str, Step] = {}
        self._ended: set[str] = set()
        self._since = since
        self._unasked: dict[str, ApprovalRequested] = {}
        self._told = 0
        self._asking: dict[str, anyio.CancelScope] = {}
        self._moved = anyio.Event()

    async def settled(self, wait_s: float | None = None, *, owns: bool = False) -> None:
        """Return once the run has ended, or waits for somebody this client cannot ask, or the time is over.

        Args:
            wait_s: The longest time, in seconds.
            owns: End the run with the call.

        Cancellation: the run is cancelled where the call owns it.
        """
        try:
            with anyio.move_on_after(wait_s):
                async with anyio.create_task_group() as group:
                    await self._follow(group)
                    group.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            if owns:
                with anyio.move_on_after(_LEAVE_S, shield=True):
                    handle = self._runs.engine.attach(self._run_id)
                    await handle.cancel(_LEFT)
                    await self._runs.go_on(self._run_id)  # one that is parked has nobody to end it
                    await handle.done()
            raise

    async def _follow(self, group: TaskGroup) -> None:
        engine = self._runs.engine
        while True:
            items = engine.following.follow(self._run_id, self._cursor, live=False, parked=False)
            async with aclosing(items) as records:
                async for record in records:
                    if isinstance(record, LoggedRecord):
                        self._cursor.advance(record)
                        await self._seen(record, group)
            row = await engine.store.summary(self._run_id)
            if row.ended:
                return
            if self._asking:
                await self._moved.wait()
            elif row.status == "waiting" and await engine.attach(self._run_id).pending():
                return
            else:
                await anyio.sleep(_POLL_S if row.status != "waiting" else 1.0)

    # ------------------------------------------------------------------ progress

    async def _seen(self, record: LoggedRecord, group: TaskGroup) -> None:
        event = record.event
        self._note(event)
        if event.kind == "approval_requested":
            self._unasked[event.approval_id] = event
        elif event.kind == "approval_answered":
            self._unasked.pop(event.approval_id, None)
            if event.approval_id in self._asking:
                self._asking[event.approval_id].cancel()
        if record.seq < self._since:
            return
        while self._unasked and can_ask(self._context):
            approval_id, asked = self._unasked.popitem()
            self._asking[approval_id] = anyio.CancelScope()
            group.start_soon(self._ask, asked)
        said = self._said(event) if record.seq > self._since else ""
        if said:
            self._told += 1
            await self._context.session.report_progress(
                self._told, self._told + 2 * len(self._steps.keys() - self._ended) + 1, said
            )

    def _said(self, event: Any) -> str:
        """Return what is told of an event; nothing of most."""
        match event:
            case PlanStarted():
                return "planning"
            case ReplanStarted():
                return "planning anew"
            case PlanAccepted():
                return f"the plan has {len(event.plan.steps)} steps"
            case StepStarted():
                return f"{self._step(event.step_id)}: started"
            case StepEnded():
                return f"{self._step(event.step_id)}: {event.result.status}"
            case ApprovalRequested():
                return f"waits for an answer ({event.approval_id})"
            case _:
                return ""

    def _note(self, event: Any) -> None:
        """Keep which steps there are, and which of them have ended."""
        match event:
            case PlanStep():
                self._steps[event.step.id] = event.step
            case PlanAccepted():
                self._steps = {step.id: step for step in event.plan.steps}
            case StepEnded():
                self._ended.add(event.step_id)
            case _:
                pass

    def _step(self, step_id: str) -> str:
        known = self._steps.get(step_id)
        return step_id if known is None else known.description or f"{step_id}. {known.tool}"

    # ------------------------------------------------------------------ asking

    async def _ask(self, asked: ApprovalRequested) -> None:
        """Ask the client, until it answers or somebody else did."""
        try:
            with self._asking[asked.approval_id]:
                filled = await self._context.session.elicit_form(
                    message_of(asked), schema_of(asked), self._context.request_id
                )
                await self._runs.answer(self._run_id, asked, filled, self._by)
        except MCPError as exc:
            structlog.get_logger().info("an MCP client was not asked", run_id=self._run_id, error=exc.error.message)
        finally:
            del self._asking[asked.approval_id]
            self._moved.set()
            self._moved = anyio.Event()


def elicits(context: Context) -> bool:
    """Whether a call's client shows forms to a person."""
    found = context.session.client_capabilities
    elicitation = found.elicitation if found is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def can_ask(context: Context) -> bool:
    """Whether the client can be asked in the middle of a call; with the newer protocol, a call ends to ask."""
    return elicits(context) and context.session.can_send_request
