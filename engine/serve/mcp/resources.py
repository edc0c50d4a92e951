"""Runs as resources of MCP: ``run://{id}``, ``run://{id}/plan``, ``run://{id}/events``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from mcp import MCPError, types

from engine.serve.callers import Caller
from engine.serve.frames import dumps
from engine.serve.mcp.watch import Context, Runs
from engine.serve.view import run_view
from schemas.errors import EngineError, NotFoundError
from schemas.runs import RunQuery

_MOST_LISTED = 50
_SCHEME = "run://"
_PARTS = {
    "": ("Run", "A run: where it stands, its steps with their results, what it waits for, its answer."),
    "/plan": ("Plan of a run", "The plan a run works on now."),
    "/events": ("Events of a run", "Every event, one JSON object a line."),
}


@dataclass(frozen=True, slots=True)
class Resources:
    """The runs that a caller may see.

    Attributes:
        runs: The runs.
        who: Who asks.
    """

    runs: Runs
    who: Callable[[Context], Caller]

    async def listed(self, context: Context, _: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        """Return the newest runs."""
        who = self.who(context)
        query = RunQuery(limit=_MOST_LISTED, user=None if who.sees_all else who.user)
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=f"{_SCHEME}{row.id}",
                    name=row.id,
                    title=" ".join(row.task.split())[:80] or row.id,
                    description=row.status,
                    mime_type="application/json",
                )
                for row in await self.runs.engine.store.find(query)
            ]
        )

    async def templates(self, *_: object) -> types.ListResourceTemplatesResult:
        """Return what can be read of a run."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template=f"{_SCHEME}{{run_id}}{part}",
                    name=f"run{part.replace('/', '_')}",
                    title=title,
                    description=said,
                    mime_type="application/jsonl" if part == "/events" else "application/json",
                )
                for part, (title, said) in _PARTS.items()
            ]
        )

    async def read(self, context: Context, asked: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """Return one.

        Raises:
            MCPError: There is no such run, or none that the caller may see.
        """
        uri = str(asked.uri)
        run_id, slash, part = uri.removeprefix(_SCHEME).partition("/")
        if not uri.startswith(_SCHEME) or f"{slash}{part}" not in _PARTS:
            raise MCPError(types.INVALID_PARAMS, f"there is no resource {uri}", {"uri": uri})
        try:
            await self.who(context).check(self.runs.engine.store, run_id)
            text = await self._text(run_id, part)
        except NotFoundError as exc:
            raise MCPError(types.INVALID_PARAMS, exc.message, {"uri": uri}) from None
        except EngineError as exc:
            raise MCPError(types.INTERNAL_ERROR, exc.message) from None
        kind = "application/jsonl" if part == "events" else "application/json"
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=text)])

    async def _text(self, run_id: str, part: str) -> str:
        store = self.runs.engine.store
        if part == "events":
            await store.summary(run_id)
            return "".join(dumps(record.to_json()).decode() + "\n" for record in await store.load(run_id))
        view = await run_view(store, run_id)
        return json.dumps(view["plan"] if part == "plan" else view, ensure_ascii=False)
