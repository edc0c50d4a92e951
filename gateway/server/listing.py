"""``GET /v1/models``: the names a client may ask for, as OpenAI lists models, or as Anthropic does.

Source: https://platform.openai.com/docs/api-reference/models, https://docs.claude.com/en/api/models-list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.directory import Directory
from gateway.preferring import AUTO
from gateway.server.visit import Visit
from schemas.errors import NoRouteError
from schemas.gateway import WireFormat
from schemas.settings import Settings

_BEGAN = "1970-01-01T00:00:00Z"  # as Anthropic says of a model whose release date is not known
_MOST = 1_000
OWNER = "engine"
"""Who an assistant is ``owned_by``; a model is by its provider."""


async def list_models(visit: Visit) -> None:
    """Answer with every name that this listener and this key allow."""
    known = [*visit.desk.guests.names(), *names_of(visit.desk.site.settings, visit.desk.gateway.directory)]
    names = visit.desk.names.offered(visit.key, list(dict.fromkeys(known)))
    shapes = [_shape(visit, name) for name in names[:_MOST]]
    if visit.form != "messages":
        await visit.answer_json({"object": "list", "data": shapes})
        return
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    await visit.answer_json({"data": shapes, "has_more": False, **ends})


async def show_model(visit: Visit, name: str) -> None:
    """Answer with one model. Raises NoRouteError, ScopeError."""
    if not name or not visit.desk.names.offered(visit.key, [name]):
        raise NoRouteError(f"no model is called {name[:120]!r} here", hint="GET /v1/models lists them")
    await visit.answer_json(_shape(visit, name))


def names_of(settings: Settings, directory: Directory) -> list[str]:
    """Return every name that stands for a model, each once: ``auto``, aliases, preferences, models, roles set."""
    auto = [AUTO] if directory.chooses else []
    roles = [role for role in type(settings.roles).model_fields if getattr(settings.roles, role)]
    preferences = [preference.name for preference in settings.routing_preferences]
    return list(
        dict.fromkeys([*auto, *settings.aliases, *preferences, *(one.ref for one in directory.models()), *roles])
    )


def _shape(visit: Visit, name: str) -> dict[str, Any]:
    """Return a model as the client's SDK reads it, and beside it what we know. Raises NoRouteError."""
    assistants = visit.desk.guests.assistants
    if assistants is not None and visit.desk.guests.knows(name):
        return _assistant_shape(visit.form, name, assistants.describe(name))
    refs = [route.model.ref for route in visit.desk.gateway.resolve(name)]
    known = {model.ref: model for model in visit.desk.gateway.models()}
    first = known.get(refs[0])
    more: dict[str, Any] = {"models": refs}
    if first is not None:
        facts = first.model_dump(include={"vision", "context_tokens", "input_usd_per_mtok", "output_usd_per_mtok"})
        more.update({key: value for key, value in facts.items() if value is not None})
    if visit.form == "messages":
        shape = {"type": "model", "id": name, "display_name": name, "created_at": _BEGAN, "lifecycle": "active"}
        return {**shape, "max_input_tokens": more.get("context_tokens"), "engine": more}
    owner = refs[0].partition("/")[0]
    return {"id": name, "object": "model", "created": 0, "owned_by": owner, "engine": more}


def _assistant_shape(form: WireFormat, name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    description = about.get("description", "")
    if form == "messages":
        shown = {"type": "model", "id": name, "display_name": name, "created_at": _BEGAN, "lifecycle": "active"}
        return {**shown, "description": description, "engine": about}
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER, "description": description, "engine": about}
