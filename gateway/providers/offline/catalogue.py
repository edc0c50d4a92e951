"""The tools a request offers, read back out of its schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from gateway.providers.offline.words import name_stems, stems, words
from schemas.model import ToolDefinition

Schema = Mapping[str, Any]
_RETURNS = re.compile(r"\n?Returns: (\{.*\})\s*$", re.S)
_OPTIONS = re.compile(r"\((?:e\.?g\.?,?|such as|for example|i\.?e\.?|例如|z\. ?B\.)?:?\s*([^()]+)\)", re.IGNORECASE)
_NO_TOOLS = frozenset({"step", "answer", "ask"})
_REFERENCE = re.compile(r"\\\{")
_FILLED = re.compile(r"\[[^\[\]]*\bminLength [1-9]")
_PACKED = re.compile(r"\(JSON[^()]*, as text\)$")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument (or output field) of a tool.

    Attributes:
        kind: string, number, integer, boolean, array, object or any.
        options: Values of the enum.
        hints: Values the description gives as examples.
        items: What an array holds.
        parts: The properties of an object.
        filled: Whether an empty text is refused.
        packed: Whether a list or object is written as JSON text.
    """

    name: str
    kind: str
    description: str = ""
    required: bool = True
    options: tuple[Any, ...] = ()
    hints: tuple[str, ...] = ()
    items: Argument | None = None
    parts: tuple[Argument, ...] = ()
    maximum: float | None = None
    filled: bool = False
    packed: bool = False
    name_stems: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()

    @property
    def textual(self) -> bool:
        """Whether a plain text fits."""
        return self.kind in ("string", "any")

    @property
    def described(self) -> str:
        """The name, with the first sentence of the description behind it."""
        text = re.split(r"(?<=\w)[.;](?: |$)", self.description)[0]
        return f"{self.name} ({text})" if text else self.name


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """One tool: what it is for, what it takes, what it returns (empty when that is not known).

    Attributes:
        bare: Whether its one required text may stand without its name.
        scalar: Whether the result is known to be a plain value.
        stems: Of its name and description.
        verb: Stem of the description's first word.
        key: Stems that say most about it: of its name and of the description's beginning.
    """

    name: str
    description: str
    arguments: tuple[Argument, ...]
    returns: tuple[Argument, ...] = ()
    bare: bool = False
    scalar: bool = False
    stems: frozenset[str] = field(default_factory=frozenset[str])
    verb: str = ""
    key: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def required(self) -> tuple[Argument, ...]:
        """The arguments that have to be there."""
        return tuple(argument for argument in self.arguments if argument.required)


def tools_of_grammar(grammar: Schema) -> tuple[OfferedTool, ...]:
    """Return the tools of a compact plan grammar: one for each item of one property that names a tool."""
    defs = cast("dict[str, Schema]", grammar.get("$defs", {}))
    items = _branches(grammar["properties"]["steps"]["items"])
    found: list[OfferedTool] = []
    for call in (one for item in items for one in _branches(_resolve(item, defs))):
        properties = cast("dict[str, Schema]", call.get("properties", {}))
        if len(properties) == 1 and not properties.keys() & _NO_TOOLS:
            ((name, body),) = properties.items()
            found.append(_tool(name, str(call.get("description") or ""), _branches(body), defs))
    return tuple(found)


def tool_of_definition(definition: ToolDefinition) -> OfferedTool:
    """Return a natively offered tool."""
    schema = definition.input_schema
    defs = cast("dict[str, Schema]", schema.get("$defs", {}))
    return _tool(definition.name, definition.description, [schema], defs)


def _branches(schema: Schema) -> list[Schema]:
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())] or [schema]


def _resolve(schema: Schema, defs: Mapping[str, Schema]) -> Schema:
    target = defs.get(str(schema.get("$ref", "")).rsplit("/", 1)[-1])
    return {**target, **{k: v for k, v in schema.items() if k != "$ref"}} if target is not None else schema


