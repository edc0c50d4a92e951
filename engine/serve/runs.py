"""The runs API: one function an endpoint, over an engine and the drives of this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.assistants import DEFAULT, Assistants
from engine.serve import bodies
from engine.serve.attending import attended
from engine.serve.callers import caller, check_name
from engine.serve.desk import Desk, Json, run_of
from engine.serve.frames import CONTENT_TYPES, dumps, form_of
from engine.serve.streaming import RunStream
from engine.serve.view import outcome, run_view
from engine.streams import Cursor
from schemas.errors import ConflictError, RequestFieldError

MOST_LISTED = 500
_LEFT = "its client went away"


@dataclass(frozen=True, slots=True)
class Runs:
    """The endpoints under /runs that accept runs and show them."""

    desk: Desk

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one = "/runs/{run_id}"
        return [
            Route("/runs", self.create, methods=["POST"]),
            Route("/runs", self.listed, methods=["GET"]),
            Route(one, self.show, methods=["GET"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/events", self.events, methods=["GET"]),
            Route(f"{one}/export", self.export, methods=["GET"]),
        ]

    # ------------------------------------------------------------------ accepting

    async def create(self, request: Request) -> Response:
        """POST /runs: accept a run; answer at once, with its events, or when it has ended.

        Raises:
            RequestError: The body is wrong, or as many runs as allowed are in flight.
            PlanError: The given plan cannot run.
            ConflictError: There already is a run of that id.
        """
        asked = await self.desk.body(request, bodies.NewRun)
        if asked.plan is None and not asked.task.strip():
            raise RequestFieldError("task: missing", hint='say what is wanted: {"task": "…"}, or give a plan')
        if asked.stream and asked.wait:
            raise RequestFieldError("stream and wait: only one of them")
        check_name(request, asked.assistant or DEFAULT)
        user = caller(request).owner(asked.user)
        limits = bodies.limits_within(asked.limits, self.desk.engine.limits())
        plan = self.desk.plan(asked.plan)
        if plan is not None:
            limits.setdefault("max_replans", 0)
        with self.desk.drives.room():
            run_id = await self.desk.engine.submit(
                asked.task.strip(),
                plan=plan,
                user=user,
                run_id=asked.run_id,
                **Assistants(self.desk.engine).wanted(
                    asked.assistant, asked.mode, asked.approve, self.desk.engine.limits(**limits)
                ),
            )
        self.desk.drives.take(run_id)
        where = {"location": f"/runs/{run_id}", "x-run-id": run_id}
        leaves = asked.on_disconnect == "cancel"
        if asked.stream:
            left = self._canceller(run_id) if leaves else None
            return self._stream(request, run_id, Cursor(), status=201, headers=where, on_left=left)
        if asked.wait:
            return await self._wait(request, run_id, where, cancels=leaves)
        row = await self.desk.engine.store.summary(run_id)
        return Json(row.model_dump(mode="json"), status_code=201, headers=where)

    async def _wait(self, request: Request, run_id: str, where: dict[str, str], *, cancels: bool) -> Response:
        """Answer when a run has ended (200) or waits for somebody (202); 503 when the server leaves before."""

        async def rests() -> None:
            async with aclosing(self.desk.engine.following.follow(run_id, live=False, parked=False)) as items:
                async for _ in items:
                    pass

        over = await attended(rests, request.receive, self.desk.leaving)
        if not over and cancels and not self.desk.leaving.now:
            await self.desk.engine.attach(run_id, through="http").cancel(_LEFT)
        row = await self.desk.engine.store.summary(run_id)
        status = 200 if row.ended else 202 if over else 503
        return Json(outcome(row, await self.desk.engine.store.load(run_id)), status_code=status, headers=where)

    # ------------------------------------------------------------------ looking

    async def listed(self, request: Request) -> Response:
        """GET /runs: newest first, with the filters of ``RunQuery``."""
        query = bodies.read_query(request.query_params.multi_items(), MOST_LISTED)
        limit, who = query.limit or MOST_LISTED, caller(request)
        user = query.user if who.sees_all else who.user
        rows = await self.desk.engine.store.find(query.model_copy(update={"limit": limit + 1, "user": user}))
        more = query.offset + limit if len(rows) > limit else None
        return Json({"runs": [row.model_dump(mode="json") for row in rows[:limit]], "next_offset": more})

    async def show(self, request: Request) -> Response:
        """GET /runs/{id}."""
        return Json(await run_view(self.desk.engine.store, run_of(request)))

    async def events(self, request: Request) -> Response:
        """GET /runs/{id}/events: what comes after a cursor, until the run ends; 204 where nothing does.

        Raises:
            RequestError: The cursor or a parameter is none.
            NotFoundError: There is no such run.
        """
        unknown = set(request.query_params) - {"after", "live", "until_parked"}
        if unknown:
            raise RequestFieldError(
                f"{min(unknown)}: unknown parameter", hint="possible here: after, live, until_parked"
            )
        cursor = Cursor.parse(request.headers.get("last-event-id") or request.query_params.get("after") or "0")
        row = await self.desk.engine.following.summaries.summary(run_of(request))
        if row.ended and cursor.seq >= row.head:
            return Response(status_code=204)
        if request.method == "HEAD":
            return Response(media_type=CONTENT_TYPES[form_of(request.headers.get("accept", ""))])
        return self._stream(request, row.id, cursor)

    def _stream(self, request: Request, run_id: str, cursor: Cursor, **how: Any) -> RunStream:
        form = form_of(request.headers.get("accept", ""))
        live = _flag(request, "live", form == "sse")
        items = self.desk.engine.following.follow(
            run_id, cursor, live=live, parked=not _flag(request, "until_parked", default=False)
        )
        return RunStream(items, cursor, form, self.desk.leaving, **how)

    async def export(self, request: Request) -> Response:
        """GET /runs/{id}/export: every event, one JSON object a line, as ``engine run --json`` writes them."""
        run_id = run_of(request)
        lines = b"".join(dumps(record.to_json()) + b"\n" for record in await self.desk.engine.store.load(run_id))
        headers = {"content-disposition": f'attachment; filename="{run_id}.jsonl"'}
        return Response(lines, media_type="application/jsonl", headers=headers)

    async def delete(self, request: Request) -> Response:
        """DELETE /runs/{id}: only one that nobody drives. Raises ConflictError for another."""
        row = await self.desk.engine.store.summary(run_of(request))
        if row.driver:
            raise ConflictError(f"run {row.id} is being driven", hint="cancel it first")
        await self.desk.engine.store.delete(row.id, by=caller(request).user, through="http")
        return Response(status_code=204)

    def _canceller(self, run_id: str) -> Callable[[], Awaitable[None]]:
        async def cancel() -> None:
            await self.desk.engine.attach(run_id, through="http").cancel(_LEFT)

        return cancel


def _flag(request: Request, name: str, default: bool) -> bool:
    value = request.query_params.get(name)
    if value is None:
        return default
    if value.lower() not in ("true", "false", "1", "0"):
        raise RequestFieldError(f"{name}: expected true or false, not {value[:20]!r}")
    return value.lower() in ("true", "1")
