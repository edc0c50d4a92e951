"""What each provider's constrained decoding takes, as published, and which rule a grammar breaks where.

A provider declares one of the names in ``LIMITS``; from its rules and the tools at hand follows how a plan is asked
for: in which dialect of the grammar, and whether by constrained output at all. What no provider publishes (when a
compiled grammar is "too large") shows in a refused request, and the planner then falls back in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from engine.planner.arguments import Dialect, Schema
from engine.planner.grammar import compile_grammar
from schemas.tool import ToolSpec

Tier = Literal["schema", "tool", "text"]

_STRUCTURE = frozenset(("type", "properties", "required", "additionalProperties", "items", "anyOf", "$ref", "$defs"))
_WORDS = frozenset(("description", "title", "enum", "const"))
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """The published rules of one provider; None means that there is none.

    Attributes:
        source: Where they are published.
        dialects: The dialects worth trying, best first.
        described: Whether the grammar has to say what everything means.
        keywords: The JSON Schema keywords taken; empty for all.
        properties: Most properties, all objects together.
        depth: Most objects inside each other.
        name_chars: Most characters of all property names, definition names and enum values together.
        options: Most enum values, all enums together.
        optional: Most properties that may be left out.
        unions: Most places where several types fit.
        all_required: Whether every property has to be required.
        first_keys: Whether objects of one ``anyOf`` must begin with different keys.
    """

    source: str = ""
    dialects: tuple[Dialect, ...] = ("unions",)
    described: bool = False
    keywords: frozenset[str] = frozenset()
    properties: int | None = None
    depth: int | None = None
    name_chars: int | None = None
    options: int | None = None
    optional: int | None = None
    unions: int | None = None
    all_required: bool = False
    first_keys: bool = False


LIMITS: Mapping[str, Limits] = {
    "unions": Limits(),
    "strings": Limits(dialects=("strings",)),
    "offline": Limits(described=True),
    "openai": Limits(
        source="OpenAI, Structured outputs, supported schemas; first keys: the API's own error message",
        keywords=_STRUCTURE | _WORDS | {"pattern", "format", "minimum", "maximum", "minItems", "maxItems"},
        properties=5_000,
        depth=10,
        name_chars=120_000,
        options=1_000,
        all_required=True,
        first_keys=True,
    ),
    "anthropic": Limits(
        source="Anthropic, Structured outputs, JSON Schema limitations and schema complexity limits",
        dialects=("strings", "filled"),
        keywords=_STRUCTURE | _WORDS | {"pattern", "format", "minItems", "allOf", "default"},
        optional=24,
        unions=16,
    ),
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a grammar breaks.

    Attributes:
        path: The place, as a JSON path into the schema; of a count, where it is exceeded.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Form:
    """How a plan is asked for, and why not better."""

    dialect: Dialect
    tier: Tier
    grammar: Schema
    reason: str

    def __str__(self) -> str:
        return f"{self.tier}, {self.dialect}" + (f": {self.reason}" if self.reason else "")


def choose_form(tools: Sequence[ToolSpec], declared: str, tier: str, refused: str = "") -> Form:
    """Return the best form that a provider's published rules allow over these tools.

    Args:
        tools: What the planner may call.
        declared: A name of ``LIMITS``, as the provider declares it.
        tier: The best tier its model has: constrained output, a forced tool call (also where none is known: a run
            whose plan was given names none), or JSON in text.
        refused: What the provider said when it would not take the schema, if it did.

    Raises:
        ConfigError: A tool has a name that plans keep for themselves.
    """
    limits = LIMITS.get(declared) or LIMITS["unions"]
    reason = refused
    for dialect in limits.dialects if tier == "schema" and not refused else ():
        grammar = compile_grammar(tools, dialect, described=limits.described)
        broken = next(broken_rules(grammar, limits), None)
        if broken is None:
            return Form(dialect, "schema", grammar, reason)
        reason = reason or str(broken)
    grammar = compile_grammar(tools, limits.dialects[0], described=limits.described)
    return Form(limits.dialects[0], "text" if tier == "text" else "tool", grammar, reason)


def broken_rules(schema: Mapping[str, Any], limits: Limits) -> Iterator[Broken]:
    """Yield each rule that a schema breaks, once. Cost: O(size of the schema)."""
    places = list(_places(schema, "$"))
    yield from _local(schema, places, limits)
    for what, most, count in (
        ("properties", limits.properties, _properties),
        ("characters of names and enum values", limits.name_chars, _name_chars),
        ("enum values", limits.options, _options),
        ("properties that may be left out", limits.optional, _optional),
        ("places where several types fit", limits.unions, _union),
    ):
        if most is not None:
            yield from _too_many(what, most, [(path, count(part)) for path, part in places])
    deep = _depth(schema, cast("dict[str, Any]", schema.get("$defs", {})), 0) if limits.depth else 0
    if limits.depth is not None and deep > limits.depth:
        yield Broken("$", f"objects {deep} deep, at most {limits.depth} are taken")


def _too_many(what: str, most: int, counted: Sequence[tuple[str, int]]) -> Iterator[Broken]:
    total = 0
    whole = sum(count for _, count in counted)
    for path, count in counted:
        total += count
        if total > most:
            yield Broken(path, f"{whole} {what}, at most {most} are taken")
            return


def _local(
    schema: Mapping[str, Any], places: Sequence[tuple[str, Mapping[str, Any]]], limits: Limits
) -> Iterator[Broken]:
    """Yield the first place of each rule that one place alone can break."""
    defs = cast("dict[str, Any]", schema.get("$defs", {}))
    seen: set[str] = set()
    for path, part in places:
        for message in _messages(part, limits, defs, outermost=path == "$"):
            if message not in seen:
                seen.add(message)
                yield Broken(path, message)


def _messages(part: Mapping[str, Any], limits: Limits, defs: Mapping[str, Any], *, outermost: bool) -> Iterator[str]:
    properties = cast("dict[str, Any]", part.get("properties", {}))
    if limits.keywords:
        yield from (f"the keyword {key!r} is not taken" for key in part if key not in limits.keywords)
        if outermost and part.get("type") != "object":
            yield "the outermost schema must be an object"
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            yield "the object is not closed (additionalProperties: false)"
    if limits.all_required and set(part.get("required", ())) != set(properties):
        yield "every property must be required"
    if limits.first_keys and _shares_first_key(part, defs):
        yield "two objects of one anyOf begin with the same key"


def _places(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for key in ("properties", "$defs"):
        for name, inner in cast("dict[str, Any]", schema.get(key, {})).items():
            yield from _places(inner, f"{path}.{key}.{name}")
    for index, branch in enumerate(cast("list[Any]", schema.get("anyOf", []))):
        yield from _places(branch, f"{path}.anyOf[{index}]")
    if isinstance(schema.get("items"), Mapping):
        yield from _places(schema["items"], f"{path}.items")


def _properties(part: Mapping[str, Any]) -> int:
    return len(part.get("properties", {}))


def _options(part: Mapping[str, Any]) -> int:
    return len(part.get("enum", ()))


def _name_chars(part: Mapping[str, Any]) -> int:
    names = [*part.get("properties", {}), *part.get("$defs", {})]
    return sum(map(len, names)) + sum(len(value) for value in part.get("enum", ()) if isinstance(value, str))


def _optional(part: Mapping[str, Any]) -> int:
    return len(part.get("properties", {}).keys() - set(part.get("required", ())))


def _union(part: Mapping[str, Any]) -> int:
    return int("anyOf" in part or isinstance(part.get("type"), list))


def _shares_first_key(part: Mapping[str, Any], defs: Mapping[str, Any]) -> bool:
    firsts = [key for key in _first_keys(part, defs) if key is not None]
    return len(firsts) != len(set(firsts))


def _first_keys(part: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield the first key of each branch of an ``anyOf``; a branch that is an ``anyOf`` itself stands for its own."""
    for branch in part.get("anyOf", ()):
        inner = _resolved(branch, defs)
        if "anyOf" in inner:
            yield from _first_keys(inner, defs)
        else:
            yield next(iter(inner.get("properties", {})), None)


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    target = defs.get(str(schema.get("$ref", "")).rpartition("/")[2])
    return cast("Schema", target) if isinstance(target, Mapping) else schema


def _depth(schema: Mapping[str, Any], defs: Mapping[str, Any], above: int) -> int:
    if above > _DEEPEST:
        return above
    schema = _resolved(schema, defs)
    here = above + ("properties" in schema)
    inner = [*cast("dict[str, Any]", schema.get("properties", {})).values(), *schema.get("anyOf", ())]
    inner += [schema["items"]] if isinstance(schema.get("items"), Mapping) else []
    return max([here, *(_depth(part, defs, here) for part in inner)])
