"""One query to an A2A agent, from the first message to the end of its task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import anyio

from engine.tools.agents.a2a.messages import ASKING, ArtifactUpdate, Update
from engine.tools.agents.a2a.rpc import Rpc
from engine.tools.agents.a2a.view import TaskView
from engine.tools.agents.a2a.wording import GONE, Act, Said, message_params
from schemas.errors import EngineError, ToolError, ToolFailedError, ToolUnavailableError

MOST_QUESTIONS = 20
_MOST_FAILURES = 8  # in a row, while a task is followed: about 11 s
_LOOKS_FOR_AN_ANSWER = 12  # after which a question that still stands is asked again
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_SILENCE_S = 60.0  # a stream that says nothing for so long is taken up anew
_STILL_S = 3_600.0  # a task of which nothing new is heard for so long is given up
_MOST_UNKNOWN = 5  # looks in a row at a state that the protocol does not know
_CANCEL_S = 3.0

AskPerson = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of a query while it is worked at.

    Attributes:
        progress: Takes what the agent says about its work.
        text: Takes its result's text, piece by piece.
        ask: Puts a question to a person and returns the answer.
    """

    progress: Callable[[str], None]
    text: Callable[[str], None]
    ask: AskPerson


@dataclass(slots=True)
class Dialogue:
    """One query, its task and whatever the agent asks meanwhile.

    Attributes:
        agent: Its name, for messages.
        rpc: The line to it.
        told: Who hears of it.
        key: The call's own, from which message ids are made: one that is sent again is the same one.
    """

    agent: str
    rpc: Rpc
    told: Told
    key: str
    _last: Update | None = field(default=None, init=False)
    _moved_at: float = field(default=0.0, init=False)

    async def run(self, content: Any, context_id: str = "") -> TaskView:
        """Say something and follow what comes of it to its end.

        Args:
            content: A text, or a value that is sent as data.
            context_id: The conversation it belongs to; empty: the agent begins one.

        Raises:
            ToolFailedError: It asks more often than anybody would answer, says what is not understood, speaks of
                another task, or of this one nothing new for an hour.
            ToolUnavailableError: It is not reached, or lost for good.

        Cancellation: the agent is told to cancel its task, for up to 3 s.
        """
        view = TaskView(self.agent)
        self._moved_at = anyio.current_time()
        try:
            await self._say(view, Said(content, self._id(0), context_id=context_id))
            for turn in range(1, MOST_QUESTIONS + 1):
                await self._follow(view)
                if not view.asks:
                    return view
                await self._answer(view, turn)
            raise ToolFailedError(f"{self.agent} asked {MOST_QUESTIONS} questions and still has no answer")
        finally:
            if view.open:
                await self._cancel(view)

    async def _answer(self, view: TaskView, turn: int) -> None:
        waited_for = view.state
        answer = await self.told.ask(view.question)
        if waited_for == "auth-required":
            await self._look(view)
            if view.state != waited_for:
                return  # it was authorized elsewhere, and has gone on
        view.answered()
        await self._say(view, Said(answer, self._id(turn), view.task_id, view.context_id))

    async def _say(self, view: TaskView, said: Said) -> None:
        params = message_params(self.rpc.card, said)
        if self.rpc.card.streams:
            await self._watch(view, "stream", params)
        else:
            self._take(view, await self.rpc.call("send", params), opens=True)

    async def _follow(self, view: TaskView) -> None:
        """Stay with a task until it ends or asks: by its stream where it has one, else by looking again and again."""
        failures, looks, unknown, pause_s = 0, 0, 0, _FIRST_PAUSE_S
        follows = self.rpc.card.streams
        while view.moving:
            if not view.task_id:
                raise ToolUnavailableError(f"{self.agent} broke off before it said which task it works at")
            self._check_moves(unknown)
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 1.6, _LONGEST_PAUSE_S)
            try:
                if follows:
                    follows = await self._resume(view)
                await self._look(view)
                failures, looks, unknown = 0, looks + 1, unknown + 1 if view.state == "unknown" else 0
            except ToolUnavailableError:
                failures += 1
                if failures >= _MOST_FAILURES:
                    raise
            if looks >= _LOOKS_FOR_AN_ANSWER and view.state in ASKING:
                view.answered(again=True)

    def _check_moves(self, unknown: int) -> None:
        """Raises ToolFailedError: nothing will come of the task any more."""
        if unknown >= _MOST_UNKNOWN:
            raise ToolFailedError(f"{self.agent} says that its task is in a state that A2A does not know")
        if anyio.current_time() - self._moved_at > _STILL_S:
            told = f"{self.agent} has said nothing new about its task for {_STILL_S / 60:g} minutes"
            raise ToolFailedError(told, hint="timeout_s of the agent sets a shorter time")

    async def _resume(self, view: TaskView) -> bool:
        """Take a lost stream up again; return whether that can be done at all."""
        try:
            await self._watch(view, "subscribe", {"id": view.task_id})
        except ToolFailedError as exc:
            if exc.details.get("rpc_code") not in GONE:
                raise
            return False
        return True

    async def _watch(self, view: TaskView, act: Act, params: Mapping[str, Any]) -> None:
        """Read a stream to its end, or to where nothing moves; that it is lost once its task is known is no error."""
        try:
            opens = act == "stream"
            async with self.rpc.stream(act, params) as updates:
                while True:
                    with anyio.fail_after(_SILENCE_S):
                        update = await anext(updates, None)
                    if update is None:
                        return
                    self._take(view, update, opens=opens)
                    opens = False
                    if not view.moving:
                        return
        except (ToolUnavailableError, TimeoutError) as exc:
            if not view.task_id:
                raise self._lost(exc) from exc

    def _lost(self, exc: Exception) -> ToolError:
        if isinstance(exc, ToolError):
            return exc
        return ToolUnavailableError(f"{self.agent} said nothing for {_SILENCE_S:g} s")

    async def _look(self, view: TaskView) -> None:
        self._take(view, await self.rpc.call("get", {"id": view.task_id}))

    def _take(self, view: TaskView, update: Update, *, opens: bool = False) -> None:
        """Take an update in; only one that ``opens`` an answer may be of a task that was not known. ToolFailedError."""
        if not opens and view.task_id and update.task_id not in ("", view.task_id):
            other = update.task_id[:80]
            raise ToolFailedError(f"{self.agent} spoke of another task ({other}) than the one it was asked about")
        if update != self._last:
            self._last, self._moved_at = update, anyio.current_time()
        news = view.take(update)
        if news:
            self.told.progress(news)
        if isinstance(update, ArtifactUpdate):
            for part in update.artifact.parts:
                if part.text:
                    self.told.text(part.text)

    def _id(self, turn: int) -> str:
        return str(uuid5(NAMESPACE_URL, f"engine:{self.key}:{turn}"))

    async def _cancel(self, view: TaskView) -> None:
        with anyio.move_on_after(_CANCEL_S, shield=True), suppress(EngineError):
            await self.rpc.call("cancel", {"id": view.task_id})
