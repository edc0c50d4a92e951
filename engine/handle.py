"""A run as its caller holds it: watch it, answer it, cancel it, take its result."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any, Literal

import anyio.lowlevel

from engine.dag.state import RunState
from engine.decisions import asked_for, check_answer
from engine.durable.artifacts import Artifacts
from engine.following import Following
from engine.streams import Cursor
from schemas.approvals import Through
from schemas.errors import ConflictError, NotFoundError
from schemas.events import (
    ApprovalAnswered,
    ApprovalRequested,
    CancelRequested,
    GoalChanged,
    LoggedEvent,
    LoggedRecord,
)
from schemas.live import LiveEvent
from schemas.plan import Plan
from schemas.result import RunResult, StepResult

Decision = Literal["approve", "reject", "edit", "done"]
TIMEOUT = "timeout"
"""Who answers where nobody did in time."""
_TRIES = 50


class RunHandle:
    """One run, whoever drives it: watch it, answer it, cancel it, take its result.

    Everything goes through the store: what is asked of the run is appended to its log, where its driver finds it.

    Args:
        run_id: Its id.
        following: Watches the runs of the store where it lives.
        new_state: Makes an empty state.
        artifacts: Its large results.

    ``through`` is how what is said by it is said; ``for_all`` lets somebody other than the run's own user answer: an
    operator, of whom whoever holds the handle has made sure.
    """

    def __init__(
        self, run_id: str, following: Following, new_state: Callable[[], RunState], artifacts: Artifacts
    ) -> None:
        self.run_id = run_id
        self.through: Through = "library"
        self.for_all = False
        self._following = following
        self._log = following.store
        self._new_state = new_state
        self._artifacts = artifacts

    async def events(self, after: Cursor | int | None = None) -> AsyncGenerator[LoggedRecord | LiveEvent]:
        """Yield the run's events and live text from a place on (all by default), as they come; ends with the run.

        Args:
            after: The number of the last event that is known, or a cursor that holds how far its texts are known too.

        Raises:
            NotFoundError: There is no such run.
            StoreError: The store cannot be read.
        """
        cursor = after if isinstance(after, Cursor) else Cursor(after or 0)
        async with aclosing(self._following.follow(self.run_id, cursor)) as items:
            async for item in items:
                yield item

    async def done(self) -> None:
        """Wait for the run's end. Raises as ``events``."""
        await self._over()

    async def result(self) -> RunResult:
        """Wait for the end and return how the run came out. Raises as ``events``."""
        return run_result(await self._over())

    async def pending(self) -> list[ApprovalRequested]:
        """Return the approvals that wait for an answer, oldest first."""
        return (await self._fold()).pending_approvals()

    async def answer(
        self,
        approval_id: str | None,
        decision: Decision,
        *,
        result: Any = None,
        tool_input: dict[str, Any] | None = None,
        plan: Plan | None = None,
        reason: str = "",
        by: str = "",
    ) -> None:
        """Answer one question of the run.

        Args:
            approval_id: Which; None where only one waits.
            decision: approve, edit (with ``tool_input`` or ``plan``) or reject. Of a step in doubt: done (it happened,
                and ``result`` is what it gave), approve (it did not: run it), reject (abort the run). Of a question,
                or a call of the client's own tool: done (``result`` is the answer, or what the call gave) or reject.
            result: A JSON value that fits the tool's output schema, or the schema of the answer, where there is one;
                else the answer to a question is a text.
            tool_input: The input to call the tool with instead.
            plan: The plan to run instead.
            reason: Why; the planner sees it.
            by: Who answers; empty for the run's own user.

        Raises:
            NotFoundError: No such approval, or several and none named: the message lists their ids.
            ConflictError: It was already answered, the run is over, or the decision is none for this question.
            ToolArgumentsError: The edited input, or the result, breaks its schema.
            PlanError: The edited plan cannot run.
            StepRejectedError: The run belongs to another user.
        """

        def event(state: RunState) -> LoggedEvent:
            asked = asked_for(state, approval_id, "" if self.for_all else by)
            answer = ApprovalAnswered(
                approval_id=asked.approval_id,
                decision=decision,
                input=tool_input,
                result=result,
                plan=plan,
                reason=reason,
                by=by,
            )
            check_answer(state, asked, answer)
            return answer

        await self._signal(event)

    async def approve(
        self,
        approval_id: str | None = None,
        *,
        tool_input: dict[str, Any] | None = None,
        plan: Plan | None = None,
        by: str = "",
    ) -> None:
        """Agree to a step or a plan, as asked or edited. Raises as ``answer``."""
        edited = tool_input is not None or plan is not None
        await self.answer(approval_id, "edit" if edited else "approve", tool_input=tool_input, plan=plan, by=by)

    async def reject(self, approval_id: str | None = None, reason: str = "", *, by: str = "") -> None:
        """Refuse a step or a plan; the planner sees the reason. Raises as ``answer``."""
        await self.answer(approval_id, "reject", reason=reason, by=by)

    async def cancel(self, reason: str = "cancelled", *, by: str = "") -> None:
        """End the run: running steps are cancelled, a partial answer is given. Does nothing once it is over."""
        try:
            await self._signal(lambda _: CancelRequested(reason=reason, by=by))
        except ConflictError as exc:
            if "status" not in exc.details:
                raise

    async def steer(self, task: str, *, by: str = "") -> None:
        """Change what the run is for; it is planned anew from what is done.

        Raises:
            ConflictError: The run is over, or has its answer.
        """

        def event(state: RunState) -> LoggedEvent:
            if state.answer is not None:
                raise ConflictError(f"run {self.run_id} has its answer already", hint="ask for more in another run")
            return GoalChanged(task=task, by=by)

        await self._signal(event)

    async def expire(self, asked: ApprovalRequested) -> None:
        """Take the declared default for a request that nobody answered in time; does nothing if somebody just did.

        Raises:
            StoreError: The store cannot be written.
        """

        def event(state: RunState) -> LoggedEvent:
            asked_for(state, asked.approval_id, "")
            decision = asked.by_default if asked.subject in ("step", "plan") else "reject"
            why = f"nobody answered in {asked.timeout_s or 0.0:g} s"
            return ApprovalAnswered(approval_id=asked.approval_id, decision=decision, reason=why, by=TIMEOUT)

        with suppress(ConflictError, NotFoundError):
            await self._signal(event)

    async def _signal(self, event: Callable[[RunState], LoggedEvent]) -> None:
        state = self._new_state()
        for _ in range(_TRIES):
            await self._fold(state)
            if state.ended is not None:
                status = state.ended.status
                raise ConflictError(f"run {self.run_id} is over ({status})", details={"status": status})
            try:
                said = event(state).model_copy(update={"through": self.through})
                await self._log.append(self.run_id, state.seq, [said])
            except ConflictError as exc:
                if "head" not in exc.details:
                    raise
                await anyio.lowlevel.checkpoint()
                continue
            self._signalled()
            return
        raise ConflictError(f"run {self.run_id} moves too fast to be answered", hint="try again")

    def _signalled(self) -> None:
        """What was written is there; whoever drives the run finds it by itself."""

    async def _over(self) -> RunState:
        """Wait for the run's end and return it."""
        state = self._new_state()
        while (await self._fold(state)).ended is None:
            await self._log.wait(self.run_id, state.seq)
        return state

    async def _fold(self, known: RunState | None = None) -> RunState:
        """Fold the log, or what it holds beyond a state that is known."""
        state = known or self._new_state()
        records = await self._log.load(self.run_id, state.seq)
        await self._artifacts.fetch(records)
        for record in records:
            state.apply(record.event)
        return state


def run_result(state: RunState) -> RunResult:
    """Return how an ended run came out, folded from its events.

    Raises:
        ConflictError: The run is not over.
    """
    ended, answer = state.ended, state.answer
    if ended is None:
        raise ConflictError(f"run {state.run_id} is not over")
    return RunResult(
        run_id=state.run_id,
        status=ended.status,
        answer=answer.text if answer is not None else "",
        partial=answer.partial if answer is not None else True,
        missing=answer.missing if answer is not None else (),
        error=ended.error,
        steps={step.id: _whole(state, step.id, step.result) for step in state.graph.plan_steps() if step.result},
        steps_used=answer.steps_used if answer is not None else (),
        usage=ended.usage,
        replans=ended.replans,
        duration_s=ended.duration_s,
        critical_path_s=ended.critical_path_s,
        sequential_s=ended.sequential_s,
        warnings=tuple(state.warnings),
    )


def _whole(state: RunState, step_id: str, result: StepResult) -> StepResult:
    if result.artifact is None and not result.gathered:
        return result
    return result.model_copy(update={"value": state.graph.values[step_id]}) if result.status == "done" else result
