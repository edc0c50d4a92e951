"""Graphs of nodes and edges with START and END: ``{"nodes": [{"name"}], "edges": [{"from", "to", "condition"}]}``.

Sources: smallnest/langgraphgo ``prebuilt/planning_agent.go`` (WorkflowPlan), which keeps the last edge from START and
the last condition of a node only; the JSON of LangGraph's ``graph.to_json()`` (``source``, ``target``, ``__start__``).

A node is a step that waits for every node with an edge to it, once. An edge's condition becomes the step's ``when``;
``else`` is the opposite of the conditions beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from engine.planner.formats.draft import Draft, Place, escaped
from engine.planner.formats.wording import OTHERWISE, negated, read_condition
from engine.planner.items import json_kind
from schemas.plan import Condition

_START = frozenset({"START", "__start__"})
_END = frozenset({"END", "__end__"})
_SOURCES, _TARGETS = ("from", "source"), ("to", "target")
_CONDITIONS = ("condition", "if", "when", "label")
_INPUTS = ("tool_input", "args", "arguments", "input", "inputs", "params", "parameters")
_LISTS = ("edges", "conditional_edges", "conditions")
_ROOT_NAMES = frozenset({"result", "output", "it", "value", "state", "response"})
_NO_ID = re.compile(r"[^\w-]+")


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge, with its place in the source."""

    source: str
    target: str
    condition: str
    where: str


@dataclass(slots=True)
class Node:
    """One node on its way to a step."""

    name: str
    step_id: str
    fields: Mapping[str, Any]
    place: Place
    incoming: list[Edge] = field(default_factory=list[Edge])
    outgoing: list[Edge] = field(default_factory=list[Edge])


def read_graph(document: Any, draft: Draft) -> None:
    """Read a graph."""
    if not isinstance(document, dict):
        draft.problem("$", f"expected an object with nodes and edges, got {json_kind(document)}")
        return
    fields = cast("dict[str, Any]", document)
    if isinstance(fields.get("goal"), str):
        draft.head["goal"] = fields["goal"]
    edges = _edges(fields, draft)
    nodes = _nodes(fields, edges, draft)
    begins = [edge for edge in edges if edge.source in _START]
    for edge in edges:
        _join(edge, nodes, draft)
    if draft.notes.problems:
        return
    for node in nodes.values():
        if begins and not node.incoming:
            draft.problem(node.place.where, f"no edge leads to {node.name!r}", f"add an edge from START to {node.name}")
        _add(node, nodes, draft)


def _nodes(fields: dict[str, Any], edges: list[Edge], draft: Draft) -> dict[str, Node]:
    """Return the nodes by name."""
    nodes: dict[str, Node] = {}
    ids: set[str] = set()
    for index, inner in enumerate(_listed(fields, edges, draft)):
        where = f"$.nodes[{index}]"
        name = inner.get("name", inner.get("id"))
        if not isinstance(name, str) or not name:
            draft.problem(where, "expected a node with a name", '{"name": "…"}')
        elif name in nodes:
            draft.problem(where, f"there already is a node {name!r}", "give each node one name", "duplicate")
        elif name not in _START | _END:
            nodes[name] = Node(name, _new_id(name, ids), inner, Place(where, _names(inner)))
    if not nodes and not draft.notes.problems:
        draft.problem("$.nodes", "there is no node but START and END")
    return nodes


def _listed(fields: dict[str, Any], edges: list[Edge], draft: Draft) -> list[dict[str, Any]]:
    """Return the nodes as they are listed, by name or as names only; where none are, those the edges name."""
    listed = fields.get("nodes")
    if listed is None:
        listed = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
    if isinstance(listed, dict):
        named = cast("dict[str, Any]", listed).items()
        return [{"name": name, **(inner if isinstance(inner, dict) else {})} for name, inner in named]
    if not isinstance(listed, list):
        draft.problem("$.nodes", f"expected a list of nodes, got {json_kind(listed)}")
        return []
    items = cast("list[Any]", listed)
    return [cast("dict[str, Any]", item) if isinstance(item, dict) else {"name": item} for item in items]


