"""What is remembered of conversations: what was said, and which run each of them last began.

Kept in the store's notes, so that a conversation goes on after a restart and in another process. A conversation with an
id keeps its turns; without one only marks are kept: digests of what was said, by which the next request of a client
that sends its whole history finds the run that waits or goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.serve.chat.intent import Thread
from schemas.runs import Note
from schemas.stores import Notes

Turn = tuple[str, str]
"""Role (user or assistant) and text."""

_KIND = "chat"
_TURNS = 400
_MARKS = 20
_KEYS = 20_000
_CHARS = 32_000
_SWEEP_S = 600.0

_HEADERS = (
    "x-engine-conversation",
    "x-openwebui-chat-id",
    "x-librechat-conversation-id",
    "x-conversation-id",
    "x-chat-id",
    "x-thread-id",
    "x-session-id",
)
_PARENT_HEADERS = ("x-engine-parent-conversation", "x-parent-conversation-id")
_FIELDS = ("conversation_id", "chat_id", "thread_id", "session_id")
_PARENT_FIELDS = ("parent_conversation_id", "parent_chat_id")
_WHOLE = ("x-openwebui-chat-id", "x-librechat-conversation-id")
_LONGEST_ID = 300


@dataclass(frozen=True, slots=True)
class Ids:
    """How a request names its conversation.

    Attributes:
        conversation: Its id; empty for none.
        parent: The conversation it branches off; empty for none.
        whole: The client is one that always sends all that was said.
    """

    conversation: str = ""
    parent: str = ""
    whole: bool = False


def ids_of(headers: Mapping[str, str], body: Mapping[str, Any]) -> Ids:
    """Return how a request names its conversation, the first of the known ways that it uses.

    ``…/child`` is a branch of ``…``. Source: Open WebUI's ENABLE_FORWARD_USER_INFO_HEADERS (``X-OpenWebUI-Chat-Id``),
    LibreChat's ``{{LIBRECHAT_BODY_CONVERSATIONID}}`` in a custom endpoint's headers; the AI SDK and the OpenAI SDKs
    send what their user puts into ``headers`` or ``metadata``.

    >>> ids_of({"x-engine-conversation": "7/notes"}, {})
    Ids(conversation='7/notes', parent='7', whole=False)
    """
    found = next(((name, headers[name]) for name in _HEADERS if headers.get(name, "").strip()), None)
    conversation = found[1].strip() if found else _field(body, _FIELDS)
    parent = next((headers[name].strip() for name in _PARENT_HEADERS if headers.get(name, "").strip()), "")
    parent = parent or _field(body, _PARENT_FIELDS) or conversation.rpartition("/")[0]
    if not conversation or parent == conversation:
        parent = ""
    return Ids(conversation[:_LONGEST_ID], parent[:_LONGEST_ID], bool(found) and found[0] in _WHOLE)


def _field(body: Mapping[str, Any], names: Sequence[str]) -> str:
    metadata = body.get("metadata")
    places: list[Mapping[str, Any]] = [metadata, body] if isinstance(metadata, Mapping) else [body]
    for place in places:
        for name in names:
            value = place.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()
    return ""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of one conversation.

    Attributes:
        turns: What was said, oldest first.
        run_id: The run it last began; empty for none.
        begun_by: The message that began it.
        whole: Its client has sent all that was said before.
        parent: The conversation it branches off, as it first said.
        runs: Every run that it began, oldest first, each with the message that began it.
        lost: Where a reply is missing among the turns, each with the run that gave it.
    """

    turns: tuple[Turn, ...] = ()
    run_id: str = ""
    begun_by: str = ""
    whole: bool = False
    parent: str = ""
    runs: tuple[tuple[str, str], ...] = ()
    lost: tuple[tuple[int, str], ...] = ()

    @property
    def known(self) -> bool:
        """Whether anything is."""
        return bool(self.turns or self.run_id)


