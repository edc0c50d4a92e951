"""A session with one running server, by the official SDK."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar, cast

import anyio
import structlog
from mcp import Client, MCPError, types
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from pydantic import TypeAdapter, ValidationError

from engine.tools.mcp.base import Connection, Launch, ListedTool, Progress
from engine.tools.mcp.content import text_of, value_of
from engine.tools.mcp.pipes import Pipes
from schemas.errors import (
    EngineError,
    ToolArgumentsError,
    ToolFailedError,
    ToolNotFoundError,
    ToolUnavailableError,
)

E = TypeVar("E", bound=BaseException)

MOST_TOOLS = 2000
MOST_PAGES = 200
_LONGEST_MESSAGE = 500
_ADVICE = "the server's log says more (telemetry: log_level: info)"
_RESULT: TypeAdapter[Any] = TypeAdapter(types.CallToolResult | types.InputRequiredResult)

# What the SDK logs stands in our errors already; without a handler of its own Python would write it to stderr.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@asynccontextmanager
async def connection(launch: Launch, on_change: Callable[[], None]) -> AsyncGenerator[Connection]:
    """Start a server and shake hands with it; leaving ends it.

    Cancellation: the server is ended all the same.

    Raises:
        ToolUnavailableError: It cannot be started, or does not answer as an MCP server.
    """
    pipes = Pipes(launch)
    log = structlog.get_logger("engine.mcp").bind(server=launch.name)

    async def on_log(params: types.LoggingMessageNotificationParams) -> None:
        log.info("an MCP server says", severity=params.level, data=params.data)

    async def on_message(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            on_change()

    client = Client(
        pipes.open(),
        client_info=types.Implementation(name="plan-execute-engine", version="1"),
        logging_callback=on_log,
        message_handler=on_message,
        cache=None,
    )
    failure: ToolUnavailableError | None = None
    with anyio.CancelScope(deadline=anyio.current_time() + launch.start_timeout_s) as scope:
        await _entered(client, pipes)
        scope.deadline = math.inf
        try:
            async with anyio.create_task_group() as group:
                tools = client.server_capabilities.tools
                if tools is not None and tools.list_changed:
                    group.start_soon(_listen, client)
                try:
                    yield _Session(client, pipes, launch)
                except ToolUnavailableError as exc:
                    failure = exc  # raised below, as it is: the task group would wrap it
                group.cancel_scope.cancel()
        finally:
            await client.__aexit__(None, None, None)
    if scope.cancelled_caught:
        raise ToolUnavailableError(pipes.silence(launch.start_timeout_s))
    if failure is not None:
        raise failure


async def _entered(client: Client, pipes: Pipes) -> None:
    """Enter the client; whatever goes wrong says why in one line."""
    try:
        await client.__aenter__()
    except BaseException as exc:
        ours = _found(exc, EngineError)
        if ours is not None:
            raise ours from exc
        refused = _found(exc, MCPError) or _found(exc, ValidationError) or _found(exc, RuntimeError)
        if refused is None:
            raise
        if isinstance(refused, MCPError) and refused.code == types.CONNECTION_CLOSED:
            raise ToolUnavailableError(pipes.reason) from exc
        raise ToolUnavailableError(f"it does not speak MCP: {_one_line(refused)}") from exc


async def _listen(client: Client) -> None:
    """Keep the newer protocol's subscription to changes of the list open; the handler above sees each."""
    try:
        async with client.listen(tools_list_changed=True) as changes:
            async for _ in changes:
                pass
    except (ListenNotSupportedError, MCPError, SubscriptionLost):
        return  # the older protocol needs no subscription; without one, the list is read anew at the next run


class _Session:
    """A running server (implements ``engine.tools.mcp.base.Connection``)."""

    def __init__(self, client: Client, pipes: Pipes, launch: Launch) -> None:
        self.closed = pipes.closed
        self._client = client
        self._pipes = pipes
        self._name = launch.name
        self._patience_s = launch.start_timeout_s

    @property
    def reason(self) -> str:
        """Why the connection is gone, on one line."""
        return self._pipes.reason

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
        self, tool: str, arguments: Mapping[str, Any], meta: Mapping[str, Any], told: Progress, *, called: str
    ) -> Any:
        """Call a tool once and return its result as a JSON value. Raises as the protocol says."""

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            told(message or "", min(max(progress / total, 0.0), 1.0) if total else None)

        params = types.CallToolRequestParams.model_validate(
            {"name": tool, "arguments": dict(arguments), "_meta": dict(meta)}
        )
        request = types.CallToolRequest(params=params)
        try:
            result = await self._client.session.send_request(request, _RESULT, progress_callback=on_progress)
        except MCPError as exc:
            self._refused(called, exc)
        except ValidationError as exc:
            raise ToolFailedError(
                f"{called}: the MCP server '{self._name}' answered with no valid result: {_one_line(exc)}"
            ) from exc
        if isinstance(result, types.InputRequiredResult):
            raise ToolFailedError(
                f"{called}: the MCP server '{self._name}' asks for input in the middle of a call",
                hint="a plan cannot give it; pass everything as arguments",
            )
        if result.is_error:
            said = _shortened(text_of(result)) or "it gave no reason"
            raise ToolFailedError(f"{called}: {said}", details={"server": self._name})
        return value_of(result)

    def _refused(self, called: str, exc: MCPError) -> NoReturn:
        """Say in our terms what an error answer means.

        Raises:
            ToolError: Always.
        """
        details = {"server": self._name, "code": exc.code}
        message = f"{called}: {_one_line(exc)}"
        if exc.code == types.CONNECTION_CLOSED:
            raise ToolUnavailableError(
                f"{called}: the MCP server '{self._name}' is gone: {self.reason}", hint=_ADVICE, details=details
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
