"""NESTFUL's plans: all of the public set run and give what a direct evaluation gives."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from engine.planner.formats.loading import load_plan
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.errors import PlanError

Row = Mapping[str, Any]
REFERENCE = re.compile(r"\$(var\d+)((?:\.\w+|\[\d+\])*)\$")
SAMPLES: dict[str, Callable[[int], Any]] = {
    "string": lambda n: f"text {n}",
    "integer": lambda n: n,
    "number": lambda n: n / 8,
    "boolean": lambda n: n % 2 == 0,
    "array": lambda n: [f"item {n}", {"n": n}, "last"],
    "object": lambda n: {"n": n, "name": f"object {n}"},
}


def made_up(spec: Row, arguments: Row) -> dict[str, Any]:
    """Return a result of the declared shape that depends on the tool and every argument."""
    seed = json.dumps([spec["name"], arguments], sort_keys=True, ensure_ascii=False).encode()
    found: dict[str, Any] = {}
    for index, (name, field) in enumerate(spec["output_parameters"].items()):
        kind = field.get("type", "string").lower()
        found[name] = SAMPLES.get(kind, SAMPLES["string"])(zlib.crc32(seed) % 1000 + index)
    return found


def evaluated(calls: list[Row], specs: Mapping[str, Row]) -> dict[str, Any]:
    """Evaluate nested calls one after the other, with no engine at all; the answer's parts stand under var_result."""
    results: dict[str, Any] = {}

    def reached(match: re.Match[str]) -> Any:
        value = results[match[1]]
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", match[2]):
            value = value[name] if name else value[int(index)]
        return value

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [filled(item) for item in cast("list[Any]", value)]
        if not isinstance(value, str):
            return value
        whole = REFERENCE.fullmatch(value)
        return reached(whole) if whole else REFERENCE.sub(lambda m: as_text(reached(m)), value)

    for number, call in enumerate(calls, 1):
        if call["name"] == "var_result":
            parts = {k: v for k, v in call["arguments"].items() if REFERENCE.findall(v)[0][0] in results}
            results["var_result"] = filled(parts)
        else:
            results[f"var{number}"] = made_up(specs[call["name"]], filled(call["arguments"]))
    return results


def as_text(value: Any) -> str:
    """A value inside text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@pytest.fixture(scope="module")
def rows(bench_data: Path) -> list[Row]:
    """The requests with their gold calls."""
    return json.loads((bench_data / "nestful_glaive_plans.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def specs(bench_data: Path, rows: list[Row]) -> dict[str, Row]:
    """The tools' declarations by name, mended where the gold calls contradict them.

    Seven names are called that the set declares nowhere, a few calls leave out what is required or give what is not
    declared, and a few references name a field that the tool does not give.
    """
    tools = json.loads((bench_data / "nestful_glaive_tools.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {tool["name"]: tool for tool in tools}
    for row in rows:
        names = {f"var{number}": call["name"] for number, call in enumerate(row["output"], 1)}
        for call in row["output"][:-1]:
            spec = found.setdefault(call["name"], {"name": call["name"], "output_parameters": {"result": {}}})
            spec["query_parameters"] = declared = dict(spec.get("query_parameters") or spec.get("parameters") or {})
            declared |= {name: {} for name in {*call["arguments"]} - {*declared}}
            for name in {*declared} - {*call["arguments"]}:
                declared[name] = {**declared[name], "required": False}
        for label, path in REFERENCE.findall(json.dumps(row["output"])):
            field = re.match(r"\.(\w+)", path)
            if label in names and field and found.get(names[label]):
                found[names[label]]["output_parameters"].setdefault(field[1], {})
    return found


def stub(spec: Row) -> FakeTool:
    """Return a tool that gives a made-up result of the declared shape."""
    declared = spec["query_parameters"]
    required = [name for name, field in declared.items() if field.get("required")]
    schema: dict[str, Any] = {"type": "object", "properties": {name: {} for name in declared}, "required": required}
    outputs = {name: {"description": field.get("description", "")} for name, field in spec["output_parameters"].items()}
    result = {"type": "object", "properties": outputs}

    def does(given: Row) -> Any:
        return made_up(spec, given)

    return FakeTool(spec["name"], does, input_schema=schema, output_schema=result)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_whole_set_gives_what_direct_evaluation_gives(rows: list[Row], specs: Mapping[str, Row]) -> None:
    """All 169 plans are read, pass the check, run, and every call's result and every part of the answer is right."""
    engine = scripted_engine(ScriptedProvider([]), tools=[stub(spec) for spec in specs.values()])
    noted: list[str] = []
    assert len(rows) == 169
    for row in rows:
        plan, warnings = engine.load(json.dumps(row))
        result = await engine.apply(plan)
        expected = evaluated(row["output"], specs)
        answer = expected.pop("var_result")
        assert (result.status, plan.goal) == ("completed", row["input"])
        assert {key: step.value for key, step in result.steps.items()} == expected
        assert [line.split(":")[0] for line in (plan.answer or "").splitlines()] == list(answer)
        assert all(text in result.answer for text in texts(answer))
        noted += warnings
    assert [note.partition(":")[2] for note in noted] == [
        " 'var3' is taken, the call is named 'var4'",
        " 'var1' is taken, the call is named 'var2'",
        " there is no call labelled 'var3', this part is left out",
        " there is no call labelled 'var3', this part is left out",
    ]


def texts(value: Any) -> list[str]:
    """Every text inside a value."""
    if isinstance(value, (dict, list)):
        parts = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
        return [text for item in parts for text in texts(item)]
    return [value] if isinstance(value, str) else []


def test_money_is_no_reference() -> None:
    """A dollar sign that frames no label means itself; braces that mean something to us do not."""
    calls = [
        {"name": "a", "label": "var1", "arguments": {"price": "$100-$200", "text": "{{var1}} and {x}"}},
        {"name": "b", "label": "$var2$", "arguments": {"text": "it is $var1.rows[0].name$!", "all": "$var1$"}},
    ]
    plan, _ = load_plan(json.dumps(calls))
    assert plan.steps[0].tool_input == {"price": "$100-$200", "text": "\\{{var1}} and {x}"}
    assert plan.steps[1].tool_input == {"text": "it is {{var1.rows[0].name}}!", "all": "{{var1}}"}
    assert (plan.steps[1].id, plan.answer) == ("var2", None)


WRONG: list[tuple[list[Any], str]] = [
    ([{"name": "a", "label": "var1", "arguments": {"x": "$vra1.y$"}}], "$[0].arguments: there is no call labelled"),
    ([{"name": "a", "arguments": []}], "$[0].arguments: expected an object, got a list"),
    ([{"arguments": {}, "name": 3}], "$[0].name: expected a function's name"),
    ([{"name": "a", "arguments": {}}, 7], "$[1]: expected a call, an object, got the number 7"),
    ([{"name": "serch", "arguments": {}}], "$[0].name: there is no tool 'serch' (did you mean 'search'?"),
    ([{"name": "search", "arguments": {"q": "$var1$"}}], "$[0].arguments.q: step var1 refers to itself"),
]


@pytest.mark.parametrize(("calls", "said"), WRONG)
def test_what_is_wrong_is_named_by_its_index(calls: list[Any], said: str) -> None:
    """B16: an error names the call by its place in the file, in the file's own words, and the nearest word."""
    with pytest.raises(PlanError) as caught:
        load_plan(json.dumps(calls), "nestful", tools=[FakeTool("search").spec])
    assert f"{caught.value.message} ({caught.value.hint})".startswith(said)