def _names(fields: Mapping[str, Any]) -> dict[str, str]:
    given = next((name for name in _INPUTS if name in fields), "tool_input")
    return {"tool": "tool" if "tool" in fields else "name", "tool_input": given}


def _new_id(name: str, ids: set[str]) -> str:
    """Return a step id that reads like the node's name."""
    base = _NO_ID.sub("_", name).strip("_")[:100] or "node"
    base = f"{base}_" if base == "item" else base
    found, number = base, 2
    while found in ids:
        found, number = f"{base}_{number}", number + 1
    ids.add(found)
    return found


def _edges(fields: dict[str, Any], draft: Draft) -> list[Edge]:
    found: list[Edge] = []
    for key in _LISTS:
        listed = fields.get(key, [])
        if not isinstance(listed, list):
            draft.problem(f"$.{key}", f"expected a list of edges, got {json_kind(listed)}")
            continue
        for index, item in enumerate(cast("list[Any]", listed)):
            found += _edge(item, f"$.{key}[{index}]", draft)
    return found


def _edge(item: Any, where: str, draft: Draft) -> list[Edge]:
    if isinstance(item, list) and len(cast("list[Any]", item)) == 2:
        item = dict(zip(("from", "to"), cast("list[Any]", item), strict=True))
    if not isinstance(item, dict):
        draft.problem(where, f"expected an edge, got {json_kind(item)}", '{"from": "a", "to": "b"}')
        return []
    fields = cast("dict[str, Any]", item)
    source, target = (next((fields[n] for n in names if n in fields), None) for names in (_SOURCES, _TARGETS))
    condition = next((fields[name] for name in _CONDITIONS if fields.get(name)), "")
    for name, end in (("from", source), ("to", target)):
        if not isinstance(end, str) or not end:
            said = "this field is missing" if end is None else f"expected a node's name, got {json_kind(end)}"
            draft.problem(f"{where}.{name}", said)
            return []
    if not isinstance(condition, str):
        draft.problem(f"{where}.condition", f"expected a condition in words, got {json_kind(condition)}")
        return []
    return [Edge(str(source), str(target), condition, where)]


def _join(edge: Edge, nodes: Mapping[str, Node], draft: Draft) -> None:
    """Hang an edge on its nodes."""
    for name, end, allowed in (("from", edge.source, _START), ("to", edge.target, _END)):
        if end not in nodes and end not in allowed:
            hint = draft.near(end, [*nodes, *sorted(allowed)[:1]], f"nodes: {', '.join(list(nodes)[:20])}")
            draft.problem(f"{edge.where}.{name}", f"there is no node {end!r}", hint, "missing_step")
    if edge.source in _START and edge.condition:
        draft.problem(f"{edge.where}.condition", "nothing has run yet at START that a condition could ask about")
    if edge.source in nodes:
        nodes[edge.source].outgoing.append(edge)
    if edge.target in nodes:
        nodes[edge.target].incoming.append(edge)


def _add(node: Node, nodes: Mapping[str, Node], draft: Draft) -> None:
    given = next((node.fields[name] for name in _INPUTS if name in node.fields), None)
    if given is not None and not isinstance(given, dict):
        where = node.place.at(".tool_input")
        draft.problem(where, f"expected an object of arguments, got {json_kind(given)}")
        return
    when = _when(node, nodes, draft)
    named = node.fields.get("tool", node.name)
    if not isinstance(named, str):
        draft.problem(node.place.at(".tool"), f"expected a tool's name, got {json_kind(named)}")
        return
    description = node.fields.get("description")
    draft.add(
        node.place,
        id=node.step_id,
        tool=draft.declared(named),
        tool_input=given,
        depends_on=list(dict.fromkeys(nodes[edge.source].step_id for edge in node.incoming if edge.source in nodes)),
        when=when or None,
        description=description if isinstance(description, str) and description else None,
    )


