"""Approvals asked in place: one at a time, each by its own id."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import anyio
from rich.console import Console
from rich.markup import escape

from engine.cli.failure import error_line
from engine.cli.terminal import edit_text, has_editor, me, read_line
from engine.decisions import REPLIED, given_in
from engine.handle import RunHandle
from engine.planner.formats.loading import load_plan
from engine.sinks import Sink
from engine.sinks.sentences import asked_text
from engine.sinks.words import one_line, printable, shortened, usd, value_text
from schemas.errors import EngineError, NotFoundError, PlanError
from schemas.events import ApprovalRequested, LoggedRecord
from schemas.plan import Plan

NOBODY = "nobody is here to answer"
_WIDTH = 400
_PROMPT = "  [y]es, [n]o (a reason may follow), [e]dit > "
_REPLY = "  your answer (/no and a reason: there is none) > "
_IN_DOUBT = "  [d]one: it happened, [r]un it: it did not, [a]bort the run > "


class Approver:
    """Asks the person at the terminal for each approval that a run requests.

    Args:
        run: Takes the answers.
        sink: Leaves the terminal while a question stands there.
        console: Where questions are written.
        preview: Shows a plan: its graph, its steps, an estimate.
        here: Whether there is somebody; if not, every request is rejected with that reason.
        parks: Where nobody is here, requests are left as they are: the run is parked until somebody answers.
    """

    def __init__(
        self,
        run: RunHandle,
        sink: Sink,
        console: Console,
        preview: Callable[[Plan], str],
        *,
        here: bool,
        parks: bool = False,
    ) -> None:
        self._run = run
        run.through = "terminal"
        self._by = me()
        self._sink = sink
        self._console = console
        self._preview = preview
        self._here = here
        self._parks = parks
        self._open: dict[str, ApprovalRequested] = {}
        self._news = anyio.Event()
        self._shown: ApprovalRequested | None = None
        self._reading = anyio.CancelScope()

    def on_record(self, record: LoggedRecord) -> None:
        """Take the run's next event; a request is asked when those before it are answered."""
        self.recall(record)
        if self._open:
            self._news.set()

    def recall(self, record: LoggedRecord) -> None:
        """Take an event from before: its request is asked once the run goes on, unless a later event answers it."""
        if record.event.kind == "approval_requested":
            self._open[record.event.approval_id] = record.event
        elif record.event.kind == "approval_answered":
            answered = self._open.pop(record.event.approval_id, None)
            if answered is not None and answered is self._shown:
                self._reading.cancel()

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
        if not self._here and self._parks and request.subject != "elicitation":  # while its call runs nothing is parked
            return
        if not self._here:
            await self._quietly(self._run.reject(request.approval_id, NOBODY))
            return
        self._sink.pause()
        try:
            self._show(request)
            self._shown = request
            while request.approval_id in self._open and not await self._asked(request):
                pass
        finally:
            self._shown = None
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
        elif request.subject in REPLIED:
            self._say(f"approval {request.approval_id}: {asked_text(request)}", "bold magenta")
            if request.answer_schema is not None:
                self._say(f"the answer fits {json.dumps(request.answer_schema, ensure_ascii=False)}", "dim")
        else:
            call = f"step {request.step_id} wants to call {request.tool} with"
            if request.subject == "in_doubt":
                call = f"step {request.step_id} was broken off, it may have happened or not: {request.tool} with"
            self._say(f"approval {request.approval_id}: {call}", "bold magenta")
            shown = json.dumps(request.input or {}, indent=2, ensure_ascii=False)
            self._console.print(escape(printable(shown)), highlight=False, soft_wrap=True)
        for line in _about(request):
            self._say(line, "dim")
        if len(self._open) > 1:
            self._say(f"({len(self._open) - 1} more to answer: {', '.join(list(self._open)[1:])})", "dim")

    async def _asked(self, request: ApprovalRequested) -> bool:
        """Ask once; return whether that settled it."""
        settle, prompt, words = self._decided, _PROMPT, "yes, no or edit"
        if request.subject == "in_doubt":
            settle, prompt, words = self._cleared_up, _IN_DOUBT, "done, run or abort"
        elif request.subject in REPLIED:
            settle, prompt, words = self._replied, _REPLY, "with the answer, or /no"
        line: str | None = None
        self._reading = anyio.CancelScope()
        with self._reading:
            line = await read_line(prompt)
        if self._reading.cancelled_caught:
            self._console.print()
            self._say(f"approval {request.approval_id} was answered elsewhere", "dim")
            return True
        if line is None:
            await self._quietly(self._run.reject(request.approval_id, NOBODY))
            return True
        word, _, rest = ("", "", line) if request.subject in REPLIED else line.strip().partition(" ")
        try:
            if not await settle(request, word.lower().rstrip(",:"), rest):
                self._say(f"please answer {words} for approval {request.approval_id}", "yellow")
                return False
        except NotFoundError as exc:
            self._say(error_line(exc.message, exc.hint), "yellow")
        except EngineError as exc:
            self._say(error_line(exc.message, exc.hint), "yellow")
            return request.approval_id not in self._open
        return True

    async def _decided(self, request: ApprovalRequested, word: str, rest: str) -> bool:
        """Answer about a step or a plan; return whether the word is an answer."""
        match word:
            case "y" | "yes":
                await self._run.approve(request.approval_id, by=self._by)
            case "n" | "no":
                await self._run.reject(request.approval_id, await _reason(rest), by=self._by)
            case "e" | "edit":
                await self._edited(request)
            case _:
                return False
        return True

    async def _cleared_up(self, request: ApprovalRequested, word: str, rest: str) -> bool:
        """Answer about a step that was broken off; return whether the word is an answer."""
        match word:
            case "d" | "done":
                result = await read_line("  what it gave, as JSON (Enter for nothing) > ")
                await self._run.answer(request.approval_id, "done", result=json_value(result), by=self._by)
            case "r" | "run":
                await self._run.answer(request.approval_id, "approve", by=self._by)
            case "a" | "abort":
                await self._run.answer(request.approval_id, "reject", reason=rest.strip(), by=self._by)
            case _:
                return False
        return True

    async def _replied(self, request: ApprovalRequested, _: str, line: str) -> bool:
        """Answer a question, or give the result of a call; return whether the line is an answer."""
        text = line.strip()
        if text == "/no" or text.startswith("/no "):
            await self._run.reject(request.approval_id, text.removeprefix("/no").strip(), by=self._by)
        elif text:
            await self._run.answer(request.approval_id, "done", result=given_in(request, text), by=self._by)
        return bool(text)

    async def _edited(self, request: ApprovalRequested) -> None:
        """Let the person change what is asked for, then approve it. Raises PlanError for what is no JSON."""
        if request.plan is not None:
            text = await _changed(plan_json(request.plan))
            await self._run.approve(request.approval_id, plan=load_plan(text, "engine")[0], by=self._by)
            return
        text = await _changed(json.dumps(request.input or {}, indent=2, ensure_ascii=False) + "\n")
        try:
            arguments: Any = json.loads(text)
        except ValueError as exc:
            raise PlanError(f"that is no JSON: {exc}", hint="nothing was approved") from None
        if not isinstance(arguments, dict):
            raise PlanError("the arguments must be a JSON object", hint="nothing was approved")
        await self._run.approve(request.approval_id, tool_input=cast("dict[str, Any]", arguments), by=self._by)

    def _say(self, text: str, style: str) -> None:
        self._console.print(escape(one_line(text)), style=style, highlight=False, soft_wrap=True)


