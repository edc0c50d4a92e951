"""The HTTP application beside the gateway's own paths: the runs API, and room for what else an engine serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from engine.serve.a2a.card import is_card
from engine.serve.a2a.routes import A2ARoutes
from engine.serve.accounts import Accounts
from engine.serve.acts import Acts
from engine.serve.agents import Agents
from engine.serve.callers import caller
from engine.serve.chat.routes import ConversationRoutes
from engine.serve.desk import Desk, run_of
from engine.serve.failures import engine_failed, failure, http_failed, unexpected
from engine.serve.openapi import document
from engine.serve.pictures import Pictures
from engine.serve.plans import Plans
from engine.serve.runs import Runs
from engine.serve.ui.page import Page
from gateway.server.failures import Headers
from gateway.server.guests import VISIT
from gateway.server.visit import Message, Receive, Send
from schemas.errors import EngineError

OPEN = ("/", "/favicon.ico")
OPEN_UNDER = "/ui/"

_Endpoint = Callable[[Request], Awaitable[Response]]


class RunsApplication:
    """Answers everything that is no call of a model (implements ``gateway.server.guests.Application``).

    Whatever has ``{run_id}`` in its path is for those only who may see that run.

    Args:
        desk: What its routes share.
        more: Further routes beside the runs API.
    """

    def __init__(self, desk: Desk, more: Sequence[BaseRoute] = ()) -> None:
        self._desk = desk
        self._routes = [*_routes(desk), *more]
        self._app = Starlette(
            routes=list(self._guarded(self._routes)),
            exception_handlers={EngineError: engine_failed, HTTPException: http_failed, Exception: unexpected},
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send, /) -> None:
        """Answer one request."""
        self._desk.payers.see(scope[VISIT].key)
        await self._app(scope, receive, send)

    def is_open(self, path: str) -> bool:
        """Whether it is part of the page, which asks for a key by itself, or a card, which says that one is needed."""
        return path in OPEN or path.startswith(OPEN_UNDER) or is_card(path)

    def failure(self, error: EngineError, /) -> tuple[int, Headers, bytes]:
        """Return an error as the runs API tells it."""
        return failure(error)

    def document(self) -> Mapping[str, Any]:
        """Return the routes of the runs API and of what is beside it."""
        return document(route for route in self._routes if isinstance(route, Route) and route.include_in_schema)

    def _guarded(self, routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
        for route in routes:
            if isinstance(route, Route) and "{run_id}" in route.path:
                yield Route(route.path, self._for_its_user(route.endpoint), methods=list(route.methods or ()))
            else:
                yield route

    def _for_its_user(self, endpoint: _Endpoint) -> _Endpoint:
        async def checked(request: Request) -> Response:
            await caller(request).check(self._desk.engine.following.summaries, run_of(request))
            return await endpoint(request)

        return checked


def _routes(desk: Desk) -> list[Route]:
    parts = (
        Runs(desk),
        Acts(desk),
        Plans(desk),
        Pictures(desk),
        Accounts(desk),
        Agents(desk),
        ConversationRoutes(desk),
        A2ARoutes(desk),
        Page(),
    )
    return [route for part in parts for route in part.routes()]
