"""The providers' published limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.quality.plansets import public_sets
from engine.planner.grammar import compile_grammar
from engine.planner.limits import LIMITS, broken_rules, choose_form
from tests.planner.catalogues import builtin_catalogue, made_up, of_set
from tests.planner.doubles import TOOLS, tool

CLOSED: dict[str, Any] = {"type": "object", "required": [], "additionalProperties": False}


def closed(**properties: Any) -> dict[str, Any]:
    """A closed object with these properties, all required."""
    return {**CLOSED, "properties": properties, "required": list(properties)}


def nested(levels: int) -> dict[str, Any]:
    """Objects inside each other."""
    return closed(a=nested(levels - 1)) if levels > 1 else closed(a={"type": "string"})


SAME_FIRST_KEY = closed(a={"anyOf": [closed(x={"type": "string"}), {"$ref": "#/$defs/other"}]})
UNION = {"anyOf": [{"type": "string"}, {"type": "null"}]}
BREAKING: list[tuple[str, dict[str, Any], str]] = [
    ("openai", closed(**{f"a{n}": {"type": "string"} for n in range(5_001)}), "5001 properties, at most 5000"),
    ("openai", nested(11), "objects 11 deep, at most 10"),
    ("openai", closed(**{"a" * 120_001: {"type": "string"}}), "120001 characters of names"),
    ("openai", closed(a={"type": "integer", "enum": list(range(1_001))}), "1001 enum values, at most 1000"),
    ("openai", {**CLOSED, "properties": {"a": {"type": "string"}}}, "every property must be required"),
    ("openai", {"type": "array", "items": {"type": "string"}}, "the outermost schema must be an object"),
    ("openai", closed(a={"type": "object", "properties": {}}), "the object is not closed"),
    ("openai", closed(a={"oneOf": []}), "the keyword 'oneOf' is not taken"),
    ("openai", {**SAME_FIRST_KEY, "$defs": {"other": closed(x={"type": "number"})}}, "begin with the same key"),
    ("anthropic", {**CLOSED, "properties": {f"a{n}": {"type": "string"} for n in range(25)}}, "25 properties that may"),
    ("anthropic", closed(**{f"a{n}": UNION for n in range(17)}), "17 places where several types fit, at most 16"),
    ("anthropic", closed(a={"type": "integer", "minimum": 1}), "the keyword 'minimum' is not taken"),
]


@pytest.mark.parametrize(("provider", "schema", "said"), BREAKING)
def test_each_rule(provider: str, schema: dict[str, Any], said: str) -> None:
    """A schema that breaks a published rule is told which one, and only that one."""
    found = [str(broken) for broken in broken_rules(schema, LIMITS[provider])]
    assert len(found) == 1
    assert said in found[0]


def test_a_union_inside_a_union() -> None:
    """The branches of an ``anyOf`` that stands in another one are held to its rules with the others."""
    inner = {"anyOf": [closed(x={"type": "number"}), closed(y={"type": "number"})]}
    for other, broken in (("x", True), ("z", False)):
        outer = closed(a={"anyOf": [{"$ref": "#/$defs/inner"}, closed(**{other: {"type": "string"}})]})
        found = list(broken_rules({**outer, "$defs": {"inner": inner}}, LIMITS["openai"]))
        assert bool(found) == broken


def test_where() -> None:
    """A broken rule names the place: of a count, the place where it is exceeded."""
    wide = closed(a=closed(**{f"b{n}": UNION for n in range(20)}))
    assert next(broken_rules(wide, LIMITS["anthropic"])).path == "$.properties.a.properties.b16"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_catalogues(provider: str) -> None:
    """The built-in tools, and 40 others, are asked for by constrained output within every published rule."""
    for tools in (builtin_catalogue(), made_up(40), TOOLS):
        form = choose_form(tools, provider, "schema")
        assert form.tier == "schema"
        assert list(broken_rules(form.grammar, LIMITS[provider])) == []


def test_nestful(bench_data: Path) -> None:
    """NESTFUL's 70 tools fit whole, whoever is asked."""
    tools = of_set(public_sets(bench_data)[0])
    assert [choose_form(tools, provider, "schema").tier for provider in ("openai", "anthropic")] == ["schema"] * 2


def test_dialect() -> None:
    """B14: A provider that caps optional properties is asked for all once there are too many, with the reason."""
    few, many = choose_form(made_up(5), "anthropic", "schema"), choose_form(made_up(160), "anthropic", "schema")
    assert str(few) == "schema, strings"
    assert str(many).startswith("schema, filled: $.$defs.call.anyOf[")
    assert "163 properties that may be left out, at most 24 are taken" in str(many)


def test_tier() -> None:
    """What no dialect can fit is asked for by a forced tool call, and the record says which rule was broken where."""
    some, others = ({"type": "string", "enum": [f"{kind} {n}" for n in range(600)]} for kind in ("option", "other"))
    form = choose_form([tool("pick", ["a", "b"], a=some, b=others)], "openai", "schema")
    assert (form.tier, form.dialect) == ("tool", "unions")
    assert "1209 enum values, at most 1000 are taken" in form.reason
    assert choose_form(made_up(160), "unions", "schema").tier == "schema"  # servers that publish no limits


def test_refused_at_run_time() -> None:
    """A schema that the provider refused for a reason it does not publish is not sent again."""
    form = choose_form(TOOLS, "anthropic", "schema", refused="the provider refused the schema: too large")
    assert str(form) == "tool, strings: the provider refused the schema: too large"


def test_configured_tier() -> None:
    """A lower tier that was asked for is kept, and so is the dialect of a log written before the limits were known."""
    assert str(choose_form(TOOLS, "openai", "text")) == "text, unions"
    assert str(choose_form(made_up(160), "strings", "schema")) == "schema, strings"


def test_depth_of_recursion() -> None:
    """A schema that refers to itself is deeper than any limit, and found so at once."""
    endless = closed(a={"$ref": "#/$defs/a"}) | {"$defs": {"a": closed(a={"$ref": "#/$defs/a"})}}
    assert [broken.path for broken in broken_rules(endless, replace(LIMITS["unions"], depth=10))] == ["$"]
    assert compile_grammar([], "unions")["properties"].keys() == {"steps"}