def _about(request: ApprovalRequested) -> Iterator[str]:
    """Yield what a person should know before they decide, a line each."""
    if request.reason:
        yield f"asked because: {request.reason}"
    if request.rationale:
        yield f"what for: {request.rationale}"
    if request.dry_run is not None:
        yield f"its dry run gives: {shortened(value_text(request.dry_run), _WIDTH)}"
    if request.expected_usd:
        yield f"expected cost: {usd(request.expected_usd)}"
    if request.expires_at is not None:
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(request.expires_at))
        yield f"without an answer by {until}: {request.by_default}"


def commands_for(request: ApprovalRequested, run_id: str, flags: str = "") -> list[str]:
    """Return the commands that answer a request from elsewhere.

    >>> commands_for(ApprovalRequested(approval_id="a1", subject="step"), "3f2a91bc04d1")[0]
    'engine runs approve 3f2a91bc04d1 a1'
    """
    given = f"{run_id} {request.approval_id}"
    if request.subject == "in_doubt":
        return [f"engine runs answer {given} {word}{flags}" for word in ("done", "run", "abort")]
    if request.subject in REPLIED:
        what = "--result JSON done" if request.subject == "client_tool" else '"…"'
        return [f"engine runs answer {given} {what}{flags}", f'engine runs reject {given} --reason "…"{flags}']
    return [f"engine runs approve {given}{flags}", f'engine runs reject {given} --reason "…"{flags}']


def json_value(text: str | None) -> Any:
    """Return a JSON value, None for nothing. Raises PlanError for what is no JSON."""
    if not (text or "").strip():
        return None
    try:
        return json.loads(text or "")
    except ValueError as exc:
        raise PlanError(f"that is no JSON: {exc}", hint='text stands in quotes: "…"; nothing was answered') from None


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
