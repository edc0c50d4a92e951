"""What a client's messages do: begin runs, answer, steer and end them; and which tasks there are."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import anyio

from engine.assistants import Assistants
from engine.handle import RunHandle
from engine.serve import bodies
from engine.serve.a2a.asked import CODE, NOT_CANCELABLE, UNSUPPORTED, Heard, Rpc
from engine.serve.a2a.portrait import ENDS, Portrait, portrait_of
from engine.serve.a2a.shapes import STATES, state_name
from engine.serve.a2a.updates import rested
from engine.serve.callers import Caller
from engine.serve.chat.conversation import Conversations, Remembered, Turn
from engine.serve.chat.intent import Answer, Cancel, ChatRequest, Decided, Say, Steer, Thread
from engine.serve.chat.resolving import Said, resolve
from engine.serve.chat.speaking import Speaking
from engine.serve.desk import Desk
from engine.serve.view import outcome
from gateway.gateway import CallContext
from schemas.agents import AssistantSettings
from schemas.errors import ConflictError, NotFoundError, RequestFieldError, StoreError
from schemas.runs import RunSummary

BUDGET = "x-engine-budget-usd"
_SHORTEST_UNIQUE = 16
_MOST_TASKS = 1_000
_MOST_HEARD = 200
_MOST_TURNS = 8
_KEYS = 20_000
_CANCEL_S = 5.0
_PAGE, _LARGEST_PAGE = 50, 100
_WAITING = ("question", "elicitation", "client_tool")


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and of whom.

    Attributes:
        assistant: Who is asked.
        who: Whose runs the caller may see.
        calling: Who model calls for a request itself are counted to.
        budget_usd: What the caller gives a new run at most; None: nothing is said.
    """

    assistant: AssistantSettings
    who: Caller
    calling: CallContext
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A task that a message went to.

    Attributes:
        was: The task after the message was taken.
        said: What there is to say to it instead of what the task says by itself; empty for nothing.
        still: Nothing moves by it: there is nothing to wait for.
    """

    was: Portrait
    said: str = ""
    still: bool = False


class Work:
    """The tasks of every assistant of a server.

    Args:
        desk: The engine and what surrounds it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._engine = desk.engine
        self._speaking = Speaking(desk.engine)

    async def take(self, client: Client, heard: Heard) -> Moved:
        """Take a message: begin a task with it, or say it to one.

        A message that comes again, by its id, does nothing again.

        Raises:
            NotFoundError: Its task is not there, or not the caller's; the two are not told apart.
            RequestFieldError: Its task belongs to another context, or an answer does not fit.
            ConflictError: Its task is over.
            BusyError: As many runs as allowed are in flight.
            StoreError: The store cannot be read or written.
        """
        return await (self._spoken(client, heard) if heard.task_id else self._begun(client, heard))

    async def show(self, client: Client, task_id: str) -> Portrait:
        """Return a task. Raises NotFoundError as ``take``; StoreError."""
        try:
            await client.who.check(self._engine.store, task_id)
            return await portrait_of(self._engine, task_id, client.assistant.name)
        except NotFoundError:
            raise NotFoundError(f"there is no task {task_id}") from None

    async def cancel(self, client: Client, task_id: str) -> Portrait:
        """End a task and return it as it then is.

        Raises:
            NotFoundError: As ``take``.
            ConflictError: It is over.
            StoreError: The store cannot be written.
        """
        was = await self.show(client, task_id)
        if was.run.row.ended:
            raise ConflictError(
                f"task {task_id} is over ({was.run.row.status})", details={CODE: NOT_CANCELABLE}
            )  # fmt: skip
        await self._handle(client, task_id).cancel("cancelled by its A2A client", by=client.who.by(""))
        await self._go_on(task_id)
        with anyio.move_on_after(_CANCEL_S):
            return await rested(self._engine, was, client.assistant.name)
        return await self.show(client, task_id)

    async def listed(self, client: Client, asked: Rpc) -> dict[str, Any]:
        """Return the tasks that the caller began, those that moved last first.

        Raises:
            RequestFieldError: A filter, or the page, is none.
            StoreError: The store cannot be read.
        """
        size, first = _page(asked.params)
        wanted, context = _state(asked.params.get("status")), asked.params.get("contextId")
        history = asked.history()
        found = [row for row in await self._rows(client, context) if await self._is(client, row, wanted)]
        found.sort(key=lambda row: (-row.updated_at, row.id))
        artifacts, shown = asked.params.get("includeArtifacts") is True, list[dict[str, Any]]()
        for row in found[first : first + size]:
            with suppress(NotFoundError):  # removed just now
                shown.append((await self.show(client, row.id)).task(history=history, artifacts=artifacts))
        more = str(first + size) if first + size < len(found) else ""
        return {"tasks": shown, "nextPageToken": more, "pageSize": size, "totalSize": len(found)}

    # ------------------------------------------------------------------ a new task

    async def _begun(self, client: Client, heard: Heard) -> Moved:
        name, user = client.assistant.name, client.who.owner("")
        context = heard.context_id or uuid.uuid4().hex
        run_id = _run_id(name, user, heard)
        if await self._there(run_id):
            known = await self.show(client, run_id)
            return Moved(known, still=known.rests)
        before = await self._kept(client).recall(user, context)
        task = await self._task(client, heard, before)
        limits = None if client.budget_usd is None else self._engine.limits(budget_usd=client.budget_usd)
        options = Assistants(self._engine).options(name, limits)
        thread = Thread(name, user, context, said=(("user", heard.text),))
        with self._desk.drives.room():
            async with self._desk.drives.turn():
                with anyio.CancelScope(shield=True), suppress(ConflictError):  # the same message came at the same time
                    await self._engine.submit(task, user=user, run_id=run_id, conversation=context, **options)
                    await self._kept(client).begun(thread, run_id)
                    line = (_key("tasks", user), json.dumps({"run": run_id, "context": context}))
                    await self._engine.store.notes.add(_kind(client), [line], keep=_MOST_TASKS, keys=_KEYS)
        self._desk.drives.take(run_id)
        return Moved(await self.show(client, run_id))

    async def _task(self, client: Client, heard: Heard, known: Remembered) -> str:
        """Return the task that a message is, whole without what was said before it in its context."""
        if client.assistant.passthrough is not None or not known.runs:
            return heard.text
        before: list[Turn] = []
        for run_id, said in known.runs[-_MOST_TURNS:]:
            before += [("user", said), ("assistant", await self._answer(client, run_id))]
        said = Said(heard.text, tuple(before), tokens=client.assistant.conversation.history_tokens)
        return (await resolve(said, self._engine.gateway, client.calling)).task

    async def _answer(self, client: Client, run_id: str) -> str:
        store = self._engine.store
        with suppress(NotFoundError):
            await client.who.check(store, run_id)
            answer = outcome(await store.summary(run_id), await store.load(run_id))["answer"]
            return "" if answer is None else str(answer["text"])
        return ""

    async def _there(self, run_id: str) -> bool:
        try:
            await self._engine.store.summary(run_id)
        except NotFoundError:
            return False
        return True

    # ------------------------------------------------------------------ a task that is there

    async def _spoken(self, client: Client, heard: Heard) -> Moved:
        was = await self.show(client, heard.task_id)
        key, notes = _key("heard", was.task_id), self._engine.store.notes
        if heard.message_id in {note.line for note in await notes.load(_kind(client), key)}:
            return Moved(was, still=was.rests)
        if heard.context_id and heard.context_id != was.context_id:
            raise RequestFieldError(f"message.contextId: task {was.task_id} belongs to another context")
        if was.run.row.ended:
            raise ConflictError(
                f"task {was.task_id} is over ({was.run.row.status})",
                hint="send a message without taskId, in the same context",
                details={CODE: UNSUPPORTED},
            )
        moved = await self._said(client, heard, was)
        await notes.add(_kind(client), [(key, heard.message_id)], keep=_MOST_HEARD, keys=_KEYS)
        return moved

    async def _said(self, client: Client, heard: Heard, was: Portrait) -> Moved:
        run, by = self._handle(client, was.task_id), client.who.by("")
        if heard.data is not None and was.run.waiting:
            decided: tuple[Decided, ...] = (_decision(heard.data, was),)
        else:
            thread = Thread(client.assistant.name, was.run.row.user, was.context_id, said=(("user", heard.text),))
            asked = ChatRequest(client.assistant, {}, user=was.run.row.user, calling=client.calling)
            wish = await self._speaking.to(was.run, asked, thread, heard.text, Remembered())
            if isinstance(wish, Say):
                return Moved(was, wish.text, still=True)
            decided = wish.decided if isinstance(wish, Answer | Steer) else ()
            if isinstance(wish, Cancel):
                await run.cancel(wish.reason, by=by)
            elif isinstance(wish, Steer):
                await self._decide(run, decided, by)
                await run.steer(wish.task, by=by)
                decided = ()
        await self._decide(run, decided, by)
        await self._go_on(was.task_id)
        return Moved(await self.show(client, was.task_id))

    async def _decide(self, run: RunHandle, decided: tuple[Decided, ...], by: str) -> None:
        for one in decided:
            await run.answer(
                one.approval_id,
                one.decision,
                result=one.result,
                tool_input=one.tool_input,
                reason=one.reason,
                by=by,
            )

    def _handle(self, client: Client, run_id: str) -> RunHandle:
        handle = self._engine.attach(run_id, through="a2a")
        handle.for_all = client.who.sees_all
        return handle

    async def _go_on(self, run_id: str) -> None:
        """Let a run that somebody spoke to go on."""
        row = await self._engine.store.summary(run_id)
        if not row.parked and not row.ended:
            self._desk.drives.take(run_id)

    # ------------------------------------------------------------------ what is remembered

    async def _rows(self, client: Client, context: Any) -> list[RunSummary]:
        """Return the runs of a context that the caller began; of every one without."""
        found: list[RunSummary] = []
        for run_id, belongs in (await self._tasks(client)).items():
            if context in (None, "", belongs):
                with suppress(NotFoundError):
                    found.append(await self._engine.store.summary(run_id))
        return found

    async def _is(self, client: Client, row: RunSummary, wanted: str) -> bool:
        """Whether a task is in a state. Cost: of one that is over, or where any will do, no event is read."""
        if not wanted:
            return True
        if row.ended:
            return state_name(ENDS[row.status]) == wanted
        with suppress(NotFoundError):
            return state_name((await self.show(client, row.id)).state) == wanted
        return False

    async def _tasks(self, client: Client) -> dict[str, str]:
        """Return the runs that the caller began, each with its context."""
        kind, key = _kind(client), _key("tasks", client.who.owner(""))
        await self._kept(client).sweep(time.monotonic())
        with suppress(StoreError):
            await self._engine.store.notes.drop(kind, key, older_s=client.assistant.conversation.ttl_s)
        notes = await self._engine.store.notes.load(kind, key)
        told: list[dict[str, str]] = [json.loads(note.line) for note in notes]
        return {each["run"]: each.get("context", "") for each in told}

    def _kept(self, client: Client) -> Conversations:
        settings = client.assistant
        return Conversations(self._engine.store.notes, settings.name, settings.conversation.ttl_s)


