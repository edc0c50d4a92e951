"""The HTTP application of one listener: raw ASGI, no framework on the way of a call.

guard (Host, Origin) → route → key → the route's own work. Whatever goes wrong is said in the envelope of the format
that the client speaks: by the path, else by its headers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from gateway.keys import require
from gateway.server.asking import count_tokens, show_route
from gateway.server.bodies import ClientLeftError
from gateway.server.calls import relay
from gateway.server.desk import Desk
from gateway.server.exposition import CONTENT_TYPE
from gateway.server.head import Head, new_id, read_head
from gateway.server.listing import list_models, show_model
from gateway.server.openapi import document
from gateway.server.visit import Message, Receive, Send, Visit
from schemas.errors import EngineError, NotFoundError, OriginError, RequestError, RequestMethodError
from schemas.gateway import WireFormat

_log = structlog.get_logger("plan-execute-engine.gateway")
_MODELS = "/v1/models/"


@dataclass(frozen=True, slots=True)
class Place:
    """What is at a path.

    Attributes:
        methods: By method, what answers.
        form: In which format clients speak there; None: by their headers.
        open: Whether no key is asked for, and no name of the server.
    """

    methods: Mapping[str, Callable[[Visit], Awaitable[None]]]
    form: WireFormat | None = None
    open: bool = False


async def _healthz(visit: Visit) -> None:
    await visit.answer_json({"status": "ok"})


async def _readyz(visit: Visit) -> None:
    await visit.desk.check_ready()
    await visit.answer_json({"status": "ready", "in_flight": visit.desk.site.in_flight})


async def _metrics(visit: Visit) -> None:
    if visit.key is not None:
        require(visit.key, scope="admin")
    await visit.answer(200, visit.desk.metrics.text(), [(b"content-type", CONTENT_TYPE)])


async def _openapi(visit: Visit) -> None:
    await visit.answer_json(document())


def _posts(answer: Callable[[Visit], Awaitable[None]], form: WireFormat | None) -> Place:
    return Place({"POST": answer}, form)


def _gets(answer: Callable[[Visit], Awaitable[None]], *, is_open: bool = False) -> Place:
    return Place({"GET": answer, "HEAD": answer}, None, is_open)


PLACES: dict[str, Place] = {
    "/v1/chat/completions": _posts(relay, "chat"),
    "/v1/messages": _posts(relay, "messages"),
    "/v1/responses": _posts(relay, "responses"),
    "/v1/embeddings": _posts(relay, "embeddings"),
    "/v1/messages/count_tokens": _posts(count_tokens, "messages"),
    "/v1/route": _posts(show_route, None),
    "/v1/models": _gets(list_models),
    "/healthz": _gets(_healthz, is_open=True),
    "/readyz": _gets(_readyz, is_open=True),
    "/metrics": _gets(_metrics),
    "/openapi.json": _gets(_openapi, is_open=True),
}


class Front:
    """Answers the requests of one listener.

    Attributes:
        desk: What it serves; a reload puts another in its place, for requests that begin from then on.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        desk = self.desk
        path: str = scope["path"]
        place = PLACES.get(path) or place_of(path)
        form = place.form if place is not None else None
        try:
            head = read_head(scope["headers"])
        except RequestError as exc:
            await Visit(scope, receive, send, Head({}, {}, new_id()), desk, form or "chat").fail(exc)
            return
        visit = Visit(scope, receive, send, head, desk, form or _spoken(path, head))
        desk.site.enter()
        try:
            if place is None or not place.open:
                _let_in(visit)
            if scope["method"] == "OPTIONS":
                await _options(visit, place)
                return
            answer = _found(place, visit)
            if place is None or not place.open:
                visit.key = await desk.access.key(head.secret)
            await answer(visit)
        except EngineError as exc:
            desk.metrics.refused(desk.listener.name, exc.code)
            await visit.fail(exc)
        except ClientLeftError:
            desk.metrics.left += 1
        except Exception:
            _log.exception("a request failed", path=path[:200], request_id=head.request_id)
            if visit.started:
                raise
            await visit.fail(EngineError("the gateway failed", hint="its log says why; this is a fault of the gateway"))
        finally:
            desk.site.leave()


def place_of(path: str) -> Place | None:
    """Return what is at a path that is not written as in the table: with a slash at its end, without ``/v1`` or with
    two of them, as SDKs send it whose base URL is a little off, or as clients of Azure do.
    """
    bare = path.rstrip("/")
    if bare.startswith(_MODELS):
        return _MODEL
    if bare.startswith("/openai/"):
        bare = bare.removeprefix("/openai")
        if bare.startswith("/deployments/"):
            bare = "/" + bare.removeprefix("/deployments/").partition("/")[2]
    while bare.startswith("/v1/v1/"):
        bare = bare.removeprefix("/v1")
    if bare.startswith("/models/"):
        return _MODEL
    return PLACES.get(bare) or PLACES.get(f"/v1{bare}")


async def _model(visit: Visit) -> None:
    path: str = visit.scope["path"]
    await show_model(visit, path.partition("/models/")[2])


_MODEL = _gets(_model)


def _spoken(path: str, head: Head) -> WireFormat:
    """In which format a client wants to be answered where the path does not say."""
    return "messages" if "anthropic-version" in head.passed or "/messages" in path else "chat"


def _let_in(visit: Visit) -> None:
    """Raises OriginError: the request was sent to another host, or by another site's page."""
    heeded = visit.head.heeded
    stranger: OriginError | None = visit.desk.doors.refusal(heeded.get("host", ""), heeded.get("origin"))
    if stranger is not None:
        raise stranger


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
    methods = ", ".join([*(place.methods if place is not None else ()), "OPTIONS"]).encode()
    headers = [(b"allow", methods)]
    heeded = visit.head.heeded
    if "access-control-request-method" in heeded and visit.desk.doors.shares(heeded.get("origin", "")):
        wanted = heeded.get("access-control-request-headers", "*").encode("latin-1")
        headers += [(b"access-control-allow-methods", methods), (b"access-control-allow-headers", wanted)]
        headers += [(b"access-control-max-age", b"600"), (b"vary", b"access-control-request-headers")]
    await visit.start(204, headers)
    await visit.send({"type": "http.response.body", "body": b""})
