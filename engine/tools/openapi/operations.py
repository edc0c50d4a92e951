"""An operation of a document as a tool: its name, arguments, result, effects and resources."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, cast
from urllib.parse import urlsplit

from engine.tools.openapi.definitions import Definitions, Schema, shortened
from engine.tools.openapi.document import Document, Operation
from engine.tools.openapi.parameters import Body, BodyKind, Parameter
from schemas.errors import ConfigError
from schemas.tool import Effects, ToolSpec

LONGEST_NAME = 64
LONGEST_SUMMARY = 300
DEADLINE_S = 60.0
_EFFECTS: Mapping[str, Effects] = {
    "get": "none",
    "head": "none",
    "options": "none",
    "trace": "none",
    "put": "idempotent",
    "delete": "idempotent",
}
_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization"})  # header parameters the specification ignores
_BODIES: Sequence[tuple[str, BodyKind]] = (
    (r"application/json|.*\+json", "json"),
    (r"application/x-www-form-urlencoded", "form"),
    (r"multipart/.*", "multipart"),
    (r".*", "raw"),
)
_MERGED = frozenset({"type", "properties", "required", "description", "additionalProperties", "default", "allOf"})
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as a tool: what the planner sees, and what is needed to make the request."""

    spec: ToolSpec
    parameters: tuple[Parameter, ...]
    body: Body | None


def chosen(document: Document, include: Sequence[str], exclude: Sequence[str], where: str) -> list[Operation]:
    """Return the operations that a configuration asks for, by operationId, tag or path, each a glob.

    A pattern that begins with ``/`` is of paths, one such as ``GET /pets*`` of a method and paths.

    Raises:
        ConfigError: A pattern to include fits no operation.
    """
    operations = list(document.operations())
    for pattern in include:
        if not any(_fits(operation, pattern) for operation in operations):
            known = [operation.id for operation in operations] + [tag for one in operations for tag in one.tags]
            near = get_close_matches(pattern, known, 1)
            raise ConfigError(
                f"{where}.include: '{pattern}' fits no operation of {document.source}",
                hint=f"did you mean '{near[0]}'?" if near else "name operationIds, tags or paths, with * for any text",
            )
    return [
        operation
        for operation in operations
        if (not include or any(_fits(operation, pattern) for pattern in include))
        and not any(_fits(operation, pattern) for pattern in exclude)
    ]


def _fits(operation: Operation, pattern: str) -> bool:
    method, _, path = pattern.partition(" ")
    if path.startswith("/"):
        return method.lower() == operation.method and fnmatchcase(operation.path, path)
    if pattern.startswith("/"):
        return fnmatchcase(operation.path, pattern)
    return any(fnmatchcase(name, pattern) for name in (operation.id, *operation.tags))


class Describer:
    """Makes tools of one document's operations; definitions are converted once for all of them."""

    def __init__(self, document: Document, prefix: str, taken: Collection[str]) -> None:
        self._document = document
        self._prefix = prefix
        self._taken = set(taken)
        self._requests = Definitions(document, "request")
        self._responses = Definitions(document, "response")

    def describe(self, operation: Operation, base_url: str) -> Described:
        """Return an operation as a tool.

        Raises:
            ConfigError: A reference in it leads nowhere.
        """
        properties: dict[str, Schema] = {}
        required: list[str] = []
        parameters = self._parameters(operation, properties, required)
        body, is_open = self._body(operation, properties, required)
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": is_open}
        if required:
            schema["required"] = required
        reads, writes = _resources(operation, base_url, parameters)
        spec = ToolSpec(
            name=self._name(operation),
            description=_description(operation),
            input_schema=self._requests.standing_alone(schema),
            output_schema=self._result(operation),
            effects=_EFFECTS.get(operation.method, "effectful"),
            reads=reads,
            writes=writes,
            timeout_s=DEADLINE_S,
            kind="openapi",
        )
        return Described(spec, parameters, body)

    def _name(self, operation: Operation) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", self._prefix + operation.id).strip("_-") or "operation"
        name, number = plain[:LONGEST_NAME], 1
        while name in self._taken:
            number += 1
            name = f"{plain[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
        self._taken.add(name)
        return name

    def _parameters(
        self, operation: Operation, properties: dict[str, Schema], required: list[str]
    ) -> tuple[Parameter, ...]:
        nodes = [*_list(operation.shared.get("parameters")), *_list(operation.body.get("parameters"))]
        by_key: dict[tuple[str, str], Mapping[str, Any]] = {}
        for node in map(self._document.follow, nodes):
            by_key[str(node.get("name", "")), str(node.get("in", ""))] = node
        for name in _PLACEHOLDER.findall(operation.path):  # a path that names what the document forgot
            by_key.setdefault((name, "path"), {"schema": {"type": "string"}, "required": True})
        found: list[Parameter] = []
        for (name, place), node in by_key.items():
            if place not in _STYLES or (place == "header" and name.lower() in _NOT_PARAMETERS):
                continue
            if place == "path" and f"{{{name}}}" not in operation.path:
                continue
            parameter = _parameter(name, place, node, properties)
            properties[parameter.argument] = self._described(node)
            if node.get("required") is True or place == "path":
                required.append(parameter.argument)
            found.append(parameter)
        return tuple(found)

    def _described(self, node: Mapping[str, Any]) -> Schema:
        medias = list(cast("dict[str, Any]", node.get("content") or {}).values())
        schema = self._requests.convert(
            self._document.follow(medias[0]).get("schema") if medias else node.get("schema")
        )
        text = node.get("description")
        return {**schema, "description": shortened(text, 200)} if isinstance(text, str) and text else schema

    def _body(
        self, operation: Operation, properties: dict[str, Schema], required: list[str]
    ) -> tuple[Body | None, bool]:
        """Add the body's arguments; tell its form, and whether arguments beyond the named ones are its members."""
        node = self._document.follow(operation.body.get("requestBody"))
        content_type, kind, media = _preferred(cast("dict[str, Any]", node.get("content") or {}))
        if not content_type:
            return None, False
        schema = self._requests.convert(media.get("schema")) if kind != "raw" else {"type": "string"}
        needed = node.get("required") is True
        merged = self._members(schema) if kind != "raw" else None
        if merged is None or properties.keys() & merged["properties"].keys():
            argument = _free("body", properties)
            properties[argument] = {"description": "The request's body.", **schema}
            required += [argument] if needed else []
            return Body(kind, content_type, argument), False
        properties.update(merged["properties"])
        required += merged["required"] if needed else []
        is_open = merged["open"]
        return Body(kind, content_type, None, {name: name for name in merged["properties"]}, is_open), is_open

    def _members(self, schema: Schema) -> dict[str, Any] | None:
        """Return an object schema's properties and required ones, ``allOf`` merged; None when it is no plain one."""
        schema = {**self._requests.target(schema), **{k: v for k, v in schema.items() if k == "description"}}
        if schema.keys() - _MERGED or schema.get("type", "object") != "object":
            return None
        made: dict[str, Any] = {
            "properties": dict(cast("Schema", schema.get("properties", {}))),
            "required": list(schema.get("required", [])),
            "open": schema.get("additionalProperties") not in (None, False),
        }
        for part in cast("list[Schema]", schema.get("allOf", [])):
            inner = self._members(part)
            if inner is None:
                return None
            for name, member in inner["properties"].items():
                held = made["properties"].get(name, member)
                made["properties"][name] = member if held == member else {"allOf": [held, member]}
            made["required"] = list(dict.fromkeys([*made["required"], *inner["required"]]))
            made["open"] = made["open"] or inner["open"]
        if not made["properties"] or set(made["required"]) - made["properties"].keys():
            return None
        return made

    def _result(self, operation: Operation) -> Schema | None:
        response = self._document.follow(_success(cast("dict[str, Any]", operation.body.get("responses") or {})))
        content_type, kind, media = _preferred(cast("dict[str, Any]", response.get("content") or {}))
        if kind == "json":
            schema = self._responses.convert(media.get("schema"))
            if "$ref" in schema:  # its first level is what later steps refer to
                schema = {**self._responses.target(schema), **{k: v for k, v in schema.items() if k != "$ref"}}
            return self._responses.standing_alone(schema) or None
        if content_type:
            return {"type": "string"} if content_type.startswith("text/") and "event" not in content_type else None
        return {"type": "null"} if response else None


