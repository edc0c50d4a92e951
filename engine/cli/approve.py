"""Approvals asked in place: one at a time, each by its own id."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import anyio
from rich.console import Console
from rich.markup import escape

from engine.cli.failure import error_line
from engine.cli.terminal import edit_text, has_editor, read_line
from engine.handle import RunHandle
from engine.planner.formats.loading import load_plan
from engine.sinks import Sink
from engine.sinks.words import one_line, printable
from schemas.errors import EngineError, NotFoundError, PlanError
from schemas.events import ApprovalRequested
from schemas.plan import Plan

NOBODY = "nobody is here to answer"
BY = "terminal"


class Approver:
    """Asks the person at the terminal for each approval that a run requests.

    Args:
        run: Takes the answers.
        sink: Leaves the terminal while a question stands there.
        console: Where questions are written.
        preview: Shows a plan: its graph, its steps, an estimate.
        here: Whether there is somebody; if not, every request is rejected with that reason.
    """

    def __init__(
        self, run: RunHandle, sink: Sink, console: Console, preview: Callable[[Plan], str], *, here: bool
    ) -> None:
        self._run = run
        self._sink = sink
        self._console = console
        self._preview = preview
        self._here = here
        self._open: dict[str, ApprovalRequested] = {}
        self._news = anyio.Event()

    def on_requested(self, request: ApprovalRequested) -> None:
        """Take a request; it is asked when those before it are answered."""
        self._open[request.approval_id] = request
        self._news.set()

    def on_answered(self, approval_id: str) -> None:
        """Forget a request that was answered here or elsewhere."""
        self._open.pop(approval_id, None)

    async def serve(self) -> None:
        """Ask for ever. Cancellation: a question on the terminal is left unanswered."""
        while True:
            while self._open:
                request = next(iter(self._open.values()))
                await self._settle(request)
                self._open.pop(request.approval_id, None)
            self._news = anyio.Event()
            await self._news.wait()

    async def _settle(self, request: ApprovalRequested) -> None:
        if not self._here:
            await self._quietly(self._run.reject(request.approval_id, NOBODY, by=BY))
            return
        self._sink.pause()
        try:
            self._show(request)
            while request.approval_id in self._open and not await self._asked(request):
                pass
        finally:
            self._sink.resume()

    async def _quietly(self, answering: Any) -> None:
        """Answer; a request that somebody else answered meanwhile needs none."""
        try:
            await answering
        except EngineError as exc:
            self._say(error_line(exc.message, exc.hint), "yellow")

    def _show(self, request: ApprovalRequested) -> None:
        self._console.print()
        if request.plan is not None:
            self._say(f"approval {request.approval_id}: run this plan?", "bold magenta")
            self._console.print(escape(printable(self._preview(request.plan))), highlight=False)
        else:
            what = f"step {request.step_id} wants to call {request.tool} with"
            self._say(f"approval {request.approval_id}: {what}", "bold magenta")
            shown = json.dumps(request.input or {}, indent=2, ensure_ascii=False)
            self._console.print(escape(printable(shown)), highlight=False, soft_wrap=True)
        if request.reason:
            self._say(request.reason, "dim")
        if len(self._open) > 1:
            self._say(f"({len(self._open) - 1} more to answer: {', '.join(list(self._open)[1:])})", "dim")

    async def _asked(self, request: ApprovalRequested) -> bool:
        """Ask once; return whether that settled it."""
        line = await read_line("  [y]es, [n]o (a reason may follow), [e]dit > ")
        if line is None:
            await self._quietly(self._run.reject(request.approval_id, NOBODY, by=BY))
            return True
        word, _, rest = line.strip().partition(" ")
        try:
            match word.lower().rstrip(",:"):
                case "y" | "yes":
                    await self._run.approve(request.approval_id, by=BY)
                case "n" | "no":
                    await self._run.reject(request.approval_id, await _reason(rest), by=BY)
                case "e" | "edit":
                    await self._edited(request)
                case _:
                    self._say(f"please answer yes, no or edit for approval {request.approval_id}", "yellow")
                    return False
        except NotFoundError as exc:
            self._say(error_line(exc.message, exc.hint), "yellow")
        except EngineError as exc:
            self._say(error_line(exc.message, exc.hint), "yellow")
            return request.approval_id not in self._open
        return True

    async def _edited(self, request: ApprovalRequested) -> None:
        """Let the person change what is asked for, then approve it. Raises PlanError for what is no JSON."""
        if request.plan is not None:
            text = await _changed(plan_json(request.plan))
            await self._run.approve(request.approval_id, plan=load_plan(text, "engine")[0], by=BY)
            return
        text = await _changed(json.dumps(request.input or {}, indent=2, ensure_ascii=False) + "\n")
        try:
            arguments: Any = json.loads(text)
        except ValueError as exc:
            raise PlanError(f"that is no JSON: {exc}", hint="nothing was approved") from None
        if not isinstance(arguments, dict):
            raise PlanError("the arguments must be a JSON object", hint="nothing was approved")
        await self._run.approve(request.approval_id, tool_input=cast("dict[str, Any]", arguments), by=BY)

    def _say(self, text: str, style: str) -> None:
        self._console.print(escape(one_line(text)), style=style, highlight=False, soft_wrap=True)


def plan_json(plan: Plan) -> str:
    """Return a plan as a file: what has its default value is left out."""
    body = plan.model_dump(mode="json", exclude_defaults=True)
    body["steps"] = body.pop("steps", [])
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


async def _changed(text: str) -> str:
    """Return the text as the person edited it: in their editor, or typed on one line where there is none."""
    if has_editor():
        return await edit_text(text)
    return await read_line("  (no $EDITOR) the whole JSON on one line > ") or ""


async def _reason(rest: str) -> str:
    if rest.strip():
        return rest.strip()
    return (await read_line("  reason (Enter for none) > ") or "").strip()
