"""Reads a message to a run that is not over: an answer, another goal, that it shall stop, or how far it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.api import Engine
from engine.dag.validate import faults
from engine.decisions import edit_schema
from engine.serve.chat.answers import Unclear, read_answers
from engine.serve.chat.conversation import Remembered, Turn
from engine.serve.chat.intent import Answer, Cancel, ChatRequest, Decided, Follow, Intent, Say, Steer, Thread
from engine.serve.chat.phrases import phrases_for
from engine.serve.chat.replies import refusal_text, waiting_text
from engine.serve.chat.resolving import Said, resolve
from engine.serve.chat.standing import Standing, status_text
from engine.serve.chat.steering import wish
from gateway.words import spaced
from schemas.approvals import ApprovalRequested

_WAVERING = re.compile(
    r"[?？]\s*$|\b(?:let me (?:think|check|see)|hold on|one (?:moment|second|sec)|wait|not sure|unsure|later|hmm+|maybe"
    r"|perhaps|i don['’]t know|no idea|moment(?: mal)?|warte|sp[aä]ter|vielleicht|keine ahnung|attends|plus tard"
    r"|peut-[eê]tre|espera|luego|quiz[aá]s|tal vez)\b|等(?:等|一下)|稍后|不确定|ちょっと待|後で|잠깐|나중에",
    re.IGNORECASE,
)
_WORDS, _SIGNS = 3, 6


class Speaking:
    """Reads messages to runs.

    Args:
        engine: Whose runs and models these are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def to(self, run: Standing, asked: ChatRequest, thread: Thread, message: str, known: Remembered) -> Intent:
        """Return what a message wants of a run.

        Args:
            run: Where the run stands.
            asked: The request.
            thread: Where it was said.
            message: The newest message.
            known: What is remembered of the conversation.
        """
        theirs = [one for one in run.waiting if one.subject != "client_tool"]
        wanted = wish(message)
        if wanted == "stop" and not _is_word_of(message, theirs):
            return Cancel(thread, run.run_id, message.strip())
        if theirs:
            found = read_answers(message, theirs)
            if not isinstance(found, Unclear):
                return self._checked(run, thread, found, message)
            if found.why != "nothing":
                return Say(thread, refusal_text(run.run_id, found, theirs, message), run.run_id)
        if wanted == "status":
            return Say(thread, _status(run, theirs, message), run.run_id)
        if theirs and not _is_a_goal(message):
            return Say(thread, refusal_text(run.run_id, Unclear("nothing"), theirs, message), run.run_id)
        if wanted == "on" or message == known.begun_by:
            return Follow(thread, run.run_id)
        return await self._steer(run, asked, thread, message)

    def _checked(self, run: Standing, thread: Thread, decided: Sequence[Decided], message: str) -> Intent:
        """Return answers, once what they change or give fits; else say what does not: nothing is decided then."""
        for one in decided:
            wrong = _faults(run, one)
            if wrong:
                told = f"{phrases_for(message).form} {'; '.join(wrong)}"
                return Say(thread, f"{told}\n\n{waiting_text(run.run_id, run.waiting, message)}", run.run_id)
        return Answer(thread, run.run_id, tuple(decided))

    async def _steer(self, run: Standing, asked: ChatRequest, thread: Thread, message: str) -> Steer:
        """Return a new goal: what the run is for now, as the message changes it.

        Calls of the client's own tools whose results did not come are given up: the client went on without them.
        """
        if asked.assistant.passthrough is not None:
            return Steer(thread, run.run_id, message)  # its agent is asked with the very words
        said = Said(message, _goals(thread.said[:-1]), run.state.task, asked.assistant.conversation.history_tokens)
        found = await resolve(said, self._engine.gateway, asked.calling)
        gone = tuple(
            Decided(one.approval_id, "reject", reason="the client went on without it")
            for one in run.waiting
            if one.subject == "client_tool"
        )
        return Steer(thread, run.run_id, found.task, gone, found.usage)


def _goals(said: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return what was said without asking how far a run is, and what was replied to that: it tells of no goal."""
    kept: list[Turn] = []
    aside = False
    for role, text in said:
        aside = wish(text) in ("status", "on") if role == "user" else aside
        if not aside:
            kept.append((role, text))
    return tuple(kept)


def _faults(run: Standing, decided: Decided) -> list[str]:
    asked = next(one for one in run.waiting if one.approval_id == decided.approval_id)
    if decided.tool_input is not None and asked.step_id is not None:
        return [f"{path}: {told}" for path, told in faults(edit_schema(run.state, asked), decided.tool_input)]
    if decided.decision == "done" and asked.answer_schema is not None:
        return [f"{path}: {told}" for path, told in faults(asked.answer_schema, decided.result)]
    return []


def _status(run: Standing, theirs: Sequence[ApprovalRequested], message: str) -> str:
    said = phrases_for(message)
    told = status_text(run, said)
    return f"{told}\n\n{waiting_text(run.run_id, theirs, message) or f'*{said.run} `{run.run_id}`*'}"


def _is_word_of(message: str, waiting: Sequence[ApprovalRequested]) -> bool:
    """Whether a question itself offers the word, so that "cancel" is an answer to it."""
    word = message.strip(" .!。！").lower()
    return any(
        one.subject in ("question", "elicitation") and word in f"{one.question} {one.answer_schema or ''}".lower()
        for one in waiting
    )


def _is_a_goal(message: str) -> bool:
    """Whether a message that is no answer has enough to it to be a new goal; else it is asked again."""
    if _WAVERING.search(message):
        return False
    return len(message.split()) >= _WORDS if spaced(message) else len(re.findall(r"\w", message)) >= _SIGNS
