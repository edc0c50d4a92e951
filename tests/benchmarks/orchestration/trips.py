"""A small case: two looks, side by side, and a sum of what they gave."""

from __future__ import annotations

from benchmarks.orchestration.case import Case, CaseStep, CaseTool

_TEXT = {"type": "string"}
LOOK = CaseTool(
    "look", "Look something up.", {"type": "object", "properties": {"what": _TEXT}, "required": ["what"]}, mean_s=0.4
)
ADD = CaseTool(
    "add",
    "Add two numbers.",
    {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
    mean_s=0.2,
)
TRIP = Case(
    "trips",
    "1",
    "How far is it there and back?",
    (LOOK, ADD),
    (
        CaseStep("1", "look", {"what": "there"}, {"km": 3}),
        CaseStep("2", "look", {"what": "back"}, {"km": 4}),
        CaseStep("3", "add", {"a": "{{1.km}}", "b": "{{2.km}}"}, 7),
    ),
    "It is {{3}} km.",
    expects=("7 km",),
)
