"""What plans over a catalogue can make use of."""

from __future__ import annotations

from typing import Any

import pytest

from engine.planner.features import features
from engine.planner.request import system_prompt
from engine.planner.shortlist import Shelf
from schemas.policies import ApprovalPolicy
from schemas.tool import ToolSpec
from tests.planner.doubles import SEARCH

TEXT = {"type": "string"}
OPEN = {"type": "object", "properties": {"open": {"type": "boolean"}}}


def giving(schema: dict[str, Any] | None, **more: Any) -> ToolSpec:
    """A search that gives this."""
    return SEARCH.model_copy(update={"output_schema": schema, **more})


@pytest.mark.parametrize(
    ("tool", "used"),
    [
        (giving(TEXT), set[str]()),
        (giving({"type": ["string", "null"]}), {"when"}),
        (giving({"enum": ["open", "shut"]}), {"when", "parts"}),
        (giving({"type": "number"}), {"when"}),
        (giving(OPEN), {"when", "parts"}),
        (giving({**OPEN, "additionalProperties": True}), {"when", "parts", "foreach"}),
        (giving({"type": "array", "items": TEXT}), {"when", "parts", "foreach"}),
        (giving({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array"}}}), {"when", "parts", "foreach"}),
        (giving({"$ref": "#/$defs/a", "$defs": {"a": OPEN}}), {"when", "parts"}),
        (giving({"anyOf": [TEXT, {"type": "array"}]}), {"when", "parts", "foreach"}),
        (giving({"type": "object", "properties": {"any": True}}), {"when", "parts", "foreach"}),
        (giving({"type": "object", "properties": {"never": False}}), {"when", "parts"}),
        (giving(None), {"when", "parts", "foreach"}),
        (giving(TEXT, effects="effectful"), {"order", "when", "effects"}),
        (giving(TEXT, effects="effectful", approval=ApprovalPolicy()), {"order", "when", "effects", "why"}),
    ],
)
def test_what_is_used(tool: ToolSpec, used: set[str]) -> None:
    """What a tool gives and does decides it; what is not known may be used."""
    assert features([giving(TEXT), tool]).names == used


def test_rules_of_the_prompt() -> None:
    """A rule stands in the prompt exactly where some tool makes use of it; of its tag nothing is left."""
    rules = {"when": '"when"', "foreach": "{{item}}", "parts": "{{2.rows[0].price}}", "effects": "marked [effects]"}
    rules |= {"order": "depends_on", "why": "rationale"}
    for tool in (
        giving(TEXT),
        giving(None),
        giving(TEXT, effects="effectful"),
        giving(TEXT, approval=ApprovalPolicy()),
    ):
        prompt = system_prompt(Shelf([tool]).select(""))
        assert {name for name, words in rules.items() if words in prompt} == features([tool]).names
        assert not any(line.startswith("[") for line in prompt.splitlines())
