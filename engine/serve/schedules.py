"""Recurring runs over HTTP: everybody's own, all of them for administrators."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.assistants import DEFAULT, Assistants
from engine.recurring import Recurring
from engine.schedules import Schedule
from engine.serve.callers import caller, check_name
from engine.serve.desk import Desk, Json
from schemas.errors import RequestFieldError
from schemas.result import Record
from schemas.schedules import ScheduleSettings


class Pausing(Record):
    """The body of PATCH /schedules/{name}."""

    paused: bool


@dataclass(frozen=True, slots=True)
class ScheduleRoutes:
    """The endpoints under /schedules.

    Attributes:
        desk: What every endpoint works with.
        recurring: Fires them.
    """

    desk: Desk
    recurring: Recurring

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one = "/schedules/{name}"
        return [
            Route("/schedules", self.listed, methods=["GET"]),
            Route("/schedules", self.add, methods=["POST"]),
            Route(one, self.show, methods=["GET"]),
            Route(one, self.switch, methods=["PATCH"]),
            Route(one, self.remove, methods=["DELETE"]),
        ]

    async def listed(self, request: Request) -> Response:
        """GET /schedules: the caller's, all of them for administrators; when each is due next, what came of it."""
        who, now = caller(request), await self.desk.engine.store.now()
        found = [one for one in await self.recurring.schedules.read() if who.sees_all or one.settings.user == who.user]
        return Json({"schedules": [one.state(now).model_dump(mode="json") for one in found]})

    async def add(self, request: Request) -> Response:
        """POST /schedules: add one, as it would stand in the configuration; its runs are the caller's.

        Raises:
            RequestFieldError: A field is wrong, or the caller may not name that user.
            ScopeError: The caller may not ask that assistant.
            ConflictError: There is one of that name.
        """
        asked = await self.desk.body(request, ScheduleSettings)
        check_name(request, asked.assistant or DEFAULT)
        if asked.assistant:
            Assistants(self.desk.engine)[asked.assistant]
        settings = asked.model_copy(update={"user": caller(request).owner(asked.user)})
        added = await self.recurring.schedules.add(settings, by=caller(request).user, through="http")
        self.recurring.look()
        return await self._told(added, status=201)

    async def show(self, request: Request) -> Response:
        """GET /schedules/{name}: one of the caller's; administrators name another's user by ``?user=``."""
        return await self._told(await self._named(request))

    async def switch(self, request: Request) -> Response:
        """PATCH /schedules/{name}: pause it, or let it go on from now."""
        asked = await self.desk.body(request, Pausing)
        found, by = await self._named(request), caller(request).user
        switched = await self.recurring.schedules.switch(found, paused=asked.paused, by=by, through="http")
        self.recurring.look()
        return await self._told(switched)

    async def remove(self, request: Request) -> Response:
        """DELETE /schedules/{name}: start no more runs of it; those that were started go on."""
        found = await self._named(request)
        await self.recurring.schedules.remove(found, by=caller(request).user, through="http")
        return Response(status_code=204)

    async def _named(self, request: Request) -> Schedule:
        """Return the schedule that an address names. Raises NotFoundError: none, or another user's."""
        who, asked = caller(request), request.query_params.get("user")
        if asked is not None and asked != who.user and not who.sees_all:
            raise RequestFieldError(f"user: the schedules of this key are {who.user!r}'s", hint="leave it out")
        user = asked if who.sees_all else who.user
        return await self.recurring.schedules.find(str(request.path_params["name"]), user)

    async def _told(self, schedule: Schedule, *, status: int = 200) -> Response:
        told = schedule.state(await self.desk.engine.store.now()).model_dump(mode="json")
        headers = {"location": f"/schedules/{schedule.settings.name}"} if status == 201 else None
        return Json(told, status_code=status, headers=headers)
