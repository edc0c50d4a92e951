"""Every suite of cases in a row."""

from __future__ import annotations

from benchmarks.manifest import Manifest
from benchmarks.report.document import Picture, Table
from benchmarks.report.overview import glance
from tests.benchmarks.report.outcomes import outcome

TOLD = Manifest.now(arguments=["run", "movie"], suite="movie", profile="plain", tokens="o200k")


def test_a_plan_stands_beside_each_kind_of_react() -> None:
    """Faster and cheaper in a table each; what was not run is empty."""
    runs = [outcome("react", "1", 9.0, 400), outcome("langgraph-react", "1", 6.0, 50), outcome("plan", "1", 3.0, 100)]
    blocks = list(glance([(TOLD, runs)]))
    faster, cheaper = (block for block in blocks if isinstance(block, Table))
    assert faster.rows == [("movie", "1", "3.00", "3.00 (3.00–3.00)", "", "2.00 (2.00–2.00)")]
    assert cheaper.rows == [("movie", "1", "0.0003", "4.00 (4.00–4.00)", "", "0.50 (0.50–0.50)")]
    assert sum(isinstance(block, Picture) for block in blocks) == 1


def test_without_a_plan_there_is_nothing_to_glance_at() -> None:
    """Nor without anything beside it."""
    assert list(glance([(TOLD, [outcome("react", "1", 9.0)])])) == []
    assert list(glance([(TOLD, [outcome("plan", "1", 9.0)])])) == []
