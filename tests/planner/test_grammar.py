"""The compact grammar compiled from the tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from engine.planner.arguments import Dialect
from engine.planner.grammar import compact, compile_grammar, optional_count, output_sketch
from schemas.errors import ConfigError
from schemas.plan import Plan, Step
from tests.planner.doubles import SEARCH, TOOLS, tool

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
NESTED = tool(
    "nested",
    ["where"],
    where={
        "type": "object",
        "properties": {"city": {"type": "string"}, "zip": {"type": "integer"}},
        "required": ["city"],
    },
    extra={"$ref": "#/$defs/extra"},
    free={"type": "object"},
    choice={"anyOf": [{"type": "integer"}, {"type": "null"}], "minimum": 3, "default": 5, "description": "How many."},
    mixed={"oneOf": [{"type": "integer"}, {"type": "boolean"}]},
    anything={},
)
NESTED = NESTED.model_copy(update={"input_schema": {**NESTED.input_schema, "$defs": {"extra": {"enum": [1, 2]}}}})
ALL = (*TOOLS, NESTED, tool("now"))


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
        inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
        for part in [*inner, schema.get("items")]:
            yield from parts(part)


def valid(reply: str, dialect: Dialect = "unions") -> bool:
    """Whether a reply keeps to the grammar."""
    return Draft202012Validator(compile_grammar(ALL, dialect)).is_valid(json.loads(reply))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_deterministic(dialect: Dialect) -> None:
    """The same tools in any order give the same bytes, and a valid JSON Schema."""
    grammar = compile_grammar(ALL, dialect)
    Draft202012Validator.check_schema(grammar)
    assert json.dumps(grammar) == json.dumps(compile_grammar(tuple(reversed(ALL)), dialect))


def test_replies() -> None:
    """The grammar takes what the instructions show, and nothing with an unknown tool."""
    assert valid('{"steps":[{"search":"a"},{"search":{"query":"a"}},{"now":{}},{"answer":"x"},{"ask":"y"}]}')
    assert valid('{"steps":[{"convert":{"value":"{{1.m}}","to":"ft"}},{"convert":{"value":1,"to":"{{1}}"}}]}')
    assert valid('{"steps":[{"convert":{"value":"1","to":"ft"}}]}', "strings")
    assert not valid('{"steps":[{"serch":"a"}]}')
    assert not valid('{"steps":[{"convert":{"value":"high","to":"ft"}}]}')
    assert not valid('{"steps":[{"search":"a","convert":{"value":1,"to":"ft"}}]}')


def test_whole_steps() -> None:
    """A call with more than required arguments stands in a step."""
    more = '"depends_on":[1],"when":null,"foreach":"{{1.items}}","rationale":null'
    assert valid(f'{{"steps":[{{"step":{{"search":{{"query":"{{{{item}}}}","limit":5}}}},{more}}}]}}')
    assert valid('{"steps":[{"step":{"search":{"query":"a"}},"depends_on":["1"]}]}', "strings") is False
    assert valid('{"steps":[{"step":{"search":{"query":"a","limit":"5"}},"depends_on":[1]}]}', "strings")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_first_keys(dialect: Dialect) -> None:
    """No two branches of one anyOf share a first key: one provider refuses such a schema."""
    grammar = compile_grammar(ALL, dialect)
    for part in parts(grammar):
        branches = [grammar["$defs"].get(one.get("$ref", "").rpartition("/")[2], one) for one in part.get("anyOf", [])]
        first = [next(iter(branch["properties"])) for branch in branches if branch.get("properties")]
        assert len(first) == len(set(first))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_closed(dialect: Dialect) -> None:
    """Every object is closed, and no keyword is used that constrained decoding does not take."""
    taken = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$ref", "$defs"}
    for part in parts(compile_grammar(ALL, dialect)):
        assert part.keys() <= taken | {"description", "pattern"}
        assert part.get("type") != "object" or part["additionalProperties"] is False


def test_unions_rules() -> None:
    """Dialect unions requires every property; what may be left out takes null."""
    objects = [part for part in parts(compile_grammar(ALL, "unions")) if "properties" in part]
    assert all(set(part["required"]) == set(part["properties"]) for part in objects)


def test_strings_rules() -> None:
    """Dialect strings has no union of types, and the grammar knows how many properties may be left out."""
    grammar = compile_grammar(ALL, "strings")
    unions = [part for part in parts(grammar) if "anyOf" in part and not all("$ref" in one for one in part["anyOf"])]
    assert unions == []
    assert optional_count(grammar) == 4 + 1 + 1 + 5


def test_reserved_names() -> None:
    """A tool named like a word of the grammar is a clear configuration error."""
    for name in ("step", "answer", "ask"):
        with pytest.raises(ConfigError, match=f"a tool cannot be named '{name}'"):
            compile_grammar([tool(name)], "unions")


def test_descriptions() -> None:
    """A call carries the tool's description, what it returns, and its arguments' descriptions and limits."""
    spec = SEARCH.model_copy(update={"output_schema": {"type": "array", "items": {"type": "string", "title": "x"}}})
    defs = compile_grammar([spec, NESTED], "unions")["$defs"]
    assert defs["call_search"]["description"] == 'The search tool.\nReturns: {"type":"array","items":{"type":"string"}}'
    assert defs["full_nested"]["properties"]["nested"]["properties"]["choice"]["description"] == (
        "How many. [minimum 3, default 5]"
    )


def test_output_sketch() -> None:
    """A large result is sketched less deeply; nothing known is nothing said."""
    deep = {
        "type": "object",
        "properties": {
            f"field_{n}": {
                "type": "array",
                "items": {"type": "object", "properties": {"a_long_name": {"type": "string"}}},
            }
            for n in range(9)
        },
    }
    assert len(output_sketch(deep)) <= 600
    assert "field_8" in output_sketch(deep)
    assert (output_sketch(None), output_sketch({"title": "x"})) == ("", "")


def test_tokens(bench_data: Path, count_tokens: Callable[[str], int]) -> None:
    """The ParallelQA oracle plans cost at most 16.5 tokens a step as the model writes them, wrapper included."""
    tools = [
        tool("search", ["query"], query="string"),
        tool("math", ["question"], question="string"),
    ]
    names = {"search": "query", "math": "question"}
    tokens = steps = 0
    for oracle in json.loads((bench_data / "parallelqa_half_plans.json").read_text()):
        plan = Plan(
            steps=tuple(_step(node, names) for node in oracle["nodes"]), answer=f"{{{{{len(oracle['nodes'])}}}}}"
        )
        tokens += count_tokens(json.dumps(compact(plan, tools), separators=(",", ":"), ensure_ascii=False))
        steps += len(plan.steps)
    assert tokens / steps <= 16.5


def _step(node: dict[str, Any], names: dict[str, str]) -> Step:
    given = " ".join([node["arg"], *(f"{{{{{needed}}}}}" for needed in node["deps"])])
    return Step(id=str(node["id"]), tool=node["tool"], tool_input={names[node["tool"]]: given})
