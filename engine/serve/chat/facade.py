"""Assistants as chat clients ask for them: one model name is one assistant, one request one reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, cast

import anyio
import structlog

from engine.assistants import Assistants
from engine.serve.callers import caller_of
from engine.serve.chat.intent import ChatRequest
from engine.serve.chat.performance import Performance
from engine.serve.chat.talk import Talk
from engine.serve.desk import Desk
from gateway.exchange import ClientCall
from gateway.gateway import CallContext
from gateway.server.visit import Visit
from gateway.wire import CLIENT_FORMATS
from gateway.wire.chat.requests import chat_body
from schemas.agents import AssistantSettings
from schemas.errors import EngineError, ModelRequestError, NotFoundError, RequestFieldError, RequestTooLargeError

ON_DISCONNECT = "x-engine-on-disconnect"
_LEFT = "its client went away"
_SECRET = frozenset({"authorization", "x-api-key", "api-key", "cookie"})
"""Headers that nobody beyond the door reads."""


class Facade:
    """Answers for assistants (implements ``gateway.server.guests.Assistants``).

    Args:
        desk: The engine and what surrounds it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._engine = desk.engine
        self._assistants = Assistants(desk.engine)
        self._talk = Talk(desk.engine)

    def names(self) -> Sequence[str]:
        """Return the names of the assistants."""
        return list(self._assistants)

    def describe(self, name: str) -> Mapping[str, Any]:
        """Return what ``/v1/models`` tells of an assistant."""
        found = self._assistants[name]
        team = {"agents": found.agents, "tools": found.tools, "passthrough": found.passthrough}
        told = {key: value for key, value in team.items() if value is not None}
        return {"kind": "assistant", "description": found.description, "mode": found.mode, **told}

    async def answer(self, visit: Visit, call: ClientCall, name: str) -> None:
        """Answer a call.

        Raises:
            EngineError: The request is wrong, or longer than the runs API takes, or nothing can be begun; within a
                stream, why it ends.

        Cancellation: a client that left cancels the run, or not, as it or its assistant chose; a server that leaves
        lets it be.
        """
        if len(call.body) > self._desk.body_bytes:
            most = f"{self._desk.body_bytes:,} bytes"
            raise RequestTooLargeError(f"the request is larger than {most}, the most that an assistant reads")
        self._desk.payers.see(visit.key)
        assistant = self._assistants[name]
        headers = _headers(visit)
        leaves = _choice(headers, assistant)
        asked = ChatRequest(assistant, _as_chat(call), headers, caller_of(visit.key).user, _calling(visit))
        performance = Performance(self._desk, self._talk, visit, call, asked)
        failure: list[EngineError] = []

        async def go() -> None:
            try:
                await performance.perform()
            except EngineError as exc:
                failure.append(exc)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                if call.streamed:
                    group.start_soon(performance.say_still_here)
                group.start_soon(go)
        finally:
            if leaves == "cancel" and not performance.over:
                await self._let_go(visit, performance.run_id)
        if failure:
            raise failure[0]

    async def _let_go(self, visit: Visit, run_id: str) -> None:
        """Cancel the run of a client that left."""
        connection = visit.connection
        if connection is None or not connection.lost:
            return
        with anyio.CancelScope(shield=True):
            try:
                with suppress(NotFoundError):
                    await self._engine.attach(run_id).cancel(_LEFT)
                    self._desk.drives.take(run_id)
            except EngineError as exc:
                structlog.get_logger().warning("a run was not cancelled", run_id=run_id, error=exc.message)


def _calling(visit: Visit) -> CallContext:
    """Return who a model call for a request itself is counted to."""
    key = visit.key
    return CallContext(
        role="chat",
        key="" if key is None else key.id,
        api_key=key,
        listener=visit.desk.listener.name,
        request_id=visit.head.request_id,
        screened=visit.screened,
    )


def _headers(visit: Visit) -> dict[str, str]:
    return {
        name: raw.decode("latin-1")
        for key, raw in visit.scope["headers"]
        if (name := key.decode("latin-1").lower()) not in _SECRET
    }


def _choice(headers: Mapping[str, str], assistant: AssistantSettings) -> Literal["continue", "cancel"]:
    """Raises RequestFieldError."""
    said = headers.get(ON_DISCONNECT, assistant.on_disconnect).strip().lower()
    if said not in ("continue", "cancel"):
        raise RequestFieldError(f"{ON_DISCONNECT}: {said[:40]!r} is not possible", hint="cancel or continue")
    return said


def _as_chat(call: ClientCall) -> Mapping[str, Any]:
    """Return a request as a chat completion. Raises ModelRequestError."""
    if call.format == "chat":
        return call.parsed
    if call.format == "embeddings":
        raise ModelRequestError(
            f"{call.model!r} is an assistant and embeds nothing", hint="GET /v1/models lists models"
        )
    body = call.parsed
    if body.get("previous_response_id"):
        raise ModelRequestError(
            "previous_response_id: an assistant keeps conversations, not responses",
            hint="send what was said before, or name a conversation (conversation, or metadata.conversation_id)",
            details={"param": "previous_response_id"},
        )
    asked = CLIENT_FORMATS[call.format].request(body, ("*",))
    found = chat_body(call.model, asked, stream=call.streamed)
    named: Any = body.get("conversation")
    named = cast("dict[str, Any]", named).get("id") if isinstance(named, dict) else named
    return {**found, "metadata": body.get("metadata"), **({"conversation_id": named} if named else {})}
