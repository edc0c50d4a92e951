"""The filters of one call, in their order: requests pass them first to last, answers last to first."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from gateway.filters.base import Blocked, Facts, RunInThread, Session
from gateway.filters.decision import Annotate, Block, Decision
from gateway.filters.formats import FORMATS, NEUTRAL_REQUEST, Walk
from gateway.filters.formats.slots import TOO_DEEP, Slot, copied, rewritten_json
from gateway.filters.inprocess import Chunks
from gateway.filters.member import Member
from gateway.filters.output import Output
from gateway.filters.scan import Texts
from gateway.filters.translated import request_body, with_body
from schemas.errors import FilterBlockedError
from schemas.gateway import Side, WireFormat
from schemas.model import ModelRequest

IN_THREAD_CHARS = 50_000  # a text this long would hold the event loop up for tens of milliseconds
SIDES: tuple[Side, ...] = ("input", "output")


class Chain:
    """The filters of one call.

    Args:
        members: In the order in which requests pass them; at least one.
        facts: What they are told of the call.
        in_thread: Runs what would hold up the event loop.

    Attributes:
        members: Its filters.
        blocked: The error of a filter that stopped the answer, once one did.
    """

    def __init__(self, members: Sequence[Member], facts: Facts, in_thread: RunInThread) -> None:
        self.members = members
        self._facts = facts
        self._in_thread = in_thread
        self.blocked: FilterBlockedError | None = None

    async def request(self, wire: WireFormat, body: dict[str, Any], *, streamed: bool = False) -> dict[str, Any]:
        """Return the request to go on with: the very same object when no filter changed it.

        Raises:
            FilterBlockedError: A filter refused it.
            FilterFailedError: One failed, and nothing goes on without it.
        """
        return await self.rewritten("input", body, FORMATS[wire].request, self.facts("input", wire, streamed))

    async def reply(self, wire: WireFormat, body: dict[str, Any]) -> dict[str, Any]:
        """Return the whole answer to give; that of a filter that stops it is a refusal, and ``blocked`` is set.

        Raises:
            FilterFailedError: A filter failed, and nothing goes on without it.
        """
        known = FORMATS[wire]
        try:
            return await self.rewritten("output", body, known.reply, self.facts("output", wire, False))
        except FilterBlockedError as exc:
            self.blocked = exc
            return known.events().refusal(body, exc.message)

    def output(self, wire: WireFormat) -> Output | None:
        """Return what a streamed answer passes; None where no filter looks at it."""
        members = [member for member in reversed(self.members) if member.sees("output") and _interested(member)]
        facts = self.facts("output", wire, True)
        return Output(self, members, FORMATS[wire].events, facts) if members else None

    async def ask(self, request: ModelRequest) -> ModelRequest:
        """Return the engine's own request to go on with. Raises as ``request``."""
        facts = self.facts("input", "chat", True)
        for member in self.members:
            if not member.sees("input"):
                continue
            if member.body is not None:
                body = request_body(request)
                new = await self._decided(member, body, facts)
                request = request if new is body else with_body(request, body, new)
                continue
            body = request.model_dump(mode="json")
            new = await member.within("input", functools.partial(self._texts, member, "input", body, NEUTRAL_REQUEST))
            request = request if new is None or new is body else ModelRequest.model_validate(new)
        return request

    def chunks(self) -> Chunks | None:
        """Return what the engine's own reply passes, streamed or not; None where no filter looks at it."""
        members = [member for member in reversed(self.members) if member.sees("output") and _interested(member)]
        return Chunks(members, self._decided, self.facts("output", "chat", False)) if members else None

    def decided(self) -> tuple[Decision, ...]:
        """Return what the filters did so far, for the record."""
        return tuple(line for side in SIDES for member in self.members for line in member.decided(side))

    def facts(self, side: Side, wire: WireFormat, streamed: bool) -> Facts:
        """Return what filters are told of one look."""
        return replace(self._facts, side=side, format=wire, streamed=streamed)

    async def rewritten(self, side: Side, body: dict[str, Any], walk: Walk, facts: Facts) -> dict[str, Any]:
        """Take a body through all filters of a side. Raises as ``request``."""
        for member in self.members if side == "input" else reversed(self.members):
            if not member.sees(side):
                continue
            if member.body is not None:
                body = await self._decided(member, body, facts)
            elif member.session is not None:
                new = await member.within(side, functools.partial(self._texts, member, side, body, walk))
                body = body if new is None else new
        return body

    async def _texts(self, member: Member, side: Side, body: dict[str, Any], walk: Walk) -> dict[str, Any]:
        """Give every text of a body to a filter; a large one beside the event loop."""
        try:
            slots = list(walk(body))
        except RecursionError:
            raise Blocked(TOO_DEEP) from None
        work = functools.partial(_asked if side == "input" else _answered, member, body, walk, slots)
        if sum(len(slot.text) for slot in slots) < IN_THREAD_CHARS:
            return work()
        return await self._in_thread(work)

    async def _decided(self, member: Member, body: dict[str, Any], facts: Facts) -> dict[str, Any]:
        filter_ = member.body
        assert filter_ is not None
        verdict = await member.within(facts.side, lambda: filter_.body(copied(body), facts))
        if isinstance(verdict, Block):
            raise member.blocked(facts.side, verdict)
        if isinstance(verdict, Annotate):
            member.annotated(facts.side, verdict)
        elif verdict is not None and verdict != body:
            member.changed(facts.side)
            return verdict
        return body


def _asked(member: Member, body: dict[str, Any], walk: Walk, slots: list[Slot]) -> dict[str, Any]:
    session = cast("Session", member.session)
    session.prepare(lambda: [slot.text for slot in slots if not slot.fixed], body)
    mine = False
    for index in range(len(slots)):
        slot = slots[index]
        text = slot.text
        rewrite = functools.partial(session.request, kind=slot.kind, fixed=slot.fixed)
        new = rewritten_json(text, slot.kind, rewrite) if slot.encoding == "json" else rewrite(text)
        if new != text:
            if not mine:
                body = copied(body)
                slots, mine = list(walk(body)), True
            slots[index].put(new)
    return body


def _answered(member: Member, body: dict[str, Any], walk: Walk, slots: list[Slot]) -> dict[str, Any]:
    session = cast("Session", member.session)
    if not any(session.scanner(slot.kind, slot.encoding, slot.fixed) for slot in slots):
        return body
    texts = Texts((member,))
    changed = copied(body)
    texts.whole(walk(changed))
    return changed if texts.changed else body


def _interested(member: Member) -> bool:
    """Whether a filter looks at anything of an answer: one that restores what it never replaced does not."""
    session = member.session
    return session is None or any(
        session.scanner(kind, "text", False) is not None for kind in ("assistant", "reasoning", "tool_call")
    )