def _tool(name: str, text: str, bodies: Sequence[Schema], defs: Mapping[str, Schema]) -> OfferedTool:
    """Return a tool.

    Args:
        name, text: Its name, and its description with what it returns.
        bodies: What may stand behind its name: a bare text, required arguments, all arguments.
        defs: Where references in them lead.
    """
    match = _RETURNS.search(text)
    description = text[: match.start()] if match else text
    objects = [body for body in bodies if body.get("type") == "object" or "properties" in body]
    bare = next((body for body in bodies if body.get("type") == "string"), None)
    properties = cast("dict[str, Schema]", objects[-1].get("properties", {})) if objects else {}
    required = set(objects[0].get("required", ())) if objects else set[str]()
    if bare is not None:  # its description begins with the name of the argument
        only = str(bare.get("description", "")).partition(":")[0].strip()
        properties, required = (properties or {only: {**bare, "description": _after_name(bare)}}), {only}
    returned = _load(match[1]) if match else {}
    return OfferedTool(
        name=name,
        description=description.strip(),
        arguments=tuple(
            _argument(key, properties[key], key in required, defs)
            for key in sorted(properties, key=lambda key: key not in required)
        ),
        returns=tuple(_argument(k, v, True, defs) for k, v in returned.get("properties", {}).items()),
        bare=bare is not None,
        scalar=returned.get("type") in ("string", "number", "integer", "boolean"),
        stems=frozenset([*name_stems(name), *stems(description)]),
        verb=next((word.stem for word in words(description[:60])), ""),
        key=frozenset([*name_stems(name), *stems(description)[:3]]),
    )


def _after_name(bare: Schema) -> str:
    return str(bare.get("description", "")).partition(":")[2].strip()


def _load(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _argument(name: str, schema: Schema, required: bool, defs: Mapping[str, Schema], depth: int = 0) -> Argument:
    outer = _resolve(schema, defs)
    inner = _plain(outer, defs)
    description = str(outer.get("description") or inner.get("description") or outer.get("title") or "")
    kind = _kind(inner)
    needed = set(inner.get("required", ()) or inner.get("properties", {}))
    deep = depth < 4
    return Argument(
        name=name,
        kind=kind,
        description=description,
        required=required,
        options=tuple(inner.get("enum", ()) or ([inner["const"]] if "const" in inner else [])),
        hints=_hints(description),
        items=_argument(name, inner["items"], True, defs, depth + 1)
        if deep and isinstance(inner.get("items"), Mapping)
        else None,
        parts=tuple(
            _argument(key, value, key in needed, defs, depth + 1) for key, value in inner.get("properties", {}).items()
        )
        if deep
        else (),
        maximum=inner.get("maximum"),
        filled=bool(inner.get("minLength") or _FILLED.search(description)),
        packed=kind == "string" and bool(_PACKED.search(description)),
        name_stems=tuple(name_stems(name)),
        stems=tuple(stems(description)),
    )


def _plain(schema: Schema, defs: Mapping[str, Schema]) -> Schema:
    """Return the branch that says what the value is: no reference pattern, no null."""
    for key in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(key, ()):
            branch = _resolve(branch, defs)
            if branch.get("type") != "null" and not _REFERENCE.search(str(branch.get("pattern", ""))):
                return _plain(branch, defs)
    return schema


def _kind(schema: Schema) -> str:
    kinds: Any = schema.get("type")
    named = cast("list[str]", kinds) if isinstance(kinds, list) else [kinds]
    kind = next((one for one in named if one != "null"), None)
    if kind is None and "properties" in schema:
        return "object"
    if kind is None and schema.get("enum"):
        return "string"
    return kind if kind in ("string", "number", "integer", "boolean", "array", "object") else "any"


def _hints(description: str) -> tuple[str, ...]:
    match = _OPTIONS.search(description)
    if not match:
        return ()
    parts = [part.strip(" '\"`") for part in re.split(r",|/|;|\bor\b|、", match[1])]
    return tuple(part for part in parts if part and len(part) <= 24 and "etc" not in part)
