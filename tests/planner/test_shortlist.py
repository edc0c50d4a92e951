"""The tools shown of a large catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.quality.plansets import own_sets, public_sets
from engine.planner.shortlist import CATALOGUE_TOKENS, Selection, Shelf
from gateway.estimate import text_tokens
from schemas.tool import ToolSpec
from tests.planner.catalogues import builtin_catalogue, made_up, merged, of_set
from tests.planner.doubles import tool

MANY = [
    *(
        ToolSpec(name=f"get_{noun}_{number}", description=f"Get the {noun}. And more.")
        for noun in ("invoice", "order")
        for number in range(50)
    ),
    ToolSpec(name="translate", description="Translate a text into another language."),
    ToolSpec(name="fx_rate", description="查询两种货币的汇率"),
]


def names(selection: Selection) -> list[str]:
    """The tools that may be called."""
    return [spec.name for spec in selection.shown]


def sees(selection: Selection, name: str) -> bool:
    """Whether the model sees a tool, in full or by its name."""
    return re.search(rf"(?:- |, |only: ){re.escape(name)}(?:[(:,]|$)", selection.text, re.M) is not None


def test_small_catalogue() -> None:
    """A catalogue that fits is shown whole, by name, and the record says nothing of it."""
    chosen = Shelf([tool("b"), tool("a")]).select("anything")
    assert (names(chosen), chosen.note) == (["a", "b"], "")
    assert chosen.text.startswith("- a(): The a tool.\n- b()")


def test_large_catalogue() -> None:
    """B78: 200 tools stay within the cap, the right ones in full, all of them named, and the record says how many."""
    shelf = Shelf([*made_up(158), *MANY[60:]])
    for task, right in (
        ("Archive firewall rule 3, export playlist 7", {"archive_firewall_rule", "export_playlist"}),
        ("Translating the order", {"translate"}),
        ("今天美元的汇率是多少", {"fx_rate"}),
    ):
        chosen = shelf.select(task, most_tokens=3_000)
        assert right <= set(names(chosen))
        assert text_tokens(len(chosen.text.encode())) <= 3_000
        assert all(sees(chosen, spec.name) for spec in [*made_up(158), *MANY[60:]])
        assert chosen.note.startswith(f"{len(chosen.shown)} of 200 tools in full")


def test_other_language() -> None:
    """A task that shares hardly a word with the tools sees more of them in brief, and the record says why."""
    chosen = Shelf(made_up(160)).select("Заархивируй правило и выгрузи плейлист", most_tokens=3_000)
    assert "the task shares hardly a word with them" in chosen.note
    assert "- archive_backup: Archive a backup in the office system." in chosen.text
    assert len(chosen.shown) < len(Shelf(made_up(160)).select("Archive a backup", most_tokens=3_000).shown)


def test_everyday_words() -> None:
    """A Chinese task finds tools described in English by everyday words."""
    chosen = Shelf([*made_up(160), tool("weather", ["city"], city="string")]).select("北京的天气", most_tokens=2_000)
    assert "weather" in names(chosen)


def test_any_purpose() -> None:
    """Tools for any purpose are shown whatever the task says, and those already used whatever they cost."""
    shelf = Shelf([*MANY, tool("web_search", ["about"], about="string")])
    chosen = shelf.select("How high is Everest?", always=["get_invoice_49"], most_tokens=1_000)
    assert {"web_search", "get_invoice_49"} <= set(names(chosen))


def test_names_capped() -> None:
    """Of thousands of tools not even the names fit; the model may search for them."""
    shelf = Shelf([tool(f"tool_{number}_of_the_office") for number in range(5_000)])
    chosen = shelf.select("Use tool_4321_of_the_office", most_tokens=1_000)
    assert text_tokens(len(chosen.text.encode())) <= 1_000
    assert "Search them by what they do" in chosen.text
    assert "to be searched" in chosen.note


def test_too_long() -> None:
    """A tool that is longer than the cap is seen in brief, and in full once its details were asked for."""
    shelf = Shelf([tool("near"), ToolSpec(name="book", description="Read a book. " + "x" * 100_000)])
    chosen = shelf.select("Read the book", most_tokens=300)
    assert (names(chosen), sees(chosen, "book")) == (["near"], True)
    assert shelf.named("details: book", chosen.shown) == ["book"]
    assert names(shelf.select("Read the book", always=["book"], most_tokens=300)) == ["book"]


def test_named() -> None:
    """A request for details names tools, or says what they should do; a question to the person does not."""
    shelf = Shelf(MANY)
    assert shelf.named("details: translate, `fx_rate`, 567", []) == ["translate", "fx_rate"]
    assert shelf.named("details: another language", []) == ["translate"]
    assert shelf.named("details: translate", [MANY[-2]]) == []
    assert len(shelf.named("details: " + ", ".join(spec.name for spec in MANY), [])) == 20
    assert shelf.named("Which language: translate into what?", []) == []


def test_kept() -> None:
    """The same tools need no new index; one more tool does."""
    shelf = Shelf(MANY)
    assert shelf.holds(tuple(MANY))
    assert not shelf.holds(MANY[:-1])
    assert not shelf.holds([*MANY[:-1], tool("other")])


def test_gold_calls(bench_data: Path) -> None:
    """B78: With the catalogues of all data sets merged, every gold call's tool is visible, nearly all in full."""
    sets = [one for one in [*own_sets(), *public_sets(bench_data)] if "random" not in one.name]
    tools = merged([*(of_set(one) for one in sets), builtin_catalogue(), made_up(160)])
    shelf, declared = Shelf(tools), {spec.name for spec in tools}
    seen = full = calls = 0
    for one in sets:
        for task, gold in one.tasks:
            chosen = shelf.select(task)
            assert text_tokens(len(chosen.text.encode())) <= CATALOGUE_TOKENS
            wanted = [call.tool for call in gold if call.tool in declared]
            calls += len(wanted)
            full += sum(name in names(chosen) for name in wanted)
            seen += sum(sees(chosen, name) for name in wanted)
    assert (len(tools) > 200, calls > 900, seen) == (True, True, calls)
    assert full >= 0.99 * calls


@pytest.mark.parametrize("task", ["", " ", "。", "?!"])
def test_no_words(task: str) -> None:
    """A task without a word is no fault."""
    assert Shelf(MANY).select(task, most_tokens=500).shown is not None
