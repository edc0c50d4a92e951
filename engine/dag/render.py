"""Pictures of a plan or run: Mermaid, DOT, text. Each holds every step and every edge once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import networkx as nx

from engine.dag.build import dependencies, graph
from schemas.plan import Plan, Step

_INPUT_CHARS = 60
_STATES = {
    "done": ("#d8f0d8", "✓"),
    "failed": ("#f6d5d5", "✗"),
    "running": ("#d5e5f6", "▶"),
    "skipped": ("#eeeeee", "–"),
    "cancelled": ("#eeeeee", "■"),
    "discarded": ("#eeeeee", "·"),
}


def label(step: Step) -> str:
    """Return a step as one short line: id, tool, input."""
    shown = input_line(step)
    return f"{step.id}. {step.tool}" + (f" {shown}" if shown else "")


def input_line(step: Step) -> str:
    """Return a step's input as one short line; empty without one."""
    shown = "" if not step.tool_input else json.dumps(step.tool_input, ensure_ascii=False)
    return shown if len(shown) <= _INPUT_CHARS else shown[: _INPUT_CHARS - 1] + "…"


def edges(plan: Plan) -> list[tuple[str, str]]:
    """Return every dependency once, declared or implied, in plan order; ends outside the plan are left out."""
    ids = {step.id for step in plan.steps}
    return [(needed, step.id) for step in plan.steps for needed in dependencies(step) if needed in ids]


def to_mermaid(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """Return a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html).

    Args:
        plan: The plan.
        states: Step states by id, for colours; left out for a plan that has not run.
    """
    names = {step.id: f"s{index}" for index, step in enumerate(plan.steps)}
    lines = ["flowchart TD"]
    for step in plan.steps:
        # Mermaid takes "1. " for the start of a Markdown list and refuses it, so the id stands before a colon.
        shown = full_label(step).replace(f"{step.id}. ", f"{step.id}: ", 1)
        lines.append(f'  {names[step.id]}["{_mermaid_text(shown)}"]')
    lines += [f"  {names[source]} --> {names[target]}" for source, target in edges(plan)]
    for step in plan.steps:
        state = (states or {}).get(step.id, "")
        if state in _STATES:
            lines.append(f"  style {names[step.id]} fill:{_STATES[state][0]}")
    return "\n".join(lines) + "\n"


def to_dot(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """Return a Graphviz graph (https://graphviz.org/doc/info/lang.html)."""
    lines = ["digraph plan {", '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica"];']
    for step in plan.steps:
        state = (states or {}).get(step.id, "")
        fill = f", fillcolor={_quoted(_STATES[state][0])}" if state in _STATES else ""
        lines.append(f"  {_quoted(step.id)} [label={_quoted(full_label(step))}{fill}];")
    lines += [f"  {_quoted(source)} -> {_quoted(target)};" for source, target in edges(plan)]
    return "\n".join([*lines, "}"]) + "\n"


def to_text(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """Return one line a step, by level: steps of one level can run side by side."""
    incoming = needed_by(plan)
    level = levels(plan)
    lines: list[str] = []
    for step in sorted(plan.steps, key=lambda step: level[step.id]):
        mark = _STATES.get((states or {}).get(step.id, ""), ("", ""))[1]
        needs = f"  ← {', '.join(incoming[step.id])}" if incoming[step.id] else ""
        head = f"{mark} " if mark else ""
        lines.append(f"{'  ' * (level[step.id] - 1)}{head}{full_label(step)}{needs}")
    return "\n".join(lines) + "\n"


def needed_by(plan: Plan) -> dict[str, list[str]]:
    """Return for each step the steps of the plan that it needs."""
    incoming: dict[str, list[str]] = {step.id: [] for step in plan.steps}
    for source, target in edges(plan):
        incoming[target].append(source)
    return incoming


def levels(plan: Plan) -> dict[str, int]:
    """Return each step's level, from 1: steps of one level can run side by side."""
    incoming, level = needed_by(plan), dict[str, int]()
    for step in _by_need(plan):
        level[step.id] = 1 + max((level.get(needed, 0) for needed in incoming[step.id]), default=0)
    return level


def full_label(step: Step) -> str:
    """Return a step as one line, with what it is repeated for, and whether it has conditions."""
    repeated = f" (for each of {step.foreach})" if step.foreach is not None else ""
    guarded = " (if)" if step.when else ""
    return _one_line(label(step) + repeated + guarded)


def _by_need(plan: Plan) -> list[Step]:
    """Return steps after what they need; as written where they wait for each other, so that such a plan can be seen."""
    steps = {step.id: step for step in plan.steps}
    position = {step_id: index for index, step_id in enumerate(steps)}

    def place(step_id: str) -> int:
        return position.get(step_id, -1)

    built = graph(plan)
    if not nx.is_directed_acyclic_graph(built):
        return list(plan.steps)
    order = nx.lexicographical_topological_sort(built, key=place)
    return [steps[step_id] for step_id in order if step_id in steps]


def _mermaid_text(text: str) -> str:
    escaped = text.replace("#", "#35;").replace("&", "#amp;").replace('"', "#quot;")
    return _one_line(escaped.replace("<", "#lt;").replace(">", "#gt;").replace("`", "#96;"))


def _quoted(text: str) -> str:
    return '"' + _one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
