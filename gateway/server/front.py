"""The HTTP application of one listener: raw ASGI, no framework on the way of a call.

guard (Host, Origin) → route → key → the route's own work. Whatever goes wrong is said in the envelope of the format
that the client speaks: by the path, else by its headers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from gateway.server.answering import Message, Receive, Send
from gateway.server.bodies import ClientLeftError
from gateway.server.desk import Desk
from gateway.server.guests import VISIT, Application
from gateway.server.head import Head, new_id, read_head
from gateway.server.places import PLACES, Place, place_of
from gateway.server.visit import Visit
from schemas.errors import EngineError, NotFoundError, RequestError, RequestMethodError
from schemas.gateway import WireFormat

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_log = structlog.get_logger("plan-execute-engine.gateway")


class Front:
    """Answers the requests of one listener.

    Attributes:
        desk: What it serves; a reload puts another in its place, for requests that begin from then on.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        desk, path = self.desk, scope["path"]
        place = PLACES.get(path) or place_of(path)
        form = place.form if place is not None else None
        try:
            head = read_head(scope["headers"])
        except RequestError as exc:
            desk.metrics.refused(desk.listener.name, exc.code)
            await Visit(scope, receive, send, Head({}, {}, new_id()), desk, form or "chat").fail(exc)
            return
        visit = Visit(scope, receive, send, head, desk, form or _spoken(path, head))
        if place is None:
            visit.application = desk.guests.application
        desk.site.enter()
        try:
            await _answer(visit, place)
        except EngineError as exc:
            desk.metrics.refused(desk.listener.name, exc.code)
            await visit.fail(exc)
        except ClientLeftError:
            desk.metrics.left += 1
        except Exception:
            _log.exception("a request failed", path=path[:200], request_id=head.request_id)
            if not visit.started:  # else nothing can be said, and the connection is closed
                await visit.fail(
                    EngineError("the gateway failed", hint="its log says why; this is a fault of the gateway")
                )
        finally:
            desk.site.leave()


async def _answer(visit: Visit, place: Place | None) -> None:
    """Let a request in and do what it asks. Raises EngineError, ClientLeftError."""
    desk, heeded = visit.desk, visit.head.heeded
    if place is None or not place.open:
        stranger = desk.doors.refusal(heeded.get("host", ""), heeded.get("origin"))
        if stranger is not None:
            raise stranger
        if visit.scope["method"] != "OPTIONS" and not _is_open(visit):
            visit.key = await desk.access.key(visit.head.secret)
    if visit.scope["method"] == "OPTIONS":
        await _options(visit, place)
    elif visit.application is not None:
        await _hand_on(visit, visit.application)
    else:
        await _found(place, visit)(visit)


def _is_open(visit: Visit) -> bool:
    return visit.application is not None and visit.application.is_open(visit.scope["path"])


async def _hand_on(visit: Visit, application: Application) -> None:
    """Let an application answer, with what every answer has."""

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            visit.started = True
            message = {**message, "headers": [*message.get("headers", ()), *visit.marks()]}
        await visit.send(message)

    await application({**visit.scope, VISIT: visit}, visit.receive, send)


def _spoken(path: str, head: Head) -> WireFormat:
    """In which format a client wants to be answered where the path does not say."""
    return "messages" if "anthropic-version" in head.passed or "/messages" in path else "chat"


def _found(place: Place | None, visit: Visit) -> Callable[[Visit], Awaitable[None]]:
    """Return what answers. Raises NotFoundError, RequestMethodError."""
    path, method = visit.scope["path"], visit.scope["method"]
    if place is None:
        raise NotFoundError(f"there is nothing at {path[:120]}", hint="/openapi.json lists what there is")
    answer = place.methods.get(method)
    if answer is None:
        methods = [*place.methods, "OPTIONS"]
        raise RequestMethodError(
            f"{method[:20]} is not possible at {path[:120]}",
            hint=f"use {methods[0]}",
            details={"methods": methods},
        )
    return answer


async def _options(visit: Visit, place: Place | None) -> None:
    """Tell a browser what pages may send (CORS), and everybody which methods there are."""
    known = _METHODS if visit.application is not None else place.methods if place is not None else ()
    methods = ", ".join([*known, "OPTIONS"]).encode()
    headers = [(b"allow", methods)]
    heeded = visit.head.heeded
    if "access-control-request-method" in heeded and visit.desk.doors.shares(heeded.get("origin", "")):
        wanted = heeded.get("access-control-request-headers", "*").encode("latin-1")
        headers += [(b"access-control-allow-methods", methods), (b"access-control-allow-headers", wanted)]
        headers += [(b"access-control-max-age", b"600"), (b"vary", b"access-control-request-headers")]
    await visit.start(204, headers)
    await visit.send({"type": "http.response.body", "body": b""})
