"""What a client is told of a task while it goes on: words on the work, the answer as it is written, where it stands."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from engine.api import Engine
from engine.serve.a2a import shapes
from engine.serve.a2a.portrait import Portrait, portrait_of
from engine.serve.chat.narration import Narrator
from engine.serve.chat.turn import TOLD
from engine.streams import Cursor
from schemas.events import LoggedRecord
from schemas.live import LiveEvent

_ANSWER = "answer"


async def rested(engine: Engine, was: Portrait, assistant: str) -> Portrait:
    """Return a task once it has ended, or waits for somebody (anew, where it did already).

    Raises:
        NotFoundError: It was deleted.
        StoreError: The store cannot be read.
    """
    async with aclosing(updates(engine, was, assistant)) as told:
        async for _ in told:
            pass
    return await portrait_of(engine, was.task_id, assistant)


async def updates(
    engine: Engine, was: Portrait, assistant: str, *, live: bool = False, tells: bool = True
) -> AsyncGenerator[dict[str, Any]]:
    """Yield what becomes of a task, in the words of 1.0, until it has ended, or waits for somebody.

    Args:
        engine: Whose run it is.
        was: The task as the client knows it; that it waits already is no reason to end.
        assistant: Whose task it is.
        live: Also the answer while it is written.
        tells: Also a sentence on what is being done.

    Raises:
        NotFoundError: It was deleted.
        StoreError: The store cannot be read.
    """
    teller = _Teller(was, tells=tells)
    items = engine.following.follow(was.task_id, Cursor(was.run.row.head), live=live)
    async with aclosing(items) as found:
        async for item in found:
            for told in teller.take(item):
                yield told
            if _may_rest(item) and (await portrait_of(engine, was.task_id, assistant)).rests:
                break
    now = await portrait_of(engine, was.task_id, assistant)
    yield shapes.status_update(now.task_id, now.context_id, now.status())


class _Teller:
    """Reads a run from where a client knows it, and says what is new.

    Args:
        was: The task as the client knows it.
        tells: Whether it is told a sentence on what is being done.
    """

    def __init__(self, was: Portrait, *, tells: bool) -> None:
        self._was = was
        self._tells = tells
        self._narrator = Narrator(was.run.state.task)
        self._written = ""

    def take(self, item: LoggedRecord | LiveEvent) -> Iterator[dict[str, Any]]:
        """Yield what an item adds to what the client knows."""
        ids = self._was.task_id, self._was.context_id
        if isinstance(item, LoggedRecord):
            yield from self._event(item)
        elif item.kind == "text" and item.stream == _ANSWER:
            append = item.offset > 0
            self._written = self._written + item.text if append else item.text
            yield shapes.artifact_update(*ids, item.text, append=append)

    def _event(self, record: LoggedRecord) -> Iterator[dict[str, Any]]:
        event, ids = record.event, (self._was.task_id, self._was.context_id)
        if event.kind == "answer":
            grows = bool(self._written) and event.text.startswith(self._written)
            rest = event.text[len(self._written) :] if grows else event.text
            yield shapes.artifact_update(*ids, rest, append=grows, last=True)
            self._written = event.text
        elif event.kind in TOLD and self._tells:
            said = self._narrator.sentence(event).strip()
            if said:
                words = shapes.message(said, f"{ids[0]}-{record.seq}", *ids)
                yield shapes.status_update(*ids, shapes.status("working", record.at, words))


def _may_rest(item: LoggedRecord | LiveEvent) -> bool:
    """Whether it may be that a run waits for somebody from here on."""
    if not isinstance(item, LoggedRecord):
        return False
    event = item.event
    return event.kind == "run_parked" or (event.kind == "approval_requested" and event.subject == "elicitation")
