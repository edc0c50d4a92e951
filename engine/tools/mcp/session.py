"""A session with one server, by the official SDK."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar, cast

import anyio
import structlog
from httpx2 import HTTPStatusError
from mcp import Client, MCPError, types
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from pydantic import TypeAdapter, ValidationError

from engine.tools.mcp.asking import Asking
from engine.tools.mcp.base import Address, Connection, Launch, ListedTool
from engine.tools.mcp.content import text_of, value_of
from engine.tools.mcp.pipes import Pipes
from engine.tools.mcp.web import NO_ANSWER, Web
from schemas.errors import (
    EngineError,
    ToolArgumentsError,
    ToolFailedError,
    ToolNotFoundError,
    ToolUnavailableError,
)
from schemas.protocols import ToolContext

E = TypeVar("E", bound=BaseException)

MOST_TOOLS = 2000
MOST_PAGES = 200
MOST_ROUNDS = 10
_LONGEST_MESSAGE = 500
_ADVICE = "the server's log says more (telemetry: log_level: info)"
_RESULT: TypeAdapter[Any] = TypeAdapter(types.CallToolResult | types.InputRequiredResult)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0

# What the SDK logs stands in our errors already; without a handler of its own Python would write it to stderr.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@asynccontextmanager
async def connection(
    target: Launch | Address, on_change: Callable[[], None], *, sampling: bool = False
) -> AsyncGenerator[Connection]:
    """Start or reach a server and shake hands with it; leaving ends it, or the session with it.

    Cancellation: it is ended all the same.

    Raises:
        ToolUnavailableError: It cannot be started or reached, or does not answer as an MCP server.
    """
    wire = Pipes(target) if isinstance(target, Launch) else Web(target)
    asking = Asking(target.name, target.roots, sampling=sampling)
    client = _client(wire, target.name, asking, on_change)
    failure: ToolUnavailableError | None = None
    with anyio.CancelScope(deadline=anyio.current_time() + target.start_timeout_s) as scope:
        await _entered(client, wire)
        scope.deadline = math.inf
        try:
            async with anyio.create_task_group() as group:
                tools = client.server_capabilities.tools
                if tools is not None and tools.list_changed:
                    group.start_soon(_listen, client, on_change)
                try:
                    yield _Session(client, wire, asking, target)
                except ToolUnavailableError as exc:
                    failure = exc  # raised below, as it is: the task group would wrap it
                group.cancel_scope.cancel()
        finally:
            await client.__aexit__(None, None, None)
    if scope.cancelled_caught:
        raise ToolUnavailableError(wire.silence(target.start_timeout_s))
    if failure is not None:
        raise failure


def _client(wire: Pipes | Web, name: str, asking: Asking, on_change: Callable[[], None]) -> Client:
    log = structlog.get_logger("engine.mcp").bind(server=name)

    async def on_log(params: types.LoggingMessageNotificationParams) -> None:
        log.info("an MCP server says", severity=params.level, data=params.data)

    async def on_message(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            on_change()

    return Client(
        wire.open(),
        client_info=types.Implementation(name="plan-execute-engine", version="1"),
        logging_callback=on_log,
        log_level="info",
        message_handler=on_message,
        elicitation_callback=asking.elicited,
        sampling_callback=asking.sampled if asking.sampling else None,
        list_roots_callback=asking.listed_roots if asking.roots else None,
        cache=None,
    )


async def _entered(client: Client, wire: Pipes | Web) -> None:
    """Enter the client; whatever goes wrong says why in one line."""
    try:
        await client.__aenter__()
    except BaseException as exc:
        ours = _found(exc, EngineError)
        if ours is not None:
            raise ours from exc
        refused = _found(exc, MCPError) or _found(exc, ValidationError) or _found(exc, RuntimeError)
        if refused is None and _found(exc, HTTPStatusError) is None:
            raise
        if refused is None or (isinstance(refused, MCPError) and refused.code == types.CONNECTION_CLOSED):
            raise ToolUnavailableError(wire.reason) from exc
        if isinstance(refused, MCPError) and refused.code == NO_ANSWER:
            raise ToolUnavailableError(refused.error.message) from exc
        raise ToolUnavailableError(f"it does not speak MCP: {_one_line(refused)}") from exc


async def _listen(client: Client, on_change: Callable[[], None]) -> None:
    """Keep the newer protocol's subscription to changes of the list open; the client's handler sees each.

    One that broke off is opened anew, ever less often; what changed meanwhile is looked for.
    """
    pause = _FIRST_PAUSE_S
    while True:
        try:
            async with client.listen(tools_list_changed=True) as changes:
                pause = _FIRST_PAUSE_S
                async for _ in changes:
                    pass
        except SubscriptionLost:
            pass
        except (ListenNotSupportedError, MCPError):
            return  # the older protocol needs no subscription; without one, the list is read anew at the next run
        await anyio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
        on_change()


class _Session:
    """A running server (implements ``engine.tools.mcp.base.Connection``)."""

    def __init__(self, client: Client, wire: Pipes | Web, asking: Asking, target: Launch | Address) -> None:
        self.closed = wire.closed
        self._client = client
        self._wire = wire
        self._asking = asking
        self._name = target.name
        self._patience_s = target.start_timeout_s

    @property
    def reason(self) -> str:
        """Why the connection is gone, on one line."""
        return self._wire.reason

    async def tools(self) -> list[ListedTool]:
        """Return every tool the server lists, page by page. Raises as the protocol says.

        Raises:
            ToolUnavailableError: It does not answer, or with what is no list of tools.
        """
        try:
            with anyio.fail_after(self._patience_s):
                return await self._pages()
        except TimeoutError as exc:
            raise ToolUnavailableError(f"it did not list its tools within {self._patience_s:g} s") from exc
        except MCPError as exc:
            if exc.code == types.METHOD_NOT_FOUND:
                return []
            if exc.code == types.CONNECTION_CLOSED:
                raise ToolUnavailableError(self.reason) from exc
            if exc.code == NO_ANSWER:
                raise ToolUnavailableError(exc.error.message) from exc
            raise ToolUnavailableError(f"it does not list its tools: {_one_line(exc)}") from exc
        except ValidationError as exc:
            raise ToolUnavailableError(f"its list of tools is not valid: {_one_line(exc)}") from exc

    async def _pages(self) -> list[ListedTool]:
        found: list[ListedTool] = []
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
            found += [_listed(tool) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None or cursor in seen or len(found) >= MOST_TOOLS or len(seen) >= MOST_PAGES:
                return found[:MOST_TOOLS]
            seen.add(cursor)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], meta: Mapping[str, Any], context: ToolContext, *, called: str
    ) -> Any:
        """Call a tool once and return its result as a JSON value. Raises as the protocol says."""
        given = {"name": tool, "arguments": dict(arguments), "_meta": dict(meta)}
        try:
            with self._wire.calling(), self._asking.for_call(context):
                result = await self._answered(given, context)
        except MCPError as exc:
            self._refused(called, exc)
        except ValidationError as exc:
            raise ToolFailedError(
                f"{called}: the MCP server '{self._name}' answered with no valid result: {_one_line(exc)}"
            ) from exc
        if isinstance(result, types.InputRequiredResult):
            raise ToolFailedError(f"{called}: the MCP server '{self._name}' asks for input again and again")
        if result.is_error:
            said = _shortened(text_of(result)) or "it gave no reason"
            raise ToolFailedError(f"{called}: {said}", details={"server": self._name})
        return value_of(result)

    async def _answered(self, given: dict[str, Any], context: ToolContext) -> Any:
        """Send a call, and send it again with what its server asks for on the way."""
        try:
            result = await self._sent(given, context)
        except MCPError as exc:
            if exc.code != types.URL_ELICITATION_REQUIRED:
                raise
            await self._asking.visited(exc.error.data)
            result = await self._sent(given, context)
        for _ in range(MOST_ROUNDS):
            if not isinstance(result, types.InputRequiredResult):
                break
            responses = await self._asking.answers(self._client.session, result)
            result = await self._sent(
                {**given, "inputResponses": responses, "requestState": result.request_state}, context
            )
        return result

    async def _sent(self, given: dict[str, Any], context: ToolContext) -> Any:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            context.progress(message or "", min(max(progress / total, 0.0), 1.0) if total else None)

        request = types.CallToolRequest(params=types.CallToolRequestParams.model_validate(given))
        return await self._client.session.send_request(request, _RESULT, progress_callback=on_progress)

    def _refused(self, called: str, exc: MCPError) -> NoReturn:
        """Say in our terms what an error answer means.

        Raises:
            ToolError: Always.
        """
        details: dict[str, Any] = {"server": self._name, "code": exc.code}
        message = f"{called}: {_one_line(exc)}"
        if exc.code == NO_ANSWER:
            details["ambiguous"] = not isinstance(exc.error.data, dict) or exc.error.data.get("ambiguous") is not False
            said = f"{called}: the MCP server '{self._name}' is not available: {exc.error.message}"
            raise ToolUnavailableError(said, details=details) from exc
        if exc.code == types.CONNECTION_CLOSED:
            said, hint = self._wire.broke_off(), _ADVICE if isinstance(self._wire, Pipes) else ""
            raise ToolUnavailableError(
                f"{called}: the MCP server '{self._name}' is gone: {said}", hint=hint, details=details
            ) from exc
        if exc.code == types.INVALID_PARAMS:
            raise ToolArgumentsError(message, details=details) from exc
        if exc.code == types.METHOD_NOT_FOUND:
            raise ToolNotFoundError(message, details=details) from exc
        raise ToolFailedError(message, details=details) from exc


def _listed(tool: types.Tool) -> ListedTool:
    hints = tool.annotations or types.ToolAnnotations()
    return ListedTool(
        name=tool.name,
        description=tool.description or tool.title or hints.title or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        read_only=hints.read_only_hint,
        idempotent=hints.idempotent_hint,
    )


def _found(exc: BaseException, kind: type[E]) -> E | None:
    """Return the first exception of a kind, out of the groups that task groups make of it."""
    if isinstance(exc, kind):
        return exc
    inner = cast("tuple[BaseException, ...]", exc.exceptions) if isinstance(exc, BaseExceptionGroup) else ()
    return next((found for one in inner if (found := _found(one, kind)) is not None), None)


def _one_line(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        first = exc.errors(include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return _shortened(" ".join(str(exc).split()) or type(exc).__name__)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
