"""What there is at which path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.accounting import usage_payload
from gateway.keys import require
from gateway.server.asking import count_tokens, show_route
from gateway.server.calls import relay
from gateway.server.exposition import CONTENT_TYPE
from gateway.server.listing import list_models, show_model
from gateway.server.openapi import document
from gateway.server.readings import readings
from gateway.server.visit import Visit
from schemas.errors import NotFoundError
from schemas.gateway import WireFormat


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
    desk = visit.desk
    found = await readings(desk.gateway, desk.site.settings.gateway.budgets)
    await visit.answer(200, desk.metrics.text(found), [(b"content-type", CONTENT_TYPE)])


async def _usage(visit: Visit) -> None:
    """Say what calls used. Raises ScopeError, RequestFieldError, StoreError, NotFoundError."""
    if visit.desk.usage is None:
        raise NotFoundError("usage is not counted here")
    asked = dict(parse_qsl(visit.scope["query_string"].decode("latin-1")))
    await visit.answer_json(await usage_payload(visit.desk.usage, visit.key, asked))


async def _openapi(visit: Visit) -> None:
    told, application = document(), visit.desk.guests.application
    if application is not None:
        more = application.document()
        schemas = {**told["components"]["schemas"], **more.get("components", {}).get("schemas", {})}
        components = {**told["components"], "schemas": schemas}
        told = {**told, "paths": {**told["paths"], **more.get("paths", {})}, "components": components}
    await visit.answer_json(told)


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
    "/v1/usage": _gets(_usage),
    "/healthz": _gets(_healthz, is_open=True),
    "/readyz": _gets(_readyz, is_open=True),
    "/metrics": _gets(_metrics),
    "/openapi.json": _gets(_openapi, is_open=True),
}


def place_of(path: str) -> Place | None:
    """Return what is at a path that is not written as in the table: with a slash at its end, without ``/v1`` or with
    two of them, as SDKs send it whose base URL is a little off, or as clients of Azure do.
    """
    bare = path.rstrip("/")
    if bare.startswith("/openai/"):
        bare = bare.removeprefix("/openai")
        if bare.startswith("/deployments/"):
            bare = "/" + bare.removeprefix("/deployments/").partition("/")[2]
    while bare.startswith("/v1/v1/"):
        bare = bare.removeprefix("/v1")
    if bare.startswith(("/v1/models/", "/models/")):
        return _MODEL
    return PLACES.get(bare) or PLACES.get(f"/v1{bare}")


async def _model(visit: Visit) -> None:
    path: str = visit.scope["path"]
    await show_model(visit, path.partition("/models/")[2])


_MODEL = _gets(_model)
