"""The HTTP application: the runs API, and room beside it for what else an engine serves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from engine.api import Engine
from engine.serve.acts import Acts
from engine.serve.desk import Desk, Json
from engine.serve.drives import Drives
from engine.serve.failures import engine_failed, http_failed, unexpected
from engine.serve.guard import Guard
from engine.serve.pictures import Pictures
from engine.serve.runs import Runs
from engine.serve.streaming import Leaving
from schemas.errors import EngineError, StoreError, described


@dataclass(frozen=True, slots=True)
class Serving:
    """How an engine is served.

    Attributes:
        drives: Whether accepted runs are driven by this process.
        most: Runs in flight at once.
        token: Who has it may ask; None: everybody who reaches the port.
        hosts: Names the server is called by; empty: any.
        body_bytes: The largest request.
        grace_s: How long running runs may go on when the server stops.
    """

    drives: bool = True
    most: int = 100
    token: str | None = None
    hosts: Collection[str] = ()
    body_bytes: int = 8_000_000
    grace_s: float = 5.0


def make_app(engine: Engine, serving: Serving, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application; its lifespan drives runs. ``app.state.leaving`` tells it that the server is to stop.

    Args:
        engine: Entered by the caller, who also leaves it.
        serving: How it is served.
        more: Further routes beside the runs API.
    """
    drives = Drives(engine, most=serving.most, drives=serving.drives)
    leaving = Leaving(anyio.Event())
    desk = Desk(engine, drives, leaving, serving.body_bytes)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with drives.going(serving.grace_s):
            yield

    async def healthz(_: Request) -> Response:
        return Json({"status": "ok"})

    async def readyz(_: Request) -> Response:
        try:
            with anyio.fail_after(2):
                await engine.store.now()
        except (TimeoutError, OSError, StoreError) as exc:
            raise StoreError(f"the store does not answer: {described(exc)}") from None
        if leaving.now:
            raise StoreError("the server is leaving")
        return Json({"status": "ready", "drives": serving.drives, "in_flight": drives.in_flight})

    health = [Route("/healthz", healthz), Route("/readyz", readyz)]
    app = Starlette(
        routes=[*health, *Runs(desk).routes(), *Acts(desk).routes(), *Pictures(desk).routes(), *more],
        middleware=[Middleware(Guard, token=serving.token, hosts=serving.hosts)],
        exception_handlers={EngineError: engine_failed, HTTPException: http_failed, Exception: unexpected},
        lifespan=lifespan,
    )
    app.state.leaving = leaving
    return app