def budget_of(said: str) -> float | None:
    """Return what a caller gives a run at most, as its header says it; None where there is none.

    >>> budget_of("0.25"), budget_of("")
    (0.25, None)

    Raises:
        RequestFieldError: It is no amount: a run without the cap that was meant would cost what it likes.
    """
    if not said.strip():
        return None
    try:
        found = float(said)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        raise RequestFieldError(f"{BUDGET}: expected US dollars, 0 or more, not {said[:40]!r}", hint="such as 0.25")
    return found


def _decision(data: Any, was: Portrait) -> Decided:
    """Return an answer that came as data: the fields of the runs API's …/answer, or the value that is asked for.

    Raises:
        RequestFieldError: It names what does not wait, or several things wait and it names none.
    """
    waiting = was.run.waiting
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if "decision" in fields or "approval_id" in fields:
        given = bodies.checked(fields, bodies.Answering)
        decision = given.decision or ("done" if "result" in fields else None)
        if decision is None:
            raise RequestFieldError("decision: missing", hint="possible here: approve, edit, reject, done")
        named = given.approval_id or _only(waiting)
        if named not in {one.approval_id for one in waiting}:
            ids = ", ".join(one.approval_id for one in waiting)
            raise RequestFieldError(f"approval_id: {named[:80]!r} does not wait", hint=f"what waits: {ids}")
        edited = decision == "approve" and given.tool_input is not None
        return Decided(named, "edit" if edited else decision, given.result, given.tool_input, given.reason)
    return Decided(_only([one for one in waiting if one.subject in _WAITING]), "done", data)


