"""What people do to runs: answer, cancel, steer, resume, fork."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.handle import RunHandle
from engine.serve import bodies
from engine.serve.callers import caller
from engine.serve.desk import Desk, Json, run_of
from schemas.errors import ConflictError, RequestFieldError


@dataclass(frozen=True, slots=True)
class Acts:
    """The endpoints POST /runs/{id}/… ."""

    desk: Desk

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        acts: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "cancel": self.cancel,
            "approve": self.approve,
            "reject": self.reject,
            "answer": self.answer,
            "steer": self.steer,
            "resume": self.resume,
            "fork": self.fork,
        }
        return [Route(f"/runs/{{run_id}}/{name}", act, methods=["POST"]) for name, act in acts.items()]

    async def cancel(self, request: Request) -> Response:
        """POST …/cancel: end the run; one that is over stays as it is."""
        asked = await self.desk.body(request, bodies.Cancelling)
        await self._run(request).cancel(asked.reason, by=caller(request).by(asked.by))
        return await self._went_on(request)

    async def approve(self, request: Request) -> Response:
        """POST …/approve: agree to a step or plan, as asked or edited."""
        return await self._answered(request, "approve")

    async def reject(self, request: Request) -> Response:
        """POST …/reject: refuse a step or plan."""
        return await self._answered(request, "reject")

    async def answer(self, request: Request) -> Response:
        """POST …/answer: any decision."""
        return await self._answered(request, None)

    async def _answered(self, request: Request, decision: Any) -> Response:
        asked = await self.desk.body(request, bodies.Answering)
        if decision is not None and asked.decision not in (None, decision):
            raise RequestFieldError(f"decision: {asked.decision} contradicts the address", hint="use …/answer")
        plan = self.desk.plan(asked.plan, checked=False)
        decision = decision or asked.decision or ("done" if "result" in asked.model_fields_set else None)
        if decision is None:
            raise RequestFieldError("decision: missing", hint="possible here: approve, edit, reject, done")
        if decision == "approve" and (plan is not None or asked.tool_input is not None):
            decision = "edit"
        await self._run(request).answer(
            asked.approval_id,
            decision,
            result=asked.result,
            tool_input=asked.tool_input,
            plan=plan,
            reason=asked.reason,
            by=caller(request).by(asked.by),
        )
        return await self._went_on(request)

    async def steer(self, request: Request) -> Response:
        """POST …/steer: change what the run is for."""
        asked = await self.desk.body(request, bodies.Steering)
        await self._run(request).steer(asked.task, by=caller(request).by(asked.by))
        return await self._went_on(request)

    async def resume(self, request: Request) -> Response:
        """POST …/resume: go on with a run whose driver is gone. Raises ConflictError where it is over."""
        await self.desk.body(request, bodies.Resuming)
        row = await self.desk.engine.store.summary(run_of(request))
        if row.ended:
            raise ConflictError(f"run {row.id} is over ({row.status})", hint="fork it to do part of it again")
        if not self.desk.drives.drives:
            raise ConflictError(f"this server drives no runs; workers take {row.id} up by themselves")
        return await self._went_on(request)

    async def fork(self, request: Request) -> Response:
        """POST …/fork: a new run that begins with what this one had done before a step."""
        asked = await self.desk.body(request, bodies.Forking)
        self.desk.drives.admit()
        plan = self.desk.plan(asked.plan)
        run_id = await self.desk.engine.fork(
            run_of(request), asked.from_step, tool_input=asked.tool_input, plan=plan, run_id=asked.run_id
        )
        self.desk.drives.take(run_id)
        row = await self.desk.engine.store.summary(run_id)
        return Json(row.model_dump(mode="json"), status_code=201, headers={"location": f"/runs/{run_id}"})

    def _run(self, request: Request) -> RunHandle:
        handle = self.desk.engine.attach(run_of(request), through="http")
        handle.for_all = caller(request).sees_all
        return handle

    async def _went_on(self, request: Request) -> Response:
        """Let a run that somebody spoke to go on, and say where it stands."""
        row = await self.desk.engine.store.summary(run_of(request))
        if not row.parked and not row.ended:
            self.desk.drives.take(row.id)
        return Json(row.model_dump(mode="json"), status_code=202)
