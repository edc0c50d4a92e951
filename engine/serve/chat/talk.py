"""Reads what a chat request wants, and remembers what became of it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace

from engine.api import Engine
from engine.assistants import Assistants
from engine.estimate import Estimate
from engine.planner.triage import small_talk
from engine.serve.chat.answers import is_decision
from engine.serve.chat.clienttools import Given, client_specs, given_by, wish_of
from engine.serve.chat.conversation import Conversations, Remembered, Turn, ids_of
from engine.serve.chat.history import turns_of
from engine.serve.chat.intent import (
    Begin,
    ChatRequest,
    Decided,
    Direct,
    Follow,
    Intent,
    Say,
    Steer,
    Thread,
    ToolResults,
)
from engine.serve.chat.phrases import phrases_for
from engine.serve.chat.replies import run_named, waiting_text
from engine.serve.chat.resolving import ROLE, Said, resolve
from engine.serve.chat.sidecalls import is_side_call
from engine.serve.chat.speaking import Speaking
from engine.serve.chat.standing import Standing, standing
from engine.serve.chat.wishes import wishes_of
from engine.serve.view import state_of
from engine.sinks.words import seconds, usd
from gateway.wire.chat.asked import asked_request
from schemas.agents import AssistantSettings
from schemas.approvals import ApprovalRequested
from schemas.errors import ModelRequestError, NotFoundError
from schemas.model import Message, ModelRequest

_RETRY = "x-stainless-retry-count"
"""OpenAI's SDKs count in it how often they sent a request again. Source: openai-python, ``_base_client.py``."""
_DEPTH = 8