def _when(node: Node, nodes: Mapping[str, Node], draft: Draft) -> tuple[Condition, ...]:
    """Return the conditions of the edges to a node; several ways in cannot have conditions, since all must hold."""
    asking = [edge for edge in node.incoming if edge.condition]
    if not asking:
        return ()
    first = asking[0]
    if any((edge.source, edge.condition) != (first.source, first.condition) for edge in node.incoming):
        ways = ", ".join(f"{edge.source} [{edge.condition or 'always'}]" for edge in node.incoming)
        draft.problem(
            f"{first.where}.condition",
            f"{node.name!r} can be reached in several ways, of which some have conditions: {ways}",
            "a step's conditions must all hold: lead the ways to different nodes, or drop the condition",
            "condition",
        )
        return ()
    return _meaning(first, nodes, draft)


def _meaning(edge: Edge, nodes: Mapping[str, Node], draft: Draft) -> tuple[Condition, ...]:
    source = nodes[edge.source]
    if OTHERWISE.fullmatch(edge.condition):
        return _otherwise(edge, source, nodes, draft)
    plain = read_condition(edge.condition, lambda path, alone: _reference(path, alone, source, nodes, draft))
    if plain is not None:
        return plain
    if draft.judge is None:
        draft.problem(
            f"{edge.where}.condition",
            f"{edge.condition!r} cannot be decided without a model",
            'write it as name, comparison, value ("score > 0.8"), or configure a model for the role judge',
            "condition",
        )
        return ()
    return (Condition(value=f"{{{{{_judged(edge, source, draft.judge.name, draft)}.holds}}}}", op="eq", to=True),)


def _otherwise(edge: Edge, source: Node, nodes: Mapping[str, Node], draft: Draft) -> tuple[Condition, ...]:
    others = [one for one in source.outgoing if one.condition and not OTHERWISE.fullmatch(one.condition)]
    opposites = [negated(_meaning(one, nodes, draft)) for one in others]
    found = tuple(one for one in opposites if one is not None)
    if not others or len(found) != len(others):
        why = "has no condition beside it" if not others else "is the opposite of what one comparison cannot say"
        draft.problem(f"{edge.where}.condition", f"{edge.condition!r} {why}", "write the condition out", "condition")
        return ()
    return found


def _judged(edge: Edge, source: Node, judge: str, draft: Draft) -> str:
    """Return the step that asks the judge model about a node's result; edges of the same condition share it."""
    question = escaped(edge.condition.strip())
    data = f"{{{{{source.step_id}}}}}"
    for step in draft.steps:
        if step.tool == judge and step.tool_input == {"question": question, "data": data}:
            return step.id
    taken = {step.id for step in draft.steps}
    number = 1
    while f"{source.step_id}-if-{number}" in taken:
        number += 1
    step_id = f"{source.step_id}-if-{number}"
    draft.add(
        Place(f"{edge.where}.condition", {}),
        id=step_id,
        tool=judge,
        tool_input={"question": question, "data": data},
    )
    return step_id


def _reference(path: str, alone: bool, source: Node, nodes: Mapping[str, Node], draft: Draft) -> str | None:
    """Return what a name in a condition refers to: a part of the source's result, or of another node's."""
    head, dot, rest = re.match(r"(\w+)([.\[]?)(.*)", path, re.S).groups()  # pyright: ignore[reportOptionalMemberAccess]
    node = source
    if head in nodes:
        node, path = nodes[head], dot + rest
    elif head in _ROOT_NAMES and head not in _fields(source, draft):
        path = dot + rest
    else:
        path = f".{path}"
    known = _fields(node, draft)
    first = re.match(r"\.(\w+)", path)
    if known and first and first[1] not in known:
        return None
    if alone and not (first and known.get(first[1], {}).get("type") == "boolean"):
        return None
    return f"{{{{{node.step_id}{path}}}}}"


def _fields(node: Node, draft: Draft) -> dict[str, Any]:
    """The declared fields of a node's result, as far as its tool says."""
    named = node.fields.get("tool", node.name)
    spec = (draft.tools or {}).get(draft.declared(named) if isinstance(named, str) else "")
    schema: dict[str, Any] = (spec.output_schema if spec else None) or {}
    return schema.get("properties", {})