def _success(responses: Mapping[str, Any]) -> Any:
    """Return the response of the lowest 2xx code; nothing when none is described."""
    return next((responses[code] for code in sorted(responses) if str(code).startswith("2")), None)


def _parameter(name: str, place: str, node: Mapping[str, Any], taken: Collection[str]) -> Parameter:
    style = str(node.get("style") or _STYLES[place])
    explode = node.get("explode")
    argument = re.sub(r"\W+", "_", name).strip("_") or place
    argument = argument if argument not in taken else _free(f"{place}_{argument}", taken)
    return Parameter(
        argument=argument,
        name=name,
        place=cast("Any", place),
        style=style,
        explode=explode if isinstance(explode, bool) else style in ("form", "deepObject"),
        as_json=bool(node.get("content")),
    )


def _free(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def _preferred(content: Mapping[str, Any]) -> tuple[str, BodyKind, Mapping[str, Any]]:
    """Return the content type that is best spoken, how it is written, and what the document says of it."""
    for pattern, kind in _BODIES:
        for content_type, media in content.items():
            if re.fullmatch(pattern, content_type.partition(";")[0].strip().lower()):
                written = "application/octet-stream" if "*" in content_type else content_type
                return written, kind, cast("Mapping[str, Any]", media if isinstance(media, dict) else {})
    return "", "raw", {}


def _description(operation: Operation) -> str:
    said = operation.body.get("summary") or operation.body.get("description") or operation.shared.get("summary") or ""
    text = shortened(str(said), LONGEST_SUMMARY)
    return f"{text} ({operation.method.upper()} {operation.path})".strip()


def _resources(
    operation: Operation, base_url: str, parameters: Iterable[Parameter]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what an operation reads and writes, from its path: ``/users/{id}/posts`` is the posts, below one user.

    Writing touches the resource and the one it stands below (``/orders/{id}/cancel`` changes the order); reading, and
    whatever stands higher, is read.
    """
    names = {parameter.name: parameter.argument for parameter in parameters if parameter.place == "path"}
    host = (urlsplit(base_url).hostname or "api").replace(":", "_")
    words: list[str] = []
    values: list[str] = []
    levels: list[str] = []
    for part in (part for part in operation.path.split("/") if part):
        inside = _PLACEHOLDER.findall(part)
        if not inside:
            words.append(part)
            continue
        values += [f"{{{names.get(name, name)}}}" for name in inside]
        levels.append(f"{host}/{'/'.join(words)}:{'/'.join(values)}")
    own = f"{host}/{'/'.join(words)}"
    levels = levels if levels and levels[-1].startswith(f"{own}:") else [*levels, own]
    if operation.method in ("get", "head", "options", "trace"):
        return tuple(levels), ()
    return tuple(levels[:-2]), tuple(levels[-2:])


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
