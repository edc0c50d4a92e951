"""BFCL's parallel calls as a set."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.quality.bfcl import FILE, bfcl_set
from benchmarks.quality.plansets import Declared

FUNCTION = {
    "name": "math.area",
    "description": "An area.",
    "parameters": {
        "type": "dict",
        "properties": {"radius": {"type": "float", "description": "In m."}},
        "required": ["radius"],
    },
}


def test_a_folder_that_has_the_set_is_read(tmp_path: Path) -> None:
    """Each question has its own tools, with JSON Schema's types, and calls that say every right value."""
    (tmp_path / "possible_answer").mkdir()
    asked = {"id": "p_0", "question": [[{"role": "user", "content": "Area of 5?"}]], "function": [FUNCTION]}
    answer = {"id": "p_0", "ground_truth": [{"math.area": {"radius": [5, 5.0], "unit": ["", "m"]}}]}
    (tmp_path / FILE).write_text(json.dumps(asked) + "\n")
    (tmp_path / "possible_answer" / FILE).write_text(json.dumps(answer) + "\n")
    found = bfcl_set(tmp_path)
    ((question, (call,)),) = found.tasks
    assert (question, call.tool, call.arguments) == ("Area of 5?", "math.area", {"radius": 5, "unit": "m"})
    assert call.accepts == {"radius": (5, 5.0), "unit": ("", "m")}
    radius = {"description": "In m.", "type": "number"}
    assert found.offered(0) == (Declared("math.area", "An area.", {"radius": radius}, ("radius",)),)
