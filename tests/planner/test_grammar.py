"""The compact grammar compiled from the tools."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest
from jsonschema import Draft202012Validator

from benchmarks.quality.plansets import public_sets
from engine.planner.arguments import Dialect
from engine.planner.grammar import compact, compile_grammar, output_sketch
from engine.planner.limits import LIMITS, choose_form
from schemas.errors import ConfigError
from schemas.plan import Plan, Step
from schemas.planning import PlanReady, PlanRequest, Repairing
from schemas.policies import ApprovalPolicy
from schemas.tool import ToolSpec
from tests.planner.catalogues import builtin_catalogue, of_set
from tests.planner.doubles import CONVERT, SEARCH, TOOLS, ScriptedModel, deltas, tool
from tests.planner.walks import Outcome, accepts, compiled, outcome, walk

# Missing steps are case 16, cycles 17, empty plans 19, arguments 20, conditions 21, references 22; and empty texts.
TYPED = {"missing_step", "cycle", "empty", "input", "condition", "foreach", "reference", "field", "parse"}
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
PAY = tool("pay", ["to"], to="string").model_copy(update={"effects": "effectful", "approval": ApprovalPolicy()})


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
        inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
        for part in [*inner, schema.get("items")]:
            yield from parts(part)


def valid(reply: str, dialect: Dialect = "unions", tools: Sequence[ToolSpec] = ALL) -> bool:
    """Whether a reply keeps to the grammar."""
    return Draft202012Validator(compile_grammar(tools, dialect)).is_valid(json.loads(reply))


def calls(grammar: dict[str, Any]) -> dict[str, Any]:
    """The bodies of the calls in a grammar, by the tool's name."""
    return {name: body for call in grammar["$defs"]["call"]["anyOf"] for name, body in call["properties"].items()}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_deterministic(dialect: Dialect) -> None:
    """The same tools in any order give the same bytes, and a valid JSON Schema."""
    grammar = compile_grammar(ALL, dialect)
    Draft202012Validator.check_schema(grammar)
    assert json.dumps(grammar) == json.dumps(compile_grammar(tuple(reversed(ALL)), dialect))


def test_replies() -> None:
    """The grammar takes what the instructions show, and nothing with an unknown tool."""
    assert valid('{"steps":[{"search":"a"},{"search":{"query":"a","limit":5}},{"now":{}},{"answer":"x"},{"ask":"y"}]}')
    assert valid('{"steps":[{"merge":{"parts":["{{1}}"]}},{"merge":{"options":"{}","parts":"{{1}}"}}]}')
    assert valid('{"steps":[{"search":"a"},{"search":{"query":"a"}},{"search":{"query":"a","limit":"5"}}]}', "strings")
    assert valid('{"steps":[{"convert":{"value":"{{1.m}}","to":"ft"}},{"convert":{"value":1,"to":"{{1}}"}}]}')
    assert valid('{"steps":[{"convert":{"value":"1","to":"ft"}}]}', "strings")
    assert not valid('{"steps":[{"serch":"a"}]}')
    assert not valid('{"steps":[{"convert":{"value":"high","to":"ft"}}]}')
    assert not valid('{"steps":[{"search":"a","convert":{"value":1,"to":"ft"}}]}')


def test_whole_steps() -> None:
    """A call that needs more than arguments stands in a step; in ``filled`` also one with optional arguments."""
    more = '"depends_on":[1],"when":null,"foreach":"{{1.items}}","rationale":null'
    step = f'{{"steps":[{{"step":{{"search":{{"query":"{{{{item}}}}","limit":5}}}},{more}}}]}}'
    assert valid(step, tools=(*ALL, PAY))
    assert not valid(step)
    assert valid('{"steps":[{"step":{"search":"a"},"depends_on":["1"]}]}', "strings", (*ALL, PAY)) is False
    assert valid('{"steps":[{"step":{"search":{"query":"a","limit":"5"}},"depends_on":[1]}]}', "strings", (*ALL, PAY))
    assert valid('{"steps":[{"step":{"search":{"query":"a","limit":""}},"when":[],"foreach":""}]}', "filled")
    assert not valid('{"steps":[{"search":{"query":"a","limit":"5"}}]}', "filled")


