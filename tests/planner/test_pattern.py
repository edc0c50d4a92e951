"""Tasks of one kind: what stays, what is a value, and when a plan serves other values."""

from __future__ import annotations

from typing import Any

import pytest

from engine.planner.pattern import Slot, alike, fill, pattern_of, template_of
from schemas.plan import Plan
from schemas.tool import ToolSpec

CONVERT = ToolSpec(
    name="convert",
    input_schema={"type": "object", "properties": {"value": {}, "to": {"enum": ["km", "mi"]}, "note": {}}},
)
TOOLS = {"convert": CONVERT}


def plan(answer: str | None = None, **arguments: Any) -> Plan:
    return Plan.model_validate(
        {"goal": "g", "answer": answer, "steps": [{"id": "1", "tool": "convert", "tool_input": arguments}]}
    )


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        ("Compare Apple with Bank of America over 3 years", ["name", "name", "number"]),
        ("Read report_2024.csv, mail it to a@b.org at 10:30", ["address", "address", "date"]),
        ('Translate "good morning, 7" on 2024-05-01', ["text", "date"]),
        ("用「销售表」计算 3,500 的和", ["text", "number"]),
        ("What is Apple's share? Nokia’s too", ["name"]),
        ("do it", []),
    ],
)
def test_values_of_a_task(task: str, kinds: list[str]) -> None:
    """Names, numbers, dates, quoted texts, files and addresses are values; the first word of a sentence is none."""
    assert [slot.kind for slot in pattern_of(task).slots] == kinds


def test_one_kind_of_task() -> None:
    """Other values, spacing and a full stop make no other kind; another word, or one value more, does."""
    same = pattern_of("Weather in Paris  on 2024-01-01?").skeleton
    assert pattern_of("weather in Rome on 2025-02-03").skeleton == same
    assert pattern_of("weather near Rome on 2025-02-03").skeleton != same
    assert pattern_of("weather in Rome and Oslo on 2025-02-03").skeleton != same


def test_values_are_put_in_with_their_types() -> None:
    """A number stays a number, a text a text, inside a text as well; references are left alone."""
    pattern = pattern_of("Please convert 3,500 for Apple")
    template = template_of(plan("{{1}} for Apple", value=3500, note="Apple {{1.Apple}} 3500"), pattern, TOOLS)
    filled = fill(template, pattern_of("Please convert 12 for Nokia").slots, "t")
    assert template.explained
    assert filled is not None
    assert filled.steps[0].tool_input == {"value": 12, "note": "Nokia {{1.Apple}} 12"}
    assert (filled.answer, filled.goal) == ("{{1}} for Nokia", "t")


@pytest.mark.parametrize(
    ("arguments", "explained"),
    [
        ({"to": "km"}, True),
        ({"note": "please convert"}, True),
        ({"value": True}, True),
        ({"note": "France"}, False),
        ({"value": 36}, False),
        ({"value": 3, "note": ["Paris", "tower"]}, False),
    ],
)
def test_what_a_planner_thought_of_is_noticed(arguments: dict[str, Any], explained: bool) -> None:
    """A literal that is neither in the task nor a value its tool lists may depend on the task's values."""
    pattern = pattern_of("Please convert 3 for Paris")
    assert template_of(plan(**arguments), pattern, TOOLS).explained is explained


@pytest.mark.parametrize("value", ["1.5", "{{1}}"])
def test_a_value_that_does_not_fit_gives_no_plan(value: str) -> None:
    """A fraction does not go where a whole number was, and a value is never a reference."""
    template = template_of(plan(value=3), pattern_of("Please convert 3"), TOOLS)
    assert fill(template, [Slot("number", value)], "t") is None


def test_equal_values_stay_equal() -> None:
    """Where the old task named one value twice, so must the new one: which place meant which is not known."""
    five, six, name = Slot("number", "5"), Slot("number", "6"), Slot("name", "X")
    assert alike([five, five], [six, six], frozenset())
    assert not alike([five, five], [five, six], frozenset())
    assert not alike([five], [name], frozenset())
    assert not alike([five], [six], frozenset({0}))
    assert not alike([five], [five, five], frozenset())
