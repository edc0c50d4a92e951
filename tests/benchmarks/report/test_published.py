"""Published figures, and what is measured in their place."""

from __future__ import annotations

from benchmarks.orchestration.outcome import Outcome
from benchmarks.report.document import Table
from benchmarks.report.published import beside
from tests.benchmarks.report.outcomes import outcome


def tables(suite: str, *outcomes: Outcome) -> list[Table]:
    """The tables that are shown of a suite."""
    return [block for block in beside({suite: outcomes}) if isinstance(block, Table)]


def test_llmcompilers_ratios_stand_beside_ours_and_its_own_code() -> None:
    """In the suite of the shape that they were published of; a system that was not run is left empty."""
    (table,) = tables("movie", outcome("react", "1", 9.0, 400), outcome("plan", "1", 3.0, 100))
    assert table.rows[0] == ("LLMCompiler, Movie Recommendation", "times faster", "3.74", "3.00 (3.00–3.00)", "")
    assert table.rows[1][1:4] == ("times cheaper", "6.73", "4.00 (4.00–4.00)")
    theirs = outcome("llmcompiler", "1", 4.5, 200)
    (table,) = tables("movie", outcome("react", "1", 9.0, 400), outcome("plan", "1", 3.0), theirs)
    assert table.rows[0][4] == "2.00 (2.00–2.00)"


def test_rewoos_tokens_stand_beside_ours() -> None:
    """ReWOO took 4.9 times fewer tokens than ReAct on HotpotQA; ten of each run's tokens here are written."""
    (table,) = tables("hotpot", outcome("react", "1", 9.0, 430), outcome("plan", "1", 3.0, 100))
    assert table.rows[-1] == ("ReWOO, HotpotQA", "times fewer tokens", "4.9", "4.00 (4.00–4.00)", "")


def test_the_memo_is_told_line_by_line() -> None:
    """The published run of each way, and the one here under it; ways that were not run are left out."""
    small = outcome("plan", "aapl_memo", 7.0, 4_000, suite="finance", worker="small")
    (table,) = tables("finance", outcome("react", "aapl_memo", 11.0, 8_000), small)
    assert [row[:4] for row in table.rows] == [
        ("ReAct", "published", "4", "12,000"),
        ("", "here (react)", "1", "8,010"),
        ("the same, a small model executes", "published", "", ""),
        ("", "here (plan/small)", "1", "4,010"),
    ]


def test_nothing_is_said_of_suites_that_nobody_published() -> None:
    """No heading without a figure."""
    assert list(beside({"operations": [outcome("react", "1", 9.0), outcome("plan", "1", 3.0)]})) == []
