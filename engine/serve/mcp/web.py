"""The server over streamable HTTP, by the SDK; who asks is who the request's key says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.serve.callers import Caller, caller, check_name
from engine.serve.drives import Drives
from engine.serve.mcp.server import make_server
from engine.serve.mcp.watch import Context, Runs

IDLE_S = 1800.0
"""A session that nobody asked for so long is forgotten; the runs it began stay."""

_MOST_SESSIONS = 10_000


@asynccontextmanager
async def sessions(drives: Drives) -> AsyncGenerator[ASGIApp]:
    """Keep the sessions of clients, and give the application that answers them; leaving ends every session."""
    manager = StreamableHTTPSessionManager(
        make_server(Runs(drives), _who, _check), session_idle_timeout=IDLE_S, max_sessions=_MOST_SESSIONS
    )

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        who = caller(Request(scope))
        # The SDK then gives a session to nobody but whose key opened it.
        bound = AuthenticatedUser(AccessToken(token="", client_id=f"{who.sees_all}:{who.user}", scopes=[]))
        await manager.handle_request({**scope, "user": bound}, receive, send)

    async with manager.run():
        yield answer


def _who(context: Context) -> Caller:
    return caller(_request(context))


def _check(context: Context, name: str) -> None:
    check_name(_request(context), name)


def _request(context: Context) -> Request:
    """Return the request that a message came with. Raises TypeError where there is none: never taken for anybody."""
    if not isinstance(context.request, Request):
        raise TypeError("a message of MCP came without its request")
    return cast("Request", context.request)