def test_what_nothing_can_use_is_left_out() -> None:
    """Over tools that only look plain texts up there is no longer form, and calls stand where they belong."""
    plain = [spec.model_copy(update={"output_schema": {"type": "string"}}) for spec in (SEARCH, CONVERT)]
    grammar = compile_grammar(plain, "unions")
    names = [next(iter(item["properties"])) for item in grammar["properties"]["steps"]["items"]["anyOf"]]
    assert names == ["convert", "search", "answer", "ask"]
    assert set(grammar["$defs"]) == {"reference"}


def test_one_reference_stands_in_its_place() -> None:
    """What a reference is stands where it is used if that is one place only, and no empty definitions are sent."""
    plain = {"effects": "none", "output_schema": {"type": "string"}}
    add, look = (
        one.model_copy(update=plain) for one in (tool("add", ["n"], n="number"), tool("look", ["what"], what="string"))
    )
    one, none = (json.dumps(compile_grammar(tools, "unions")) for tools in ([add], [look]))
    assert ('"pattern"' in one, '"pattern"' in none, "$defs" in one + none) == (True, False, False)


def test_alike_arguments_stand_once() -> None:
    """What several arguments are alike is said once, whatever their names."""
    grammar = compile_grammar([tool(name, ["a", "b"], a="number", b="number") for name in "xyz"], "unions")
    bodies = [body["properties"] for body in calls(grammar).values()]
    assert bodies == [{"a": {"$ref": "#/$defs/type_1"}, "b": {"$ref": "#/$defs/type_1"}}] * 3


def test_bare_texts_and_unions() -> None:
    """Where unions are few a bare text may stand beside arguments by name for a few tools only, else none."""
    few, many = ([tool(f"t{n}", ["a"], a="string", b="string") for n in range(count)] for count in (12, 13))
    assert valid('{"steps":[{"t0":"x"},{"t0":{"a":"x","b":"y"}}]}', "strings", few)
    assert not valid('{"steps":[{"t0":"x"}]}', "strings", many)
    assert valid('{"steps":[{"t0":{"a":"x"}}]}', "strings", many)
    assert [str(choose_form(tools, "anthropic", "schema")) for tools in (few, many)] == ["schema, strings"] * 2


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


@pytest.mark.parametrize("dialect", ["strings", "filled"])
def test_strings_rules(dialect: Dialect) -> None:
    """The dialects of strings have no union of types but a bare text's; in ``filled`` nothing may be left out."""
    grammar = compile_grammar(ALL, dialect)
    plain = [part for part in parts(grammar) if any(one.get("type") != "object" for one in part.get("anyOf", ()))]
    unions = [part for part in plain if not any("$ref" in one for one in part["anyOf"])]
    assert unions == ([calls(grammar)["search"]] if dialect == "strings" else [])
    optional = sum(len(part["properties"]) - len(part["required"]) for part in parts(grammar) if "properties" in part)
    assert optional == (2 + 1 + 1 + 5 if dialect == "strings" else 0)


def test_reserved_names() -> None:
    """A tool named like a word of the grammar is a clear configuration error."""
    for name in ("step", "answer", "ask"):
        with pytest.raises(ConfigError, match=f"a tool cannot be named '{name}'"):
            compile_grammar([tool(name)], "unions")