class Conversations:
    """The conversations of one assistant.

    Args:
        notes: Where they are kept.
        assistant: Its name.
        ttl_s: They are forgotten so long after their last message.
    """

    def __init__(self, notes: Notes, assistant: str, ttl_s: float) -> None:
        self._notes = notes
        self._kind = f"{_KIND}:{assistant}"
        self._ttl_s = ttl_s
        self._swept_at = float("-inf")

    async def recall(self, user: str, conversation: str) -> Remembered:
        """Return what is known of a conversation; nothing of one that is unknown, another user's, or forgotten."""
        key = _key(user, conversation)
        await self._notes.drop(self._kind, key, older_s=self._ttl_s)
        return _read(await self._notes.load(self._kind, key))

    async def sweep(self, now: float) -> None:
        """Forget what is too old, at most every ten minutes.

        Args:
            now: Seconds of a clock that only rises.
        """
        if now - self._swept_at >= min(_SWEEP_S, self._ttl_s):
            self._swept_at = now
            await self._notes.drop(self._kind, older_s=self._ttl_s)

    async def begun(self, thread: Thread, run_id: str) -> None:
        """Remember the run that a message began, or steered."""
        if thread.conversation:
            await self._add(thread, [_run_line(thread, run_id)])
        else:
            await self._mark(thread, thread.said, run_id)

    async def spoken(self, thread: Thread, reply: str, run_id: str, *, waits: bool) -> None:
        """Remember a message and what was replied to it.

        Args:
            thread: Where it was said.
            reply: What was replied.
            run_id: The run that replied; empty for none.
            waits: It is not over: the next message may be for it.
        """
        if not thread.conversation:
            if waits:
                await self._mark(thread, (*thread.said, ("assistant", reply)), run_id)
            return
        if thread.anew:
            await self._notes.drop(self._kind, _key(thread.user, thread.conversation))
        turns = thread.said if thread.anew else thread.said[-1:]
        lines: list[dict[str, Any]] = [{"role": role, "text": _cut(text)} for role, text in turns if text]
        lines.append({"role": "assistant", "text": _cut(reply), **({"whole": True} if thread.whole else {})})
        if thread.anew and run_id:
            lines.append(_run_line(thread, run_id))
        await self._add(thread, lines)

    async def marked(self, assistant: str, user: str, said: Sequence[Turn]) -> list[str]:
        """Return the runs that were begun at, or waited after, exactly these turns, newest first."""
        notes = await self._notes.load(self._kind, digest(assistant, user, said))
        runs = [str(json.loads(note.line)["run"]) for note in notes]
        return list(dict.fromkeys(reversed(runs)))

    async def forget(self, user: str, conversation: str) -> bool:
        """Forget a conversation; False where nothing of it is known."""
        return await self._notes.drop(self._kind, _key(user, conversation)) > 0

    async def children(self, user: str, conversation: str) -> list[str]:
        """Return the ids of a conversation's branches."""
        notes = await self._notes.load(self._kind, _key(user, conversation, "branches"))
        return list(dict.fromkeys(note.line for note in notes))

    async def _add(self, thread: Thread, lines: Sequence[Mapping[str, Any]]) -> None:
        key = _key(thread.user, thread.conversation)
        rows = [(key, json.dumps(line, ensure_ascii=False)) for line in lines]
        if thread.parent:
            rows.insert(0, (key, json.dumps({"parent": thread.parent}, ensure_ascii=False)))
            branches = [(_key(thread.user, thread.parent, "branches"), thread.conversation)]
            await self._notes.add(self._kind, branches, keep=_TURNS, durable=True)
        await self._notes.add(self._kind, rows, keep=_TURNS, keys=_KEYS, durable=True)

    async def _mark(self, thread: Thread, said: Sequence[Turn], run_id: str) -> None:
        key = digest(thread.assistant, thread.user, said)
        await self._notes.add(self._kind, [(key, json.dumps({"run": run_id}))], keep=_MARKS, keys=_KEYS)


def digest(assistant: str, user: str, said: Iterable[Turn]) -> str:
    """Return the mark of a place in a conversation; spaces do not count, nor do system messages.

    Clients trim texts, and write the time of day into their system messages.

    >>> digest("a", "", [("user", "Hi  there")]) == digest("a", "", [("user", "Hi there\\n")])
    True
    """
    hashed = hashlib.sha256(json.dumps([assistant, user]).encode())
    for role, text in said:
        hashed.update(json.dumps([role, " ".join(text.split())]).encode())
    return f"mark:{hashed.hexdigest()}"


def _key(user: str, conversation: str, what: str = "turns") -> str:
    return f"{what}:{hashlib.sha256(json.dumps([user, conversation]).encode()).hexdigest()}"


def _run_line(thread: Thread, run_id: str) -> dict[str, Any]:
    return {"run": run_id, "by": _cut(thread.said[-1][1])}


def _cut(text: str) -> str:
    if len(text) <= _CHARS:
        return text
    return f"{text[: _CHARS // 2]}\n[… {len(text) - _CHARS:,} characters …]\n{text[-_CHARS // 2 :]}"


def _read(notes: Iterable[Note]) -> Remembered:
    read = _Reading()
    parent = ""
    whole = False
    for note in notes:
        line: dict[str, Any] = json.loads(note.line)
        whole = whole or bool(line.get("whole"))
        parent = str(line.get("parent", parent))
        if "role" in line:
            read.said((line["role"], line["text"]))
        if "run" in line:
            read.began(line["run"], line.get("by", ""))
    read.settle()
    run_id, begun_by = read.runs[-1] if read.runs else ("", "")
    lost = tuple(read.lost)
    return Remembered(tuple(read.turns), run_id, begun_by, whole, parent, tuple(read.runs), lost)


@dataclass(slots=True)
class _Reading:
    """Reads what was kept; a message whose reply never came to be kept (its server died) is a turn all the same."""

    turns: list[Turn] = field(default_factory=list[Turn])
    runs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    lost: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    _open: tuple[str, str] | None = None

    def began(self, run_id: str, by: str) -> None:
        """Take in that a message began a run."""
        self.settle()
        self.runs.append((run_id, by))
        self._open = (run_id, by)

    def said(self, turn: Turn) -> None:
        """Take in what was said."""
        if self._open is not None and turn == ("user", self._open[1]):
            self._open = None
        self.settle()
        self.turns.append(turn)

    def settle(self) -> None:
        """Put a message that nothing was kept of behind it into its place."""
        if self._open is None:
            return
        (run_id, by), self._open = self._open, None
        if by and by != next((text for role, text in reversed(self.turns) if role == "user"), None):
            self.turns.append(("user", by))
            self.lost.append((len(self.turns), run_id))
