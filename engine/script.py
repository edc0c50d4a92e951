"""Writes a plan as a stand-alone Python script: asyncio, the user's own functions, one function a step.

The script has no retries, limits, approvals or replanning; those are the engine's. What it keeps is the plan: each
step runs as soon as its inputs are there, conditions, foreach, references, the order of steps that touch the same
thing, and the answer.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, cast

from engine.dag.build import dependencies, in_dependency_order
from engine.dag.conditions import describe
from engine.dag.hazards import HazardIndex, access
from engine.dag.refs import ITEM, Reference, expression, find_references, parse
from engine.synth.language import phrases_for
from engine.synth.template import stands_alone
from schemas.plan import Condition, Plan, Step
from schemas.tool import ToolSpec

_NOT_IDENTIFIER = re.compile(r"\W+")
_RULE = re.compile(r"^# -{20,}$", re.M)
_DEFINED = re.compile(r"^(?:async def|def|class) (\w+)|^import (\w+)|^(\w+)(?:: Any)? = ", re.M)
_WIDTH = 100
_QUERY = '''def query(value: Any, path: str) -> Any:
    """Return what a JMESPath expression finds in a result (pip install jmespath)."""
    return None if value is SKIPPED else jmespath.search(path, value)
'''
_IMPORTS = """from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import sys
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast
"""


def to_python(plan: Plan, tools: Mapping[str, ToolSpec], sources: Mapping[str, str]) -> str:
    """Return the script.

    Args:
        plan: A checked plan.
        tools: The declared tools, for the types of arguments and for what they read and write.
        sources: Where the functions are, ``module:function`` by tool; the others become functions to fill in.
    """
    runtime = _RULE.split(resources.files("engine").joinpath("standalone.py").read_text(encoding="utf-8"), maxsplit=1)[
        1
    ]
    return _Script(plan, tools, sources, runtime.strip()).text()


class _Script:
    """One script while it is written."""

    def __init__(self, plan: Plan, tools: Mapping[str, ToolSpec], sources: Mapping[str, str], runtime: str) -> None:
        self._plan = plan
        self._steps = in_dependency_order(plan.steps)
        self._tools = tools
        self._sources = sources
        self._runtime = runtime
        self._taken = {name for found in _DEFINED.findall(runtime + "\n" + _IMPORTS) for name in found if name}
        self._taken |= {*dir(builtins), *keyword.kwlist, "STEPS", "query", "jmespath", "run", "item", "answer"}
        self._taken |= {"Any", "NamedTuple", "Awaitable", "Callable", "Iterable", "Mapping", "Sequence", "cast"}
        self._taken |= {"YES", "NO", "COMMA", "ABSENT", "annotations"}
        used = dict.fromkeys(step.tool for step in self._steps)
        self._called = {tool: self._name(self._sources.get(tool, tool).rpartition(":")[2]) for tool in used}
        self._functions = {step.id: self._name(f"step_{step.id}") for step in self._steps}

    def text(self) -> str:
        """Return the whole of it."""
        imported = "".join(self._imports())
        steps = "\n\n\n".join(self._step(step) for step in self._steps)
        answer = self._answer()
        queried = "query(" in steps or "query(" in answer
        imports = _IMPORTS + ("\nimport jmespath\n" if queried else "")
        parts = [
            self._head() + "\n" + imports + imported,
            *self._stubs(),
            _title("The steps"),
            steps,
            answer,
            _title("What runs them"),
            self._words() + "\n" + self._runtime,
            _QUERY.rstrip() if queried else "",
            _title("The plan"),
            self._table(),
            f'if __name__ == "__main__":\n    sys.exit(main(STEPS, {"answer" if answer else "None"}))',
        ]
        return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"

    def _name(self, wanted: str) -> str:
        """Return an identifier like a name that nothing else in the script has."""
        base = _NOT_IDENTIFIER.sub("_", wanted.rpartition(".")[2]).strip("_") or "step"
        base = f"_{base}" if base[0].isdigit() else base
        found, number = base, 1
        while found in self._taken:
            number += 1
            found = f"{base}_{number}"
        self._taken.add(found)
        return found

    def _head(self) -> str:
        goal = _comment(self._plan.goal) or "An exported plan."
        modules = sorted({source.partition(":")[0] for tool in self._called if (source := self._sources.get(tool))})
        beside = f"Keep it where {', '.join(modules)} can be imported. " if modules else ""
        return f'''"""{goal}