def test_descriptions() -> None:
    """Where it is the only thing read, the grammar says what tools and arguments mean; else it says nothing twice."""
    spec = SEARCH.model_copy(update={"output_schema": {"type": "array", "items": {"type": "string", "title": "x"}}})
    grammar = compile_grammar([spec, NESTED], "unions", described=True)
    said = [call["description"] for call in grammar["$defs"]["call"]["anyOf"]]
    assert said == ["The nested tool.", 'The search tool.\nReturns: {"type":"array","items":{"type":"string"}}']
    whole = calls(grammar)["nested"]["anyOf"][1]["properties"]
    assert whole["choice"]["description"] == "How many. [minimum 3, default 5]"
    assert "description" not in json.dumps(compile_grammar([spec, NESTED], "unions"))
    named = compile_grammar([tool("named", ["description", "x"], description="string", x="string")], "strings")
    assert calls(named)["named"]["properties"].keys() == {"description", "x"}


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


@pytest.mark.parametrize("dialect", DIALECTS)
def test_decoder(dialect: Dialect) -> None:
    """A real constrained decoder takes the grammar without a warning, and would write what a model should."""
    matcher = compiled([*builtin_catalogue(), *ALL], dialect)
    assert (matcher.is_error(), matcher.get_error(), matcher.get_grammar_warnings()) == (False, "", [])
    grammar = compile_grammar(ALL, dialect)
    plan = Plan(steps=(Step(id="1", tool="search", tool_input={"query": "a"}),), answer="It is {{1}}.")
    assert accepts(grammar, json.dumps(compact(plan, ALL, dialect), separators=(",", ":")))
    assert not accepts(grammar, '{"steps":[{"serch":"a"}]}')
    assert not accepts(grammar, '{"steps":[{"convert":{"worth":"1","to":"ft"}}]}')


@pytest.mark.parametrize("dialect", DIALECTS)
def test_walks(dialect: Dialect) -> None:
    """B14: What a constrained decoder can write has right names and types; all else is typed, and mended once asked."""
    counts = anyio.run(_walked, [*builtin_catalogue(), *ALL], dialect, 40, {"steps": [{"answer": "mended"}]})
    assert {"missing_step", "input"} <= counts.keys()


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("catalogue", ["NESTFUL", "built in"])
def test_long_walks(catalogue: str, dialect: Dialect, request: pytest.FixtureRequest) -> None:
    """The same over 1,000 walks through each catalogue; where a call mends the plan, too."""
    tools, repair = [*builtin_catalogue(), *ALL], {"steps": [{"search": "a"}, {"answer": "{{1}}"}]}
    if catalogue == "NESTFUL":
        tools = of_set(public_sets(request.getfixturevalue("bench_data"))[0])
        repair = {"steps": [{"get_random_joke": {}}, {"answer": "{{1}}"}]}
        assert len(tools) == 64  # 70 specs, six of them said twice
    counts = anyio.run(_walked, tools, dialect, 1_000, repair)
    print(catalogue, dialect, dict(counts))
    assert {"missing_step", "input", "cycle"} <= counts.keys()


async def _walked(tools: Sequence[ToolSpec], dialect: Dialect, count: int, repair: Any) -> Counter[str]:
    """Walk, assert that nothing is wrong that a grammar prevents, repair what else is, and count that by code."""
    matcher = compiled(tools, dialect)
    counts: Counter[str] = Counter()
    for seed in range(count):
        found = outcome(walk(matcher, random.Random(seed)), tools, dialect)
        assert found.wrong == [], found.reply
        assert set(found.codes) <= TYPED, found.codes
        counts.update(set(found.codes) or {"none"})
        await _mended(found, tools, dialect, json.dumps(repair))
    return counts


async def _mended(found: Outcome, tools: Sequence[ToolSpec], dialect: Dialect, repair: str) -> None:
    """Let the planner read the reply, and after a faulty one the repair."""
    declared = dialect if dialect in LIMITS else "anthropic"
    model = ScriptedModel([found.reply, repair], dialect=declared, chunk=10_000)
    request = PlanRequest(task="t", tools=tuple(tools), max_steps=50)
    made = await deltas(model, request)
    assert isinstance(made[-1], PlanReady), found.reply
    assert len([delta for delta in made if isinstance(delta, Repairing)]) == int(bool(found.codes)), found.reply


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
