"""The tools shown of a large catalogue."""

from __future__ import annotations

from engine.planner.shortlist import named_tools, shortlist
from schemas.tool import ToolSpec
from tests.planner.doubles import tool

MANY = [
    *(
        ToolSpec(name=f"get_{noun}_{number}", description=f"Get the {noun}.")
        for noun in ("invoice", "order")
        for number in range(50)
    ),
    ToolSpec(name="translate", description="Translate a text into another language."),
    ToolSpec(name="fx_rate", description="查询两种货币的汇率"),
]


def test_small_catalogue() -> None:
    """A catalogue that fits is shown whole, by name."""
    shown, others = shortlist("anything", [tool("b"), tool("a")])
    assert ([spec.name for spec in shown], others) == (["a", "b"], [])


def test_by_words() -> None:
    """The tools that share rare words with the task are shown, whatever the script."""
    assert "translate" in [spec.name for spec in shortlist("Translating the order", MANY)[0]]
    assert "fx_rate" in [spec.name for spec in shortlist("今天美元的汇率是多少", MANY)[0]]


def test_split() -> None:
    """Each tool stands in exactly one of the lists, and tools already used are always shown."""
    shown, others = shortlist("orders", MANY, always=["get_invoice_49"])
    assert len(shown) == 40
    assert sorted(spec.name for spec in [*shown, *others]) == sorted(spec.name for spec in MANY)
    assert "get_invoice_49" in [spec.name for spec in shown]


def test_named_tools() -> None:
    """A request for details names tools; a question to the person does not."""
    assert named_tools("details: translate, `fx_rate`, nothing", MANY) == ["translate", "fx_rate"]
    assert named_tools("Which language: translate into what?", MANY) == []
