"""What a server asks in the middle of a call: a person (elicitation), a model (sampling), which folders (roots).

Older servers send a request of their own and wait; newer ones end the call with what they need, and it is made again
with the answers. Either way the question belongs to the step that called: it is asked, counted and refused there.

Source: MCP 2025-11-25, Elicitation ("Response Actions"), Sampling, Roots; MCP 2026-07-28, multi round-trip requests.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, assert_never, cast

import anyio
import structlog
from mcp import ClientSession, MCPError, types
from mcp.client.session import ClientRequestContext

from schemas.errors import ElicitationDeclinedError, EngineError
from schemas.model import AudioPart, ImagePart, Message, ModelRequest, Part, TextPart
from schemas.protocols import ToolContext

_PAUSE_S = 0.25
_MOST_QUESTION = 4000
_STOPPED = {"end": "endTurn", "length": "maxTokens", "stop_sequence": "stopSequence", "tool_calls": "toolUse"}

_caller: ContextVar[ToolContext | None] = ContextVar("mcp_caller", default=None)


class Asking:
    """Answers what one server asks, in the name of the call that it asks for.

    A request over HTTP comes back on the stream of its call, so that is known. Over stdio nothing says it: then it is
    taken for the latest call that still runs, and for the one before that once it is over.

    Args:
        server: Its name.
        roots: Folders it may work in.
        sampling: Whether it may have model calls.
    """

    def __init__(self, server: str, roots: Sequence[Path], *, sampling: bool) -> None:
        self.roots = tuple(roots)
        self.sampling = sampling
        self._server = server
        self._calls: list[ToolContext] = []
        self._waiting: dict[int, list[anyio.CancelScope]] = {}

    @contextmanager
    def for_call(self, context: ToolContext) -> Generator[None]:
        """Say for which call something is asked while the block runs."""
        self._calls.append(context)
        token = _caller.set(context)
        try:
            yield
        finally:
            _caller.reset(token)
            self._calls.remove(context)
            for scope in self._waiting.pop(id(context), ()):
                scope.cancel()  # a call that is over asks nobody any more

    @property
    def _context(self) -> ToolContext | None:
        known = _caller.get()
        return known if known in self._calls else self._calls[-1] if self._calls else None

    async def answers(self, session: ClientSession, asked: types.InputRequiredResult) -> dict[str, Any] | None:
        """Return the answers to what a call ended with; None where it only wants to be made again.

        Raises:
            MCPError: Something of it is never answered.
        """
        if not asked.input_requests:
            await anyio.sleep(_PAUSE_S)
            return None
        found: dict[str, Any] = {}
        for key, request in asked.input_requests.items():
            made = await session.dispatch_input_request(ClientRequestContext(session=session, request_id=key), request)
            if isinstance(made, types.ErrorData):
                raise MCPError.from_error_data(made)
            found[key] = made.model_dump(by_alias=True, mode="json", exclude_none=True)
        return found

    async def visited(self, data: Any) -> None:
        """Ask a person to open the pages that a refused call names.

        Raises:
            MCPError: Somebody would not, or there is nobody.
        """
        for one in types.ElicitationRequiredErrorData.model_validate(data).elicitations:
            answer = await self.elicited(None, one)
            if answer.action != "accept":
                raise MCPError(types.INVALID_REQUEST, f"{one.message} ({answer.action})")

    # ------------------------------------------------------------------ callbacks of the SDK's client

    async def elicited(
        self,
        context: ClientRequestContext | None,  # noqa: ARG002 (as the SDK calls it)
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        """Ask a person: their answer accepts, a refusal declines, and where there is nobody it is cancelled."""
        schema = params.requested_schema if isinstance(params, types.ElicitRequestFormParams) else None
        while (caller := self._context) is not None:
            sure = caller is _caller.get()
            filled = await self._filled_by(caller, self._question(params), schema)
            if filled is not None:
                return filled
            if sure:
                break
        return types.ElicitResult(action="cancel")

    async def _filled_by(
        self, caller: ToolContext, question: str, schema: dict[str, Any] | None
    ) -> types.ElicitResult | None:
        """Ask in the name of a call; None where that ended first: it was another's question, or nobody's any more."""
        with anyio.CancelScope() as scope:
            waiting = self._waiting.setdefault(id(caller), [])
            waiting.append(scope)
            try:
                return _filled(schema, await caller.ask(question, schema))
            except ElicitationDeclinedError:
                return types.ElicitResult(action="decline")
            except EngineError as exc:
                structlog.get_logger("engine.mcp").info("nobody could be asked", server=self._server, error=exc.message)
                return types.ElicitResult(action="cancel")
            finally:
                waiting.remove(scope)
        return None

    def _question(self, params: types.ElicitRequestParams) -> str:
        said = params.message[:_MOST_QUESTION]
        if isinstance(params, types.ElicitRequestFormParams):
            return f"{self._server}: {said}"
        return f"{self._server}: {said}\nOpen {params.url} and answer here when that is done."

    async def sampled(
        self,
        context: ClientRequestContext,  # noqa: ARG002 (as the SDK calls it)
        params: types.CreateMessageRequestParams,
    ) -> types.CreateMessageResult | types.ErrorData:
        """Make a model call, counted to the run and its step."""
        caller = self._context
        if caller is None or caller.model is None:
            return types.ErrorData(code=types.INVALID_REQUEST, message="there is no model outside a run")
        if params.tools:
            return types.ErrorData(code=types.INVALID_PARAMS, message="no tools are possible in sampling")
        try:
            reply = await caller.model.complete(_request(params), role="executor", step_id=caller.call.step_id)
        except EngineError as exc:
            return types.ErrorData(code=types.INTERNAL_ERROR, message=exc.message)
        stopped = _STOPPED.get(reply.stop_reason)
        text = types.TextContent(type="text", text=reply.text)
        return types.CreateMessageResult(role="assistant", content=text, model=reply.model, stop_reason=stopped)

    async def listed_roots(
        self,
        context: ClientRequestContext,  # noqa: ARG002 (as the SDK calls it)
    ) -> types.ListRootsResult:
        """Tell the folders it may work in."""
        return types.ListRootsResult.model_validate(
            {"roots": [{"uri": root.as_uri(), "name": root.name} for root in self.roots]}
        )


def _filled(schema: dict[str, Any] | None, answer: Any) -> types.ElicitResult:
    if schema is None:
        return types.ElicitResult(action="accept")
    return types.ElicitResult(action="accept", content=content_of(schema, answer))


def content_of(schema: dict[str, Any], answer: Any) -> dict[str, Any]:
    """Return an answer as the form that was asked for; a plain one fills the only field there is.

    >>> content_of({"properties": {"age": {"type": "integer"}}}, "42")
    {'age': 42}
    """
    if isinstance(answer, dict):
        return cast("dict[str, Any]", answer)
    fields = cast("dict[str, Any]", schema.get("properties") or {})
    wanted = [name for name in schema.get("required") or fields if name in fields]
    if len(wanted) != 1:
        return {}
    if isinstance(answer, str) and fields[wanted[0]].get("type") in ("integer", "number", "boolean"):
        with suppress(ValueError):
            answer = json.loads(answer)
    return {wanted[0]: answer}


def _request(params: types.CreateMessageRequestParams) -> ModelRequest:
    system = (Message.system(params.system_prompt),) if params.system_prompt else ()
    return ModelRequest(
        messages=(*system, *(Message(role=one.role, parts=tuple(_parts(one))) for one in params.messages)),
        model="executor",
        max_output_tokens=params.max_tokens,
        temperature=params.temperature,
        stop=tuple(params.stop_sequences or ()),
    )


def _parts(message: types.SamplingMessage) -> list[Part]:
    blocks = message.content if isinstance(message.content, list) else [message.content]
    return [_part(block) for block in blocks]


def _part(block: types.SamplingMessageContentBlock) -> Part:
    match block:
        case types.TextContent():
            return TextPart(text=block.text)
        case types.ImageContent():
            return ImagePart(url=f"data:{block.mime_type};base64,{block.data}")
        case types.AudioContent():
            return AudioPart(data=block.data, format=block.mime_type.rpartition("/")[2])
        case types.ToolUseContent() | types.ToolResultContent():
            return TextPart(text=block.model_dump_json(by_alias=True, exclude_none=True))
        case _:
            assert_never(block)
