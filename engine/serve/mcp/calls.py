"""What each tool does."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mcp import types

from engine.assistants import Assistants
from engine.serve.bodies import read_body
from engine.serve.callers import Caller
from engine.serve.mcp import words
from engine.serve.mcp.forms import message_of, schema_of
from engine.serve.mcp.listing import assistant_tools
from engine.serve.mcp.watch import Context, Runs, Watch, can_ask, elicits
from engine.serve.view import run_view
from schemas.approvals import ApprovalRequested
from schemas.errors import ConflictError, EngineError, RequestFieldError, ToolNotFoundError
from schemas.result import Record
from schemas.runs import RunQuery

R = TypeVar("R", bound=Record)
Given = types.CallToolRequestParams
Result = types.CallToolResult | types.InputRequiredResult


@dataclass(frozen=True, slots=True)
class Calls:
    """The tools of one server.

    Attributes:
        runs: The engine, and what drives its runs.
        who: Who makes a call.
        check: Raises where the caller may not ask an assistant (call, assistant's name).
    """

    runs: Runs
    who: Callable[[Context], Caller]
    check: Callable[[Context, str], None]

    async def call(self, context: Context, given: Given) -> Result:
        """Do what a tool does; an error of ours is a result that says so."""
        acts: dict[str, Callable[[Context, Given], Awaitable[Result]]] = {
            "plan_task": self._plan,
            "get_run": self._show,
            "answer_run": self._answer,
            "cancel_run": self._cancel,
            "list_runs": self._list,
        }
        try:
            return await acts.get(given.name, self._ask)(context, given)
        except EngineError as exc:
            hint = f" ({exc.hint})" if exc.hint else ""
            return types.CallToolResult(content=[_text(f"{exc.message}{hint}")], is_error=True)

    # ------------------------------------------------------------------ assistants

    async def _ask(self, context: Context, given: Given) -> Result:
        engine, assistants = self.runs.engine, Assistants(self.runs.engine)
        name = assistant_tools(assistants).get(given.name)
        if name is None:
            raise ToolNotFoundError(f"there is no tool '{given.name}'", hint="tools/list has those there are")
        self.check(context, name)
        asked = _read(given, words.Task)
        if given.request_state:
            return await self._went_on(context, given, asked.wait_s)
        if not asked.task.strip():
            raise RequestFieldError("task: empty", hint="say what is wanted")
        limits = engine.limits(budget_usd=asked.budget_usd) if asked.budget_usd is not None else None
        self.runs.drives.admit()
        run_id = await engine.submit(
            asked.task.strip(), user=self.who(context).owner(""), **assistants.options(name, limits)
        )
        self.runs.drives.take(run_id)
        return await self._followed(context, run_id, asked.wait_s, owns=True)

    async def _followed(
        self, context: Context, run_id: str, wait_s: float | None, *, since: int = 0, owns: bool = False
    ) -> Result:
        """Follow a run for a call, and say how it came out, or ask for what it waits for."""
        await Watch(self.runs, run_id, context, self.who(context).by(""), since).settled(wait_s, owns=owns)
        pending = await self._pending(run_id)
        if pending and elicits(context) and not can_ask(context):
            return _asking(run_id, pending)
        return await self._told(run_id)

    async def _went_on(self, context: Context, given: Given, wait_s: float | None) -> Result:
        """Take the answers to what a call ended with, and follow the run further."""
        run_id, who = given.request_state or "", self.who(context)
        await who.check(self.runs.engine.store, run_id)
        answers, left = given.input_responses or {}, False
        since = (await self.runs.engine.store.summary(run_id)).head
        for asked in await self._pending(run_id):
            filled = answers.get(asked.approval_id)
            if isinstance(filled, types.ElicitResult):
                left = not await self.runs.answer(run_id, asked, filled, who.by("")) or left
        if left:
            return await self._told(run_id)
        return await self._followed(context, run_id, wait_s, since=since)

    # ------------------------------------------------------------------ plans and runs

    async def _plan(self, context: Context, given: Given) -> Result:
        asked, engine = _read(given, words.Planning), self.runs.engine
        assistants = Assistants(engine)
        name = asked.assistant or next(iter(assistants))
        self.check(context, name)
        chosen = assistants.options(name)
        preview = await engine.plan(
            asked.task,
            user=self.who(context).owner(""),
            limits=chosen["limits"],
            tools=chosen["tools"],
            assistant=name,
            instructions=chosen["instructions"],
        )
        made = words.PlanTold(
            plan=preview.plan.model_dump(mode="json", exclude_defaults=True),
            warnings=preview.warnings,
            model_calls=preview.estimate.calls,
            tokens=preview.estimate.tokens,
            cost_usd=preview.estimate.usd,
            seconds=round(preview.estimate.seconds, 1),
        )
        return _given(made, json.dumps(made.plan, ensure_ascii=False, indent=1))

    async def _show(self, context: Context, given: Given) -> Result:
        asked = _read(given, words.Showing)
        await self.who(context).check(self.runs.engine.store, asked.run_id)
        if asked.wait_s is not None:
            since = (await self.runs.engine.store.summary(asked.run_id)).head
            await Watch(self.runs, asked.run_id, context, self.who(context).by(""), since).settled(asked.wait_s)
        return await self._told(asked.run_id, steps=asked.steps)

    async def _answer(self, context: Context, given: Given) -> Result:
        asked, who = _read(given, words.Answering), self.who(context)
        await who.check(self.runs.engine.store, asked.run_id)
        if given.request_state:
            return await self._went_on(context, given, asked.wait_s)
        since = (await self.runs.engine.store.summary(asked.run_id)).head
        decision = "edit" if asked.decision == "approve" and asked.input is not None else asked.decision
        await self.runs.engine.attach(asked.run_id).answer(
            asked.approval_id,
            decision,
            result=asked.result,
            tool_input=asked.input,
            reason=asked.reason,
            by=who.by(""),
        )
        await self.runs.go_on(asked.run_id)
        return await self._followed(context, asked.run_id, asked.wait_s, since=since)

    async def _cancel(self, context: Context, given: Given) -> Result:
        asked, who = _read(given, words.Cancelling), self.who(context)
        await who.check(self.runs.engine.store, asked.run_id)
        if (await self.runs.engine.store.summary(asked.run_id)).ended:
            raise ConflictError(f"run {asked.run_id} is over", hint="get_run says how it came out")
        await self.runs.engine.attach(asked.run_id).cancel(asked.reason, by=who.by(""))
        await self.runs.go_on(asked.run_id)
        return await self._told(asked.run_id)

    async def _list(self, context: Context, given: Given) -> Result:
        asked, who = _read(given, words.Listing), self.who(context)
        query = RunQuery(
            status=asked.status, text=asked.text, limit=asked.limit, user=None if who.sees_all else who.user
        )
        rows = tuple(
            words.RunRow(
                run_id=row.id,
                status=row.status,
                task=row.task,
                started_at=row.started_at,
                cost_usd=row.cost_usd,
                waits_for=row.waits_for,
            )
            for row in await self.runs.engine.store.find(query)
        )
        lines = [f"{row.run_id}  {row.status}  {' '.join(row.task.split())[:100]}" for row in rows]
        return _given(words.RunsTold(runs=rows), "\n".join(lines) or "there are no runs")

    # ------------------------------------------------------------------ what is told

    async def _pending(self, run_id: str) -> list[ApprovalRequested]:
        row = await self.runs.engine.store.summary(run_id)
        return [] if row.ended else await self.runs.engine.attach(run_id).pending()

    async def _told(self, run_id: str, *, steps: bool = False) -> types.CallToolResult:
        view = await run_view(self.runs.engine.store, run_id)
        answer: dict[str, Any] = view["answer"] or {}
        error: dict[str, Any] = view["error"] or {}
        run = words.RunTold(
            run_id=run_id,
            status=view["status"],
            answer=answer.get("text", ""),
            partial=answer.get("partial", False),
            missing=tuple(answer.get("missing", ())),
            waiting=tuple(words.waiting_of(asked) for asked in await self._pending(run_id)),
            error=error.get("message", ""),
            cost_usd=view["cost_usd"],
            steps=tuple(view["steps"]) if steps else (),
            plan=view["plan"] if steps else None,
        )
        return _given(run, words.told(run), failed=run.status == "failed" and not run.answer)


def _asking(run_id: str, pending: list[ApprovalRequested]) -> types.InputRequiredResult:
    """Return a result that asks the client for what a run waits for; it makes the call again with the answers."""
    requests: dict[str, Any] = {
        asked.approval_id: types.ElicitRequest(
            params=types.ElicitRequestFormParams(message=message_of(asked), requested_schema=schema_of(asked))
        )
        for asked in pending
    }
    return types.InputRequiredResult(input_requests=requests, request_state=run_id)


def _read(given: Given, model: type[R]) -> R:
    return read_body(json.dumps(given.arguments or {}).encode(), model)


def _given(told: Record, text: str, *, failed: bool = False) -> types.CallToolResult:
    structured = told.model_dump(mode="json")
    return types.CallToolResult(content=[_text(text)], structured_content=structured, is_error=failed)


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)
