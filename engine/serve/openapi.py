"""What the runs API adds to ``/openapi.json``: its routes as they are, what they take, and an example of each body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from starlette.routing import Route

from engine.serve import bodies
from schemas.schedules import ScheduleSettings

_Json = dict[str, Any]
_REFS = "#/components/schemas/{model}"
_SECTION = re.compile(r"^(?:GET|POST|DELETE|PUT|PATCH)[^:]*:\s*")
_BODIES: dict[str, tuple[type[BaseModel], _Json]] = {
    "/runs": (bodies.NewRun, {"task": "what is 12 percent of 3400?", "wait": True}),
    "/cancel": (bodies.Cancelling, {"reason": "no longer needed"}),
    "/steer": (bodies.Steering, {"task": "the same for 13 percent"}),
    "/approve": (bodies.Answering, {"approval_id": "a1"}),
    "/reject": (bodies.Answering, {"approval_id": "a1", "reason": "not today"}),
    "/answer": (bodies.Answering, {"approval_id": "a1", "decision": "done", "result": "in Oslo"}),
    "/resume": (bodies.Resuming, {}),
    "/schedules": (
        ScheduleSettings,
        {"name": "news", "task": "what is new?", "daily": "09:30", "zone": "Europe/Berlin"},
    ),
    "/fork": (bodies.Forking, {"from_step": "2", "tool_input": {"city": "Oslo"}}),
}
_ERROR: _Json = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("code", "message", "hint")},
            "required": ["code", "message"],
        }
    },
}


def document(routes: Iterable[Route]) -> _Json:
    """Return ``paths`` and ``components`` of routes, described by their endpoints' own first lines."""
    paths: dict[str, _Json] = {}
    schemas: _Json = {"RunsError": _ERROR}
    for route in routes:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(path, {})[method.lower()] = _operation(route, path, method, schemas)
    return {"paths": paths, "components": {"schemas": schemas}}


def _operation(route: Route, path: str, method: str, schemas: _Json) -> _Json:
    first = (route.endpoint.__doc__ or "").strip().partition("\n")[0]
    told: _Json = {"summary": _SECTION.sub("", first), "operationId": f"{route.name}Run{method.title()}"}
    named = re.findall(r"\{(\w+)\}", path)
    if named:
        kinds = {"name": "", "in": "path", "required": True, "schema": {"type": "string"}}
        told["parameters"] = [{**kinds, "name": name} for name in named]
    found = next((both for end, both in _BODIES.items() if path.endswith(end)), None) if method == "POST" else None
    if found is not None:
        model, example = found
        schema = model.model_json_schema(ref_template=_REFS)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
        content = {"schema": {"$ref": _REFS.format(model=model.__name__)}, "example": example}
        told["requestBody"] = {"content": {"application/json": content}}
    refused = {"application/json": {"schema": {"$ref": _REFS.format(model="RunsError")}}}
    told["responses"] = {"2XX": {"description": "Done."}, "default": {"description": "Not.", "content": refused}}
    return told