class Talk:
    """Turns requests into intents: one for all assistants of a server.

    Args:
        engine: Whose runs, store and models these are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._speaking = Speaking(engine)
        self._known: dict[tuple[str, float], Conversations] = {}

    async def read(self, asked: ChatRequest) -> Intent:
        """Return what a request wants.

        Cost: at most one short call of a small model, none for a first message.

        Raises:
            ModelRequestError: The body is no chat request; ``details["param"]`` names the field.
            NotFoundError: The run whose calls it gives results of is not this user's.
            StoreError: The store cannot be read.
        """
        request = asked_request(asked.body, ("*",))
        if is_side_call(request, asked.body):
            nowhere = Thread(asked.assistant.name, asked.user)
            return Direct(nowhere, request.model_copy(update={"model": ROLE}), "side_call")
        thread, remembered = await self._thread(asked, turns_of(request.messages))
        given = given_by(request.messages)
        if given is not None:
            return await self._given(asked, thread, request, given)
        message = thread.said[-1][1] if thread.said and thread.said[-1][0] == "user" else ""
        if not message.strip():
            raise ModelRequestError("there is no user message with text", details={"param": "messages"})
        live = await self._live(asked, thread, remembered)
        if len(live) > 1:
            ids = ", ".join(f"`{one.run_id}`" for one in live)
            return Say(thread, phrases_for(message).busy.format(ids=ids))
        if live:
            return await self._speaking.to(live[0], asked, thread, message, remembered)
        return await self._begun(asked, thread, request, message)

    async def began(self, thread: Thread, run_id: str) -> None:
        """Remember that a request's run goes on; called as soon as it has an id.

        Raises:
            StoreError: The store cannot be written.
        """
        if thread.said:
            await self._of(thread.assistant).begun(thread, run_id)

    async def replied(self, thread: Thread, run_id: str, text: str, waiting: Sequence[ApprovalRequested] = ()) -> None:
        """Remember a turn that ended: what was replied, and what its run waits for now.

        Raises:
            StoreError: The store cannot be written.
        """
        if thread.said:
            await self._of(thread.assistant).spoken(thread, text, run_id, waits=bool(waiting))

    async def forget(self, conversation: str, user: str) -> bool:
        """Forget a conversation and its branches; False where there is none of this user's.

        Raises:
            StoreError: The store cannot be written.
        """
        forgot = False
        for name in Assistants(self._engine):
            kept, ids = self._of(name), [conversation]
            for one in ids:
                ids += [child for child in await kept.children(user, one) if child not in ids]
                forgot = await kept.forget(user, one) or forgot
        return forgot

    def asks(self, run_id: str, waiting: Sequence[ApprovalRequested], like: str = "") -> str:
        """Return what a run waits for, as its assistant says it: ``waiting_text``, with what a plan would take."""
        estimates = {one.approval_id: _took(self._engine.estimate(one.plan)) for one in waiting if one.plan is not None}
        return waiting_text(run_id, waiting, like, estimates=estimates)

    # ------------------------------------------------------------------ where it stands

    def _of(self, assistant: str) -> Conversations:
        named = Assistants(self._engine)
        settings = named[assistant] if assistant in named else AssistantSettings(name=assistant)
        key = (settings.name, settings.conversation.ttl_s)
        return self._known.setdefault(key, Conversations(self._engine.store.notes, *key))

    async def _thread(self, asked: ChatRequest, said: tuple[Turn, ...]) -> tuple[Thread, Remembered]:
        """Return where a request stands, and what is remembered there.

        A client that sends what was said before is believed; of one that sends a new message only, the store knows.
        """
        ids, kept = ids_of(asked.headers, asked.body), self._of(asked.assistant.name)
        thread = Thread(asked.assistant.name, asked.user, ids.conversation, said=said)
        await kept.sweep(time.monotonic())
        if not ids.conversation:
            return thread, Remembered()
        known = await self._whole(await kept.recall(asked.user, ids.conversation))
        before, sends_all = said[:-1], ids.whole or known.whole or len(said) > 1
        if sends_all:
            return replace(thread, anew=_texts(known.turns) != _texts(before), whole=True), known
        parent = known.parent or ids.parent
        above = await self._above(kept, asked.user, parent, ids.conversation) if parent else ()
        new_parent = parent if parent and not known.parent and above else ""
        return replace(thread, said=(*above, *known.turns, *said), parent=new_parent), known

    async def _whole(self, known: Remembered) -> Remembered:
        """Return what is remembered with the replies that were lost with their server, where their runs have ended."""
        turns = list(known.turns)
        for place, run_id in reversed(known.lost):
            try:
                ended = (await self._engine.store.summary(run_id)).ended
                answer = (await state_of(self._engine.store, run_id)).answer if ended else None
            except NotFoundError:
                continue
            if answer is not None:
                turns.insert(place, ("assistant", answer.text))
        return replace(known, turns=tuple(turns)) if known.lost else known

    async def _above(self, kept: Conversations, user: str, parent: str, child: str) -> tuple[Turn, ...]:
        """Return what was said in the conversations that one branches off, the oldest first."""
        seen, turns = {child}, tuple[Turn, ...]()
        for _ in range(_DEPTH):
            if not parent or parent in seen:
                break
            seen.add(parent)
            known = await kept.recall(user, parent)
            turns = (*known.turns, *turns)
            parent = known.parent or parent.rpartition("/")[0]
        return turns

    async def _live(self, asked: ChatRequest, thread: Thread, remembered: Remembered) -> list[Standing]:
        """Return the runs of this place that are not over; more than one only where nobody can tell them apart."""
        kept, said = self._of(asked.assistant.name), thread.said
        if remembered.run_id:
            return await self._not_over([remembered.run_id], asked)
        last = max((place for place, (role, _) in enumerate(said) if role == "assistant"), default=-1)
        if last >= 0 and (named := run_named(said[last][1])):
            found = await self._not_over([named], asked)
            if found:
                return found
        if thread.conversation:
            return []
        places = [said[: last + 1], said[:last]] if last >= 0 else []
        if asked.headers.get(_RETRY, "0") not in ("", "0"):
            places.append(said)
        for place in places:
            if place and (
                found := await self._not_over(await kept.marked(asked.assistant.name, asked.user, place), asked)
            ):
                return found
        return []

    async def _not_over(self, runs: Sequence[str], asked: ChatRequest) -> list[Standing]:
        found: list[Standing] = []
        for run_id in runs:
            try:
                row = await self._engine.store.summary(run_id)
                if not row.ended:
                    found.append(await standing(self._engine, run_id, asked.user))
            except NotFoundError:
                continue
        return found

    # ------------------------------------------------------------------ what is wanted

    async def _given(self, asked: ChatRequest, thread: Thread, request: ModelRequest, given: Given) -> Intent:
        """Return the results of a client's own calls to their run; what was given before is not given again."""
        run = await standing(self._engine, given.run_id, asked.user)
        waiting = {one.approval_id for one in run.waiting if one.subject == "client_tool"}
        for approval_id in given.values:
            if int(approval_id[1:]) > run.state.approvals.count:
                raise ModelRequestError(
                    f"messages: run {given.run_id} has no call {approval_id}", details={"param": "messages"}
                )
        decided = tuple(Decided(one, "done", result=value) for one, value in given.values.items() if one in waiting)
        last = request.messages[-1]
        if run.row.ended or not decided:
            return Follow(thread, given.run_id)
        if last.role == "user" and last.text.strip():
            said = Said(last.text, thread.said[:-1], run.state.task, asked.assistant.conversation.history_tokens)
            found = await resolve(said, self._engine.gateway, asked.calling)
            return Steer(thread, given.run_id, found.task, decided, found.usage)
        return ToolResults(thread, given.run_id, decided)

    async def _begun(self, asked: ChatRequest, thread: Thread, request: ModelRequest, message: str) -> Intent:
        """Return a new run for a message, or what needs none."""
        instructions, wishes = _instructions(request.messages), wishes_of(request)
        specs = client_specs(request, self._engine.tools.specs())
        told = "\n\n".join(part for part in (instructions, wish_of(request, specs)) if part)
        if asked.assistant.passthrough is not None:
            return Begin(thread, message, told, specs)
        before = thread.said[:-1]
        late = bool(before) and bool(run_named(before[-1][1]))
        if is_decision(message, bare=late) and (late or not _is_asked(before)):
            return Say(thread, phrases_for(message).nothing)
        if small_talk(message) and not _is_asked(before) and asked.assistant.mode in ("auto", "direct"):
            return Direct(thread, _spoken(request, asked.assistant), "small_talk")
        said = Said(message, before, tokens=asked.assistant.conversation.history_tokens)
        found = await resolve(said, self._engine.gateway, asked.calling)
        return Begin(thread, found.task, told, specs, found.usage, wishes)


