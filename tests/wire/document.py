"""OpenAI's published OpenAPI document as JSON Schema validators."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = "openai-openapi.json.gz"
_AT = "urn:openai"


@cache
def validator(folder: Path, name: str) -> Draft202012Validator:
    """Return a validator of one of the document's schemas.

    Args:
        folder: Where the document is.
        name: As in ``components.schemas``.
    """
    return Draft202012Validator({"$ref": f"{_AT}#/components/schemas/{name}"}, registry=_registry(folder))


@cache
def event_schemas(folder: Path) -> dict[str, str]:
    """Return which schema describes which event of a streamed response, by the event's type."""
    schemas = _document(folder)["components"]["schemas"]
    names = [branch["$ref"].rpartition("/")[2] for branch in schemas["ResponseStreamEvent"]["anyOf"]]
    return {schemas[name]["properties"]["type"]["enum"][0]: name for name in names}


def problems(folder: Path, name: str, value: Any) -> list[str]:
    """Return what is wrong with a value, each with its place; empty if nothing is."""
    found = validator(folder, name).iter_errors(value)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def event_problems(folder: Path, event: Any) -> list[str]:
    """Return what is wrong with an event of a streamed response."""
    name = event_schemas(folder).get(event.get("type"))
    return [f"no event of type {event.get('type')!r}"] if name is None else problems(folder, name, event)


@cache
def _document(folder: Path) -> Any:
    with gzip.open(folder / FILE, "rt") as file:
        return _as_json_schema(json.load(file))


@cache
def _registry(folder: Path) -> Registry[Any]:
    resource = Resource(contents=_document(folder), specification=DRAFT202012)
    return Registry().with_resource(_AT, resource)


def _as_json_schema(node: Any) -> Any:
    """Return the document with what only OpenAPI knows in JSON Schema's words.

    ``nullable`` becomes a union with null; a ``oneOf`` with a discriminator an ``anyOf``, for its branches exclude each
    other by that property already, if they require it.
    """
    if isinstance(node, list):
        return [_as_json_schema(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    known = {key: _as_json_schema(value) for key, value in node.items()}
    if "discriminator" in known and isinstance(known.get("oneOf"), list):
        known["anyOf"] = known.pop("oneOf")
    if known.get("nullable") is True:
        del known["nullable"]
        return {"anyOf": [known, {"type": "null"}]}
    return known