Exported from a plan: each step runs as soon as its inputs are there. {beside}
Run it by: python FILE (--json prints every result). There are no retries, limits or approvals here.
"""
'''.replace(" \n", "\n")

    def _imports(self) -> Iterable[str]:
        lines: list[str] = []
        for tool, name in self._called.items():
            if tool not in self._sources:
                continue
            module, _, function = self._sources[tool].partition(":")
            outer, dot, inner = function.partition(".")
            if dot:
                lines.append(f"import {module}\n")
                self._called[tool] = f"{module}.{outer}.{inner}"
            else:
                lines.append(f"from {module} import {outer}" + (f" as {name}" if name != outer else "") + "\n")
        return ["\n", *sorted(set(lines))] if lines else []

    def _stubs(self) -> Iterable[str]:
        missing = [tool for tool in self._called if tool not in self._sources]
        if missing:
            yield _title("To fill in: these tools are no Python functions of the configuration")
        for tool in missing:
            spec = self._tools.get(tool)
            said = _comment(spec.description) if spec else ""
            yield (
                f"def {self._called[tool]}(**arguments: Any) -> Any:\n"
                f'    """Fill in: {said or f"the tool {tool}."}"""\n'
                f'    raise NotImplementedError("the tool {tool} has to be filled in")'
            )

    def _step(self, step: Step) -> str:
        said = _comment(step.description or step.rationale or "")
        lines = [f"async def {self._functions[step.id]}(run: Run) -> Any:", f'    """{said}"""' if said else ""]
        spec = self._tools.get(step.tool)
        if spec is not None and spec.asks:
            lines.append("    # In the engine a person approves this call first.")
        for condition in step.when or ():
            lines.append(f"    if not {self._condition(condition)}:  # {_comment(describe(condition))}")
            lines.append("        raise SkippedError")
        call = self._call(step, spec)
        if step.foreach is None:
            lines.append(f"    return await {call}")
        else:
            lines.append(f"    items = {self._value(step.foreach)}")
            lines.append(f"    return await for_each(items, {step.max_items}, lambda item: {call})")
        return "\n".join(line for line in lines if line)

    def _call(self, step: Step, spec: ToolSpec | None) -> str:
        given = dict(step.tool_input or {})
        properties: dict[str, Any] = {} if spec is None else spec.input_schema.get("properties", {})
        written = [
            (name, self._value(value, text=properties.get(name, {}).get("type") == "string"))
            for name, value in given.items()
        ]
        for name in spec.required if spec else ():
            if name not in given:
                written.append((name, f"fill_in({f'step {step.id}, argument {name}'!r})"))
        plain = [f"{name}={value}" for name, value in written if name.isidentifier() and not keyword.iskeyword(name)]
        other = [f"{name!r}: {v}" for name, v in written if not name.isidentifier() or keyword.iskeyword(name)]
        parts = [self._called[step.tool], *plain, *([f"**{{{', '.join(other)}}}"] if other else [])]
        line = f"call({', '.join(parts)})"
        if len(line) <= _WIDTH:
            return line
        return "call(\n        " + ",\n        ".join(parts) + ",\n    )"

    def _value(self, value: Any, *, text: bool = False) -> str:
        """Return a template as a Python expression; ``text``: where nothing but text is taken."""
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return "{" + ", ".join(f"{key!r}: {self._value(item)}" for key, item in items) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self._value(item) for item in cast("list[Any]", value)) + "]"
        if not isinstance(value, str):
            return repr(value)
        segments = parse(value)
        if len(segments) != 1:
            parts = [repr(one) if isinstance(one, str) else self._reference(one) for one in segments]
            return f"joined({', '.join(parts)})"
        only = segments[0]
        if isinstance(only, str):
            return repr(only)
        return f"worded({self._reference(only)})" if text else self._reference(only)

    def _reference(self, reference: Reference) -> str:
        whole = _result(reference)
        if reference.steps is None:
            return f"query({whole}, {expression(reference.path)!r})"
        return f"dig({', '.join([whole, *(repr(part) for part in reference.steps)])})"

    def _condition(self, condition: Condition) -> str:
        if condition.op != "exists":
            return f"holds({self._value(condition.value)}, {condition.op!r}, {self._value(condition.to)})"
        reference = find_references(condition.value)[0]
        counts = "" if reference.steps is not None else ", null_counts=False"
        found = f"there(lambda: {self._reference(reference)}, {_result(reference)}{counts})"
        return found if condition.to is not False else f"(not {found})"

    def _answer(self) -> str:
        if self._plan.answer is None:
            return ""
        segments = parse(self._plan.answer)
        parts: list[str] = []
        for index, one in enumerate(segments):
            if isinstance(one, str):
                parts.append(repr(one))
            else:
                shape = "listed" if stands_alone(segments, index) else "shown"
                parts.append(f"{shape}({self._reference(one)})")
        inner = ",\n        ".join(parts)
        return (
            f'def answer(run: Run) -> str:\n    """Return the answer."""\n    return joined(\n        {inner},\n    )'
        )

    def _words(self) -> str:
        said = phrases_for("".join(one for one in parse(self._plan.answer or "") if isinstance(one, str)))
        return f"YES, NO, COMMA, ABSENT = {said.yes!r}, {said.no!r}, {said.comma!r}, '—'"

    def _table(self) -> str:
        hazards = HazardIndex()
        lines = ["STEPS = {"]
        for step in self._steps:
            spec = self._tools.get(step.tool)
            needs = dependencies(step)
            after = hazards.add(step.id, access(spec, step.tool_input)) if spec is not None else set[str]()
            fields = [self._functions[step.id]]
            fields += [f"needs={list(needs)!r}"] if needs else []
            fields += [f"after={sorted(after - set(needs))!r}"] if after - set(needs) else []
            fields += [] if step.critical else ["critical=False"]
            lines.append(f"    {step.id!r}: Step({', '.join(fields)}),")
        return "\n".join([*lines, "}"])


def _result(reference: Reference) -> str:
    return "item" if reference.step_id == ITEM else f"run[{reference.step_id!r}]"


def _title(text: str) -> str:
    return f"# {text} ".ljust(100, "-")


def _comment(text: str) -> str:
    """Return text as one line that is safe inside a docstring or a comment."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line.replace("\\", "/").replace('"', "'")
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
