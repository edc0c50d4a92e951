"""The agents over HTTP: who there is for everybody, and changing that for administrators."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.serve.callers import caller
from engine.serve.desk import Desk, Json
from engine.tools.agents.member import AgentState
from schemas.agents import AgentSettings
from schemas.errors import RequestFieldError, ScopeError
from schemas.result import Record
from schemas.tool import AgentTraits, ToolSpec


class Switched(Record):
    """The body of PATCH /agents/{name}."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class Agents:
    """The endpoints under /agents."""

    desk: Desk

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/agents", self.listed, methods=["GET"]),
            Route("/agents", self.add, methods=["POST"]),
            Route("/agents/{name}", self.switch, methods=["PATCH"]),
            Route("/agents/{name}", self.remove, methods=["DELETE"]),
        ]

    async def listed(self, request: Request) -> Response:
        """GET /agents: those the caller's runs may use, of a ``capability`` if one is named."""
        who, roster = caller(request), self.desk.engine.agents
        await roster.refresh()
        found = roster.states(request.query_params.get("capability", ""))
        if not who.sees_all:
            found = [one.model_copy(update={"where": ""}) for one in found if _open_to(one, who.user)]
        return Json({"agents": [one.model_dump(mode="json") for one in found]})

    async def add(self, request: Request) -> Response:
        """POST /agents: add an agent by url or a2a, as it would stand in the configuration; for administrators.

        Raises:
            ScopeError: The key is no administrator's.
            RequestFieldError: It would start a program here: that is for the command line.
        """
        by = _administrator(request)
        settings = await self.desk.body(request, AgentSettings)
        if settings.kind in ("python", "mcp"):
            hint = "use engine agents add, or the configuration"
            raise RequestFieldError(f"{settings.kind}: an agent that runs here is not added over HTTP", hint=hint)
        added = await self.desk.engine.agents.add(settings, by=by, through="http")
        return Json(added.model_dump(mode="json"), status_code=201, headers={"location": f"/agents/{added.name}"})

    async def switch(self, request: Request) -> Response:
        """PATCH /agents/{name}: enable or disable it; for administrators. Raises NotFoundError, ScopeError."""
        by = _administrator(request)
        asked = await self.desk.body(request, Switched)
        found = await self.desk.engine.agents.switch(_name(request), enabled=asked.enabled, by=by, through="http")
        return Json(found.model_dump(mode="json"))

    async def remove(self, request: Request) -> Response:
        """DELETE /agents/{name}: remove one that was added; for administrators. Raises NotFoundError, ScopeError."""
        by = _administrator(request)
        await self.desk.engine.agents.remove(_name(request), by=by, through="http")
        return Response(status_code=204)


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _open_to(state: AgentState, user: str) -> bool:
    spec = ToolSpec(name=state.name, agent=AgentTraits(permissions=state.permissions))
    return not state.hidden and spec.open_to(user)


def _administrator(request: Request) -> str:
    """Return who changes something. Raises ScopeError."""
    who = caller(request)
    if not who.sees_all:
        raise ScopeError("agents are changed by administrators", hint="use a key with the scope admin")
    return who.user
