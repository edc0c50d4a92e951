"""Which format a file is in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.planner.formats.detect import Form, detect
from engine.planner.formats.loading import load_plan
from schemas.errors import PlanParseError

CALLS = [{"name": "a", "label": "var1", "arguments": {}}]
TUTORIAL = {"steps": [{"id": 2, "tool": "fetch_filings", "depends_on": [1], "tool_input": {"years": 3}}], "note": "x"}
FILES: list[tuple[Form, Any]] = [
    ("engine", {"goal": "g", "steps": [{"id": "1", "tool": "a"}]}),
    ("engine", TUTORIAL),
    ("engine", {**TUTORIAL, "nodes": [], "edges": [], "tasks": [{"agent_name": "a"}], "adequate": True}),
    ("engine", {"steps": []}),
    ("engine", {"question": "Which?"}),
    ("engine", {"plan": {"steps": []}}),
    ("engine", [{"id": 1, "tool": "a"}]),
    ("engine", []),
    ("engine", "7. a step that is prose"),
    ("engine", "1. Search the web\n2. Answer"),
    ("llmcompiler", 'Thought: I must search.\n1. search("x")\n2. join()'),
    ("llmcompiler", ' 1. search("#E1 = search[x]")'),
    ("rewoo", "Plan: 1. look\n#E1 = search[f(1)]"),
    ("rewoo", "Plan: look #E1 = search[x]"),
    ("rewoo", "#E1 ="),
    ("hugginggpt", [{"task": "t", "id": 0, "dep": [-1], "args": {}}]),
    ("graph", {"nodes": [{"name": "a"}], "edges": [{"from": "START", "to": "a"}]}),
    ("graph", {"edges": [["START", "a"]]}),
    ("valuecell", {"tasks": [{"agent_name": "a", "query": "q"}]}),
    ("valuecell", {"tasks": [], "adequate": False}),
    ("nestful", CALLS),
    ("nestful", {"input": "i", "output": CALLS}),
]


@pytest.mark.parametrize(("form", "file"), FILES, ids=lambda value: value if isinstance(value, str) else "")
def test_structure_decides(form: Form, file: Any) -> None:
    """Every format is told by its structure, and our own, in the tutorial's form too, is never taken for another."""
    assert detect(file if isinstance(file, str) else json.dumps(file)) == form


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ('1. search("x")\n#E2 = search[y]', "llmcompiler, rewoo"),
        ('{"steps": [], "nodes": [], "edges": []}', "engine, graph"),
        (json.dumps([{"task": "t", "args": {}}, *CALLS]), "hugginggpt, nestful"),
    ],
)
def test_what_may_be_several_is_refused(text: str, forms: str) -> None:
    """What fits several formats is refused in one line that lists them; naming one settles it."""
    with pytest.raises(PlanParseError, match=forms) as caught:
        load_plan(text)
    assert "--format" in caught.value.hint
