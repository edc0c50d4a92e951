"""Pictures of a run, and the large results that its events only name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.dag.drawing import to_svg
from engine.dag.render import to_dot, to_mermaid
from engine.durable.artifacts import references
from engine.serve.desk import Desk, run_of
from engine.sinks.story import story_of
from schemas.errors import NotFoundError
from schemas.plan import Plan

_Draw = Callable[[Plan, Mapping[str, str]], str]


def _to_json(plan: Plan, _states: Mapping[str, str]) -> str:
    return json.dumps(plan.model_dump(mode="json", exclude_defaults=True), indent=2) + "\n"


FORMS: dict[str, tuple[str, _Draw]] = {
    "json": ("application/json", _to_json),
    "mmd": ("text/vnd.mermaid; charset=utf-8", to_mermaid),
    "dot": ("text/vnd.graphviz; charset=utf-8", to_dot),
    "svg": ("image/svg+xml", to_svg),
}
_SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pictures:
    """The endpoints /runs/{id}/plan.… and /runs/{id}/artifacts/… ."""

    desk: Desk

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one = "/runs/{run_id}"
        return [
            Route(f"{one}/plan.{{form}}", self.picture, methods=["GET"]),
            Route(f"{one}/artifacts/{{sha256}}", self.artifact, methods=["GET"]),
        ]

    async def picture(self, request: Request) -> Response:
        """GET /runs/{id}/plan.{json,mmd,dot,svg}: all that was planned, with the state of every step.

        Raises:
            NotFoundError: There is no such run, or no such form.
        """
        form = str(request.path_params["form"])
        story = story_of(await self.desk.engine.store.load(run_of(request)))
        if form not in FORMS:
            raise NotFoundError(f"there is no plan.{form[:20]}", hint=f"there are plan.{', plan.'.join(FORMS)}")
        media, draw = FORMS[form]
        drawn = draw(story.plan(), story.states()).encode("utf-8", "backslashreplace")
        return Response(drawn, headers={"content-type": media, "cache-control": "no-store", **_SAFE})

    async def artifact(self, request: Request) -> Response:
        """GET /runs/{id}/artifacts/{sha256}: the JSON of a large result of this run.

        Raises:
            NotFoundError: There is no such run, or none of its events names that hash.
        """
        asked, run_id = str(request.path_params["sha256"]), run_of(request)
        records = await self.desk.engine.store.load(run_id)
        if not _SHA256.fullmatch(asked) or asked not in references(records):
            raise NotFoundError(f"run {run_id} has no artifact {asked[:12]!r}")
        data = await self.desk.engine.store.get_artifact(asked)
        named = f'attachment; filename="{asked[:12]}.json"'
        return Response(data, media_type="application/json", headers={"content-disposition": named, **_SAFE})
