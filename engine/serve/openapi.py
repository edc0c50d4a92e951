"""What the runs API adds to ``/openapi.json``: its routes, what they take, an example of each body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from starlette.routing import Route

from engine.serve import bodies
from engine.serve.agents import Switched
from engine.serve.schedules import Pausing
from schemas.agents import AgentSettings
from schemas.schedules import ScheduleSettings

_Json = dict[str, Any]
_REFS = "#/components/schemas/{model}"
_SECTION = re.compile(r"^(?:GET|POST|DELETE|PUT|PATCH)[^:]*:\s*")
_TAKEN: dict[tuple[str, str], tuple[type[BaseModel], _Json]] = {
    ("POST", "/runs"): (bodies.NewRun, {"task": "what is 12 percent of 3400?", "wait": True}),
    ("POST", "/runs/{run_id}/cancel"): (bodies.Cancelling, {"reason": "no longer needed"}),
    ("POST", "/runs/{run_id}/steer"): (bodies.Steering, {"task": "the same for 13 percent"}),
    ("POST", "/runs/{run_id}/approve"): (bodies.Answering, {"approval_id": "a1"}),
    ("POST", "/runs/{run_id}/reject"): (bodies.Answering, {"approval_id": "a1", "reason": "not today"}),
    ("POST", "/runs/{run_id}/answer"): (
        bodies.Answering,
        {"approval_id": "a1", "decision": "done", "result": "in Oslo"},
    ),
    ("POST", "/runs/{run_id}/estimate"): (bodies.Estimating, {}),
    ("POST", "/runs/{run_id}/resume"): (bodies.Resuming, {}),
    ("POST", "/runs/{run_id}/fork"): (bodies.Forking, {"from_step": "2", "tool_input": {"city": "Oslo"}}),
    ("POST", "/agents"): (
        AgentSettings,
        {"name": "weather", "description": "Tells the weather of a city.", "url": "http://127.0.0.1:9100/weather"},
    ),
    ("PATCH", "/agents/{name}"): (Switched, {"enabled": False}),
    ("POST", "/schedules"): (
        ScheduleSettings,
        {"name": "news", "task": "what is new?", "daily": "09:30", "zone": "Europe/Berlin"},
    ),
    ("PATCH", "/schedules/{name}"): (Pausing, {"paused": True}),
}
_ASKED: dict[str, Mapping[str, str]] = {
    "/runs": {
        "status": "Only these, joined by commas: queued, running, waiting, completed, failed, cancelled.",
        "user": "Only this user's; a key that is no administrator's sees its own only.",
        "assistant": "Only those asked of this assistant.",
        "text": "Only those whose task holds this text, or whose id begins with it.",
        "since": "Started at or after this Unix time.",
        "before": "Started before this Unix time.",
        "driver": "Only those that this process drives.",
        "limit": "Most runs returned, 500 at most; 50.",
        "offset": "How many to leave out first: next_offset of the page before.",
    },
    "/runs/{run_id}/events": {
        "after": "Only what comes after this id, or this event's number; Last-Event-ID says the same.",
        "live": "Whether text and progress come between the events; true, but for lines.",
        "until_parked": "End when the run waits for a person; false.",
    },
    "/agents": {"capability": "Only agents with this capability."},
    "/schedules/{name}": {"user": "Another user's, for administrators."},
    "/audit": {
        "since": "At or after this Unix time.",
        "until": "Before this Unix time.",
        "user": "Of runs of this user.",
        "by": "Done by them.",
        "tool": "About this tool.",
        "run": "Of this run.",
        "what": "Only these kinds, joined by commas.",
        "format": "jsonl or csv.",
    },
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
    text = {"type": "string"}
    named = [{"name": name, "in": "path", "required": True, "schema": text} for name in re.findall(r"\{(\w+)\}", path)]
    if method == "GET":
        asked = _ASKED.get(path, {}).items()
        named += [{"name": name, "in": "query", "description": about, "schema": text} for name, about in asked]
    if named:
        told["parameters"] = named
    found = _TAKEN.get((method, path))
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
