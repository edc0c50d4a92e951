"""A run as its caller holds it: watch it, answer it, cancel it, take its result."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Literal

import anyio.lowlevel

from engine.dag.build import check_plan, plan_error
from engine.dag.state import RunState
from engine.dag.validate import faults
from engine.durable.artifacts import Artifacts
from engine.following import Following
from engine.replanner.history import past_steps
from engine.streams import Cursor
from schemas.errors import ConflictError, NotFoundError, PlanSchemaError, StepRejectedError, ToolArgumentsError
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
_TRIES = 50


class RunHandle:
    """One run, whoever drives it: watch it, answer it, cancel it, take its result.

    Everything goes through the store: what is asked of the run is appended to its log, where its driver finds it.

    Args:
        run_id: Its id.
        following: Watches the runs of the store where it lives.
        new_state: Makes an empty state.
        artifacts: Its large results.
    """

    def __init__(
        self, run_id: str, following: Following, new_state: Callable[[], RunState], artifacts: Artifacts
    ) -> None:
        self.run_id = run_id
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
                and ``result`` is what it gave), approve (it did not: run it), reject (abort the run).
            result: A JSON value that fits the tool's output schema, where it has one.
            tool_input: The input to call the tool with instead.
            plan: The plan to run instead.
            reason: Why; the planner sees it.
            by: Who answers; empty for the run's own user.

        Raises:
            NotFoundError: No such approval, or several and none named: the message lists their ids.
            ConflictError: It was already answered, the run is over, or the decision is none for this question.
            ToolArgumentsError: The edited input, or the result, breaks the tool's schema.
            PlanError: The edited plan cannot run.
            StepRejectedError: The run belongs to another user.
        """

        def event(state: RunState) -> LoggedEvent:
            asked = _asked(state, approval_id, by)
            if tool_input is not None:
                _check_edit(state, asked, tool_input)
            if plan is not None:
                _check_plan(state, asked, plan)
            if decision == "done":
                _check_done(state, asked, result)
            return ApprovalAnswered(
                approval_id=asked.approval_id,
                decision=decision,
                input=tool_input,
                result=result,
                plan=plan,
                reason=reason,
                by=by,
            )

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
            ConflictError: The run is over.
        """
        await self._signal(lambda _: GoalChanged(task=task, by=by))

    async def _signal(self, event: Callable[[RunState], LoggedEvent]) -> None:
        state = self._new_state()
        for _ in range(_TRIES):
            await self._fold(state)
            if state.ended is not None:
                status = state.ended.status
                raise ConflictError(f"run {self.run_id} is over ({status})", details={"status": status})
            try:
                await self._log.append(self.run_id, state.seq, [event(state)])
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


def _asked(state: RunState, approval_id: str | None, by: str) -> ApprovalRequested:
    pending = state.pending_approvals()
    listed = ", ".join(asked.approval_id for asked in pending) or "none"
    if state.started.user and by and by != state.started.user:
        raise StepRejectedError(f"run {state.run_id} belongs to another user", hint="only its user may answer")
    if approval_id is None:
        if not pending:
            raise NotFoundError(f"run {state.run_id} asks nothing now", hint="engine runs show says where it stands")
        if len(pending) != 1:
            raise NotFoundError(f"which approval is meant? pending: {listed}", hint="name one by its id")
        return pending[0]
    for asked in pending:
        if asked.approval_id == approval_id:
            return asked
    number = approval_id.removeprefix("a")
    if number.isdigit() and 0 < int(number) <= state.approvals_asked:
        raise ConflictError(f"approval {approval_id} was already answered; pending: {listed}")
    raise NotFoundError(f"there is no approval {approval_id!r}; pending: {listed}")


def _check_edit(state: RunState, asked: ApprovalRequested, tool_input: dict[str, Any]) -> None:
    if asked.step_id is None:
        raise ToolArgumentsError(f"approval {asked.approval_id} is about a plan; edit the plan, not an input")
    spec = state.graph.steps[asked.step_id].spec
    found = [f"{path}: {message}" for path, message in faults(spec.input_schema, tool_input)]
    if found:
        raise ToolArgumentsError(f"the edited input does not fit {spec.name}: {'; '.join(found)}")


def _check_done(state: RunState, asked: ApprovalRequested, result: Any) -> None:
    if asked.subject != "in_doubt" or asked.step_id is None:
        raise ConflictError(f"approval {asked.approval_id} is about no step in doubt: approve, edit or reject it")
    spec = state.graph.steps[asked.step_id].spec
    found = [f"{path}: {message}" for path, message in faults(spec.output_schema or {}, result)]
    if found:
        raise ToolArgumentsError(
            f"the result given for step {asked.step_id} is none of {spec.name}: {'; '.join(found)}",
            hint="say what the tool would have returned",
        )


def _check_plan(state: RunState, asked: ApprovalRequested, plan: Plan) -> None:
    if asked.subject != "plan":
        raise PlanSchemaError(f"approval {asked.approval_id} is about a step, not a plan")
    if plan == asked.plan:
        return  # nothing was edited: what it refers to may since have been replaced
    known = {past.step.id: past for past in past_steps(state, None) if past.step.id not in {s.id for s in plan.steps}}
    problems = check_plan(plan, state.graph.tools, known=known)
    if problems:
        raise plan_error(problems)


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