def _only(waiting: Any) -> str:
    """Raises RequestFieldError."""
    if len(waiting) != 1:
        ids = ", ".join(one.approval_id for one in waiting) or "nothing that takes a value"
        raise RequestFieldError("approval_id: missing", hint=f"what waits: {ids}")
    return str(waiting[0].approval_id)


def _run_id(assistant: str, user: str, heard: Heard) -> str:
    """Return the id of a message's run: the same for the same message, unless its id is too short to be unique."""
    if len(heard.message_id) < _SHORTEST_UNIQUE:
        return uuid.uuid4().hex[:12]
    whole = json.dumps([assistant, user, heard.context_id, heard.message_id, heard.text])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _page(params: Mapping[str, Any]) -> tuple[int, int]:
    """Return the size of a page, and the place of its first task. Raises RequestFieldError."""
    size, token = params.get("pageSize", _PAGE), params.get("pageToken") or "0"
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= _LARGEST_PAGE:
        raise RequestFieldError(f"pageSize: expected 1 to {_LARGEST_PAGE}")
    if not isinstance(token, str) or not (token.isascii() and token.isdigit() and len(token) < 9):
        raise RequestFieldError("pageToken: it is none of this server's")
    return size, int(token)


def _state(given: Any) -> str:
    """Return the state that is asked for; empty: any. Raises RequestFieldError."""
    if given in (None, "", "TASK_STATE_UNSPECIFIED"):
        return ""
    if given not in STATES:
        raise RequestFieldError(f"status: expected one of {', '.join(STATES)}")
    return str(given)


def _kind(client: Client) -> str:
    return f"a2a:{client.assistant.name}"


def _key(what: str, of: str) -> str:
    return f"{what}:{hashlib.sha256(of.encode()).hexdigest()}"
