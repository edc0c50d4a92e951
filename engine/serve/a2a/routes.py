"""The way in: cards, and one endpoint an assistant, behind the same keys and guard as everything else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from engine.assistants import Assistants, choice_of
from engine.offer import offered
from engine.serve.a2a import shapes
from engine.serve.a2a.asked import CODE, UNSUPPORTED, Rpc, read_rpc
from engine.serve.a2a.card import PATH, WELL_KNOWN, Place, card_of, tag_of
from engine.serve.a2a.portrait import Portrait
from engine.serve.a2a.updates import rested, updates
from engine.serve.a2a.work import BUDGET, Client, Work, budget_of
from engine.serve.attending import attended
from engine.serve.callers import caller, check_name
from engine.serve.desk import Desk, Json
from engine.serve.streaming import Streamed
from gateway.gateway import CallContext
from gateway.server.guests import VISIT
from gateway.server.visit import Visit
from schemas.agents import AssistantSettings
from schemas.errors import AccessError, ConflictError, EngineError, NotFoundError
from schemas.tool import ToolSpec

_VERSION = "a2a-version"
_CARD_AGE = "private, max-age=15"


class A2ARoutes:
    """Assistants as A2A agents.

    Args:
        desk: The engine and what surrounds it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._work = Work(desk)

    def routes(self) -> list[Route]:
        """Return the endpoints; the protocol's own documents describe them, not ``/openapi.json``."""
        named = f"{PATH}/{{assistant}}"
        cards = (f"/{WELL_KNOWN}", f"{PATH}/{WELL_KNOWN}", f"{named}/{WELL_KNOWN}")
        return [
            *(Route(path, self.card, methods=["GET"], include_in_schema=False) for path in cards),
            *(Route(path, self.call, methods=["POST"], include_in_schema=False) for path in (PATH, named)),
        ]

    async def card(self, request: Request) -> Response:
        """GET …/agent-card.json: the A2A card of an assistant, at the root that of the first.

        Raises:
            NotFoundError: There is none of that name here.
        """
        found, place = await self._place(request)
        card = card_of(found, place)
        headers = {"etag": tag_of(card), "cache-control": _CARD_AGE, "vary": "host, x-forwarded-proto"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Json(card, headers=headers)

    async def call(self, request: Request) -> Response:
        """POST /a2a/{assistant}: a JSON-RPC request of A2A to an assistant, about messages and tasks.

        Raises:
            NotFoundError: There is no assistant of that name here.
            ScopeError: The key may not ask it.
            RequestError: The body is too large, or does not come.
        """
        found, place = await self._place(request)
        check_name(request, found.name)
        body, number = await self._desk.raw(request), None
        try:
            asked = read_rpc(body, request.headers.get(_VERSION) or request.query_params.get("A2A-Version", ""))
            number = asked.number
            return await self._answer(asked, _client(request, found), place, request.receive)
        except EngineError as exc:
            return _refused(exc, number)

    async def _answer(self, asked: Rpc, client: Client, place: Place, receive: Receive) -> Response:
        """Raises EngineError."""
        match asked.kind:
            case "send" | "stream":
                return await self._message(asked, client, receive)
            case "get":
                found = await self._work.show(client, asked.task_id())
                return _told(asked, found.task(history=asked.history()))
            case "cancel":
                return _told(asked, (await self._work.cancel(client, asked.task_id())).task())
            case "list":
                return _told(asked, await self._work.listed(client, asked))
            case "card":
                return _told(asked, card_of(client.assistant, place, self._team(client)))
            case "subscribe":
                was = await self._work.show(client, asked.task_id())
                if was.run.row.ended:
                    told = f"task {was.task_id} is over ({was.run.row.status})"
                    raise ConflictError(told, hint="get it", details={CODE: UNSUPPORTED})
                return self._stream(asked, client, was)

    async def _message(self, asked: Rpc, client: Client, receive: Receive) -> Response:
        heard, waits = asked.message(), asked.waits
        wished: Any = asked.params.get("configuration") or {}
        history = asked.history(wished if isinstance(wished, Mapping) else {})  # pyright: ignore[reportUnknownArgumentType]
        moved = await self._work.take(client, heard)
        was, said = moved.was, moved.said
        over = moved.still or was.run.row.ended
        if asked.kind == "stream":
            return self._stream(asked, client, was, said=said, over=over)
        if waits and not over:
            was, said = await self._rested(client, was, receive), ""
        return _told(asked, {"task": was.task(history=history, said=said)})

    async def _rested(self, client: Client, was: Portrait, receive: Receive) -> Portrait:
        """Return a task once it has ended or waits; where its client or the server leaves before, as it was."""
        found = was

        async def rests() -> None:
            nonlocal found
            found = await rested(self._desk.engine, was, client.assistant.name)

        await attended(rests, receive, self._desk.leaving)
        return found

    def _stream(self, asked: Rpc, client: Client, was: Portrait, *, said: str = "", over: bool = False) -> Response:
        return Streamed(self._events(asked, client, was, said=said, over=over), "sse", self._desk.leaving)

    async def _events(
        self, asked: Rpc, client: Client, was: Portrait, *, said: str, over: bool
    ) -> AsyncGenerator[bytes]:
        """Yield a task as it is, and what becomes of it, as server-sent events; why they break off is the last."""
        yield _event(shapes.answered(asked, {"task": was.task(said=said)}))
        if over:
            return
        name, tells = client.assistant.name, client.assistant.progress == "steps"
        try:
            told = updates(self._desk.engine, was, name, live=True, tells=tells)
            async with aclosing(told) as found:
                async for one in found:
                    yield _event(shapes.answered(asked, one))
        except EngineError as exc:
            yield _event(shapes.refused(exc, asked.number))

    def _team(self, client: Client) -> list[ToolSpec]:
        """Return the agents and tools of an assistant that the caller's runs may use, agents first."""
        specs = offered(self._desk.engine.tools.specs(), choice_of(client.assistant), client.who.user)
        shown = [spec for spec in specs.values() if spec.enabled and not spec.hidden]
        return sorted(shown, key=lambda spec: (spec.kind != "agent", spec.name))

    async def _place(self, request: Request) -> tuple[AssistantSettings, Place]:
        """Return which assistant is meant, and where it is. Raises NotFoundError."""
        visit: Visit = request.scope[VISIT]
        known = Assistants(self._desk.engine)
        here = visit.desk.names.offered(None, list(known))
        name = str(request.path_params.get("assistant") or next(iter(here), ""))
        if name not in here:
            raise NotFoundError(f"there is no assistant {name[:100]!r} here", hint="GET /v1/models lists them")
        default = "assistant" not in request.path_params
        return known[name], Place(_base(request), default, await _asks_for_keys(visit))


async def _asks_for_keys(visit: Visit) -> bool:
    try:
        await visit.desk.access.key(None)
    except AccessError:
        return True
    return False


def _base(request: Request) -> str:
    """Return the server's address as its client reached it; a proxy that ends TLS says so."""
    scheme = request.url.scheme
    if request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() == "https":
        scheme = "https"
    return f"{scheme}://{request.url.netloc}"


def _client(request: Request, assistant: AssistantSettings) -> Client:
    visit: Visit = request.scope[VISIT]
    key = visit.key
    calling = CallContext(
        role="a2a",
        key="" if key is None else key.id,
        api_key=key,
        listener=visit.desk.listener.name,
        request_id=visit.head.request_id,
        screened=visit.screened,
    )
    return Client(assistant, caller(request), calling, budget_of(request.headers.get(BUDGET, "")))


def _told(asked: Rpc, result: Mapping[str, Any]) -> Response:
    return Response(shapes.answered(asked, result), media_type="application/json")


def _refused(error: EngineError, number: object) -> Response:
    """Return an error as JSON-RPC tells it: with 200, but where it is worth while to come again."""
    retry: Any = error.details.get("retry_after_s")
    headers = {"retry-after": str(max(1, round(retry)))} if isinstance(retry, (int, float)) else {}
    status = error.status if error.retryable else 200
    return Response(shapes.refused(error, number), status, headers, "application/json")


def _event(body: bytes) -> bytes:
    return b"data: %b\n\n" % body
