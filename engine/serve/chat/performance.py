"""One chat request performed: its run begun or spoken to, and shown until it is over or waits for somebody.

The reply's head and first chunk go out before the run begins, so that a client sees at once that it is heard.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, assert_never

import anyio

from engine.assistants import Assistants
from engine.handle import RunHandle
from engine.serve.callers import caller_of
from engine.serve.chat.chunks import KEEP_ALIVE, Said, Writer, writer_for
from engine.serve.chat.intent import (
    Answer,
    Begin,
    Cancel,
    ChatRequest,
    Direct,
    Follow,
    Intent,
    Say,
    Steer,
    Thread,
    ToolResults,
)
from engine.serve.chat.replies import tool_calls
from engine.serve.chat.talk import Talk
from engine.serve.chat.turn import Delta, Turn
from engine.serve.chat.wishes import check_body, check_parts, unfulfilled, wants_form
from engine.serve.desk import Desk
from gateway.exchange import ClientCall
from gateway.server.failures import Headers
from gateway.server.visit import Visit
from gateway.wire import CLIENT_FORMATS
from schemas.errors import ConflictError, StoreError
from schemas.model import Done
from schemas.result import Usage

STILL_HERE_S = 15.0
ANSWERED_S = 0.1
"""A message that would change a run, and comes when that has its answer, is read again so much later."""
RUN = b"x-engine-run"
DROPPED = b"x-engine-dropped"
_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Performance:
    """One request.

    Args:
        desk: The engine and what surrounds it.
        talk: Remembers what became of it.
        visit, call: The request.
        asked: What it says, as a chat completion.

    Attributes:
        run_id: The run; empty while there is none.
        over: Whether the run can be let alone: it is over, waits, or was not begun.
    """

    def __init__(self, desk: Desk, talk: Talk, visit: Visit, call: ClientCall, asked: ChatRequest) -> None:
        self.run_id = ""
        self.over = True
        self._desk = desk
        self._talk = talk
        self._visit = visit
        self._call = call
        self._asked = asked
        self._assistant = asked.assistant
        self._sent_at = 0.0
        self._understood = Usage()

    async def say_still_here(self) -> None:
        """Send a comment into every long silence, so that proxies keep the line."""
        self._sent_at = anyio.current_time()
        while True:
            await anyio.sleep_until(self._sent_at + STILL_HERE_S)
            if not self._visit.started:
                self._sent_at = anyio.current_time()
            elif anyio.current_time() >= self._sent_at + STILL_HERE_S:
                await self._send(KEEP_ALIVE)

    async def perform(self) -> None:
        """Read what is wanted, do it, and answer.

        Raises:
            EngineError: It cannot be done; within a stream, why it ends.

        Cancellation: the run goes on; ``over`` says whether that is for the caller to think about.
        """
        check_body(self._asked.body)
        for once_more in (True, True, False):
            intent: Intent = await self._talk.read(self._asked)
            try:
                await self._do(intent)
            except ConflictError:
                if not (once_more and isinstance(intent, Steer) and not self._visit.started):
                    raise
            else:
                return
            await anyio.sleep(ANSWERED_S)

    async def _do(self, intent: Intent) -> None:
        """Do what a message means. Raises EngineError."""
        if isinstance(intent, Begin | Steer):
            self._understood = intent.usage
        match intent:
            case Begin():
                await self._begin(intent)
            case Say():
                await self._say(intent)
            case Direct():
                await self._direct(intent)
            case Answer() | ToolResults() | Steer() | Follow() | Cancel():
                await self._go_on(intent)
            case _:
                assert_never(intent)

    async def _begin(self, intent: Begin) -> None:
        """Begin a run and show it. Raises EngineError."""
        check_parts(self._asked.body)
        options = Assistants(self._desk.engine).options(self._assistant.name)
        own = [text for text in (options["instructions"], intent.instructions) if text]
        options["instructions"] = "\n\n".join(own)
        with self._desk.drives.room():
            self.run_id = uuid.uuid4().hex[:12]
            writer = await self._head()
            async with self._desk.drives.turn():
                self.over = False
                with anyio.CancelScope(shield=True):  # half begun, it would go on with nobody to cancel it
                    await self._desk.engine.submit(
                        intent.task,
                        user=self._asked.user,
                        run_id=self.run_id,
                        conversation=intent.thread.conversation,
                        client_tools=intent.client_tools,
                        wishes=intent.wishes,
                        **options,
                    )
        self._desk.drives.take(self.run_id)
        await self._talk.began(intent.thread, self.run_id)
        turn = Turn(self.run_id, intent.task, tells=self._assistant.progress == "steps")
        await self._show(turn, intent.thread, writer, intent.task)

    async def _go_on(self, intent: Answer | ToolResults | Steer | Follow | Cancel) -> None:
        """Say something to a run that is there, and show it from there on. Raises EngineError."""
        store = self._desk.engine.store
        await caller_of(self._visit.key).check(store, intent.run_id)
        self.run_id = intent.run_id
        before = await store.summary(intent.run_id)
        await self._speak(intent)
        row = await store.summary(intent.run_id)
        waits = row.parked
        if not waits and not row.ended:
            self._desk.drives.take(row.id)
        writer = await self._head()
        self.over = row.ended or waits
        await self._talk.began(intent.thread, row.id)
        turn = Turn(row.id, row.task, after=before.head, tells=self._assistant.progress == "steps")
        await self._show(turn, intent.thread, writer, row.task, waits=waits)

    async def _speak(self, intent: Answer | ToolResults | Steer | Follow | Cancel) -> None:
        """Raises NotFoundError, ConflictError, ToolArgumentsError, StepRejectedError, StoreError."""
        run = self._desk.engine.attach(intent.run_id, through="chat")
        match intent:
            case Answer() | ToolResults():
                await self._answer(run, intent)
            case Steer():
                await self._answer(run, intent)
                await run.steer(intent.task, by=intent.thread.user)
            case Cancel():
                await run.cancel(intent.reason, by=intent.thread.user)
            case Follow():
                pass
            case _:
                assert_never(intent)

    async def _answer(self, run: RunHandle, intent: Answer | ToolResults | Steer) -> None:
        for one in intent.decided:
            await run.answer(
                one.approval_id,
                one.decision,
                result=one.result,
                tool_input=one.tool_input,
                reason=one.reason,
                by=intent.thread.user,
            )

    # ------------------------------------------------------------------ what is shown

    async def _show(self, turn: Turn, thread: Thread, writer: Writer, like: str, *, waits: bool = False) -> None:
        """Show a run until it is over or waits for somebody. Raises EngineError."""
        reasoning: list[str] = []
        async with aclosing(self._deltas(turn, waits=waits)) as deltas:
            async for delta in deltas:
                if not self._call.streamed:
                    reasoning.append(delta.reasoning)
                elif piece := writer.delta(delta):
                    await self._send(piece)
        self.over = True
        failure = turn.failure()
        if failure is not None:
            raise failure
        calls, asks = self._asks(turn, like)
        used = turn.usage + self._understood
        said = Said(
            turn.content + asks, "".join(reasoning), calls, turn.finish(), used, turn.about(), turn.refused(asks)
        )
        with suppress(StoreError):  # the reply is there; only the next request has to say more
            await self._talk.replied(thread, turn.run_id, said.content, turn.waiting)
        await self._finish(writer, said, asks)

    async def _finish(self, writer: Writer, said: Said, rest: str) -> None:
        """Send the end of a streamed reply, behind the words of it that were not sent; or all of one that is not."""
        if self._call.streamed:
            last = writer.delta(Delta(content=rest, refused=said.refused)) if rest else b""
            await self._visit.send({"type": "http.response.body", "body": last + writer.end(said)})
        else:
            await self._visit.answer_json(writer.whole(said), headers=self._marks())

    def _marks(self) -> Headers:
        """Return what a reply's head tells of its run, and which wishes no run fulfils."""
        unheard = unfulfilled(self._call.parsed, passes=self._assistant.passthrough is not None)
        marks: Headers = [(RUN, self.run_id.encode())] if self.run_id else []
        return [*marks, (DROPPED, ", ".join(unheard).encode())] if unheard else marks

    async def _deltas(self, turn: Turn, *, waits: bool) -> AsyncGenerator[Delta]:
        """Yield what a run adds to a reply until it is over, or waits for somebody (``turn.waiting``)."""
        run = self._desk.engine.attach(turn.run_id)
        async with aclosing(self._desk.engine.following.follow(turn.run_id, parked=not waits)) as items:
            async for item in items:
                for delta in turn.take(item):
                    yield delta
                if turn.parked(item) or turn.asked(item):
                    turn.waiting = await run.pending()
                    if turn.waiting:
                        return
        if waits and turn.ended is None:
            turn.waiting = await run.pending()

    async def _head(self) -> Writer:
        """Send the head of a streamed reply, and what comes first of it."""
        writer = writer_for(self._call, self._assistant.name, self.run_id)
        if self._call.streamed:
            await self._visit.start(200, [*_STREAM, *self._marks()])
            await self._send(writer.begin())
        return writer

    async def _say(self, intent: Say) -> None:
        """Say something, with no run."""
        self.run_id = intent.run_id
        with suppress(StoreError):
            await self._talk.replied(intent.thread, intent.run_id, intent.text)
        about = await self._standing(intent.run_id) if intent.run_id else {}
        said = Said(intent.text, "", (), "stop", Usage(), about, wants_form(self._asked.body))
        await self._finish(await self._head(), said, intent.text)

    async def _standing(self, run_id: str) -> dict[str, Any]:
        """Return where a run stands, for programs. Raises NotFoundError, StoreError."""
        run = self._desk.engine.attach(run_id)
        row = await self._desk.engine.store.summary(run_id)
        waiting = [one.model_dump(mode="json", exclude={"kind"}) for one in await run.pending()]
        return {"run_id": run_id, "status": row.status, **({"approvals": waiting} if waiting else {})}

    async def _direct(self, intent: Direct) -> None:
        """Ask a model, with no run. Raises EngineError."""
        visit, form = self._visit, CLIENT_FORMATS[self._call.format]
        context = self._asked.calling._replace(role=intent.why, may_restart=False)
        writer = form.stream(self._call.parsed) if self._call.streamed else None
        async with aclosing(self._desk.engine.gateway.stream(intent.request, context)) as chunks:
            async for chunk in chunks:
                if writer is not None:
                    if not visit.started:
                        await visit.start(200, list(_STREAM))
                    await self._send(writer.feed(chunk))
                if isinstance(chunk, Done):
                    with suppress(StoreError):
                        await self._talk.replied(intent.thread, "", chunk.response.text)
                    if writer is None:
                        named = chunk.response.model_copy(update={"model": self._assistant.name})
                        await visit.answer_json(form.reply(named, self._call.parsed))
        if writer is not None:
            await visit.send({"type": "http.response.body", "body": b""})

    def _asks(self, turn: Turn, like: str) -> tuple[list[dict[str, Any]], str]:
        """Return the calls that a client is to make, and what a person is asked, as text behind the answer so far."""
        text = self._talk.asks(turn.run_id, turn.waiting, like)
        return tool_calls(turn.run_id, turn.waiting), f"\n\n{text}" if text and turn.content else text

    async def _send(self, piece: bytes) -> None:
        await self._visit.send({"type": "http.response.body", "body": piece, "more_body": True})
        self._sent_at = anyio.current_time()