def _texts(turns: Sequence[Turn]) -> list[Turn]:
    """Return turns as they are compared: clients trim texts."""
    return [(role, " ".join(text.split())) for role, text in turns]


def _is_asked(before: Sequence[Turn]) -> bool:
    """Whether the assistant's last reply asks something, so that "ok" and "great" may be an answer."""
    if not before or before[-1][0] != "assistant":
        return False
    return re.search(r"[?？؟]", before[-1][1][-400:]) is not None


def _instructions(messages: Sequence[Message]) -> str:
    return "\n\n".join(text for message in messages if message.role == "system" and (text := message.text.strip()))


def _spoken(request: ModelRequest, assistant: AssistantSettings) -> ModelRequest:
    """Return small talk as a model is asked, in the assistant's name; tools have no part in it."""
    told = (Message.system(assistant.instructions),) if assistant.instructions else ()
    bare = request.model_copy(update={"tools": (), "tool_choice": "auto", "allowed_tools": ()})
    return bare.model_copy(update={"model": ROLE, "messages": (*told, *request.messages)})


def _took(estimate: Estimate) -> str:
    """Return an estimate in words that are nearly the same in every language."""
    return f"{estimate.calls:,} × LLM, {estimate.tokens:,} tokens, {usd(estimate.usd)}, {seconds(estimate.seconds)}"
