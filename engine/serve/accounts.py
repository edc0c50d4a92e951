"""GET /audit: who asked, decided and did what, for administrators."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from engine.audit import audit, require_told, row_of
from engine.serve import bodies
from engine.serve.callers import caller
from engine.serve.desk import Desk
from engine.serve.frames import dumps
from schemas.audit import AuditEntry, AuditQuery
from schemas.errors import RequestFieldError, ScopeError

_CSV = "text/csv; charset=utf-8"
_LINES = "application/jsonl"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The endpoint."""

    desk: Desk

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/audit", self.audit, methods=["GET"])]

    async def audit(self, request: Request) -> Response:
        """GET /audit: the entries that the parameters of ``AuditQuery`` describe, as JSON lines or CSV.

        Raises:
            ScopeError: The key may not see all runs.
            RequestFieldError: A parameter is unknown or wrong.
        """
        if not caller(request).sees_all:
            raise ScopeError("the audit trail is for administrators", hint="a key with the scope admin may read it")
        given: dict[str, Any] = dict(request.query_params.multi_items())
        form = given.pop("format", "jsonl")
        if form not in ("jsonl", "csv"):
            raise RequestFieldError(f"format: {form[:20]!r} is not possible", hint="possible here: jsonl, csv")
        if "what" in given:
            given["what"] = tuple(part.strip() for part in str(given["what"]).split(","))
        query = bodies.checked(given, AuditQuery)
        if query.run is not None:
            await require_told(self.desk.engine.store, query.run)
        return StreamingResponse(self._lines(query, csv=form == "csv"), media_type=_CSV if form == "csv" else _LINES)

    async def _lines(self, query: AuditQuery, *, csv: bool) -> AsyncGenerator[bytes]:
        if csv:
            yield row_of(list(AuditEntry.model_fields))
        async with aclosing(audit(self.desk.engine.store, query)) as entries:
            async for entry in entries:
                told = entry.model_dump(mode="json")
                if csv:
                    told["input"] = "" if entry.input is None else json.dumps(entry.input, ensure_ascii=False)
                    yield row_of(list(told.values()))
                else:
                    yield dumps(told) + b"\n"
