"""The report's rows and table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report.rows import Row, save, table


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("m", 9.0, "ms", limit=10), True),
        (Row("m", 11.0, "ms", limit=10), False),
        (Row("m", 1.0, "ms", "x", 5.0, None, 0.25), True),
        (Row("m", 2.0, "ms", "x", 5.0, None, 0.25), False),
        (Row("m", 2.0, "ms", "x", 5.0, 10.0, 0.25), False),
        (Row("m", 2.0, "ms", "x", None, None, 0.25), None),
        (Row("m", 2.0, "ms"), None),
    ],
)
def test_a_target_is_met_missed_or_open(row: Row, met: bool | None) -> None:
    """Every target of a row must hold; one that lacks its comparison is neither met nor missed."""
    assert row.met is met


def test_the_table_shows_what_is_missed() -> None:
    """Each row stands on one line of equal length, a missed target in capitals."""
    lines = table([Row("short", 1.0, "ms", "other", 2.0, 0.5), Row("a longer one", 1234.5, "µs")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "MISSED" in lines[2]
    assert "1,234 µs" in lines[3]


def test_results_are_kept_as_json(tmp_path: Path) -> None:
    """The saved file holds each row with its ratio and verdict."""
    save([Row("m", 1.0, "ms", "other", 4.0, None, 0.5)], tmp_path / "new" / "r.json")
    row = json.loads((tmp_path / "new" / "r.json").read_text())["rows"][0]
    assert (row["ratio"], row["met"]) == (0.25, True)


def test_what_cannot_be_compared_is_said() -> None:
    """A row whose comparison is missing is not met, and the table says that it was not checked."""
    row = Row("m", 1.0, "ms", "other", None, 10.0, 0.5)
    assert (row.met, row.unchecked) == (None, True)
    assert "not checked" in table([row])


def test_a_ratio_of_pairs_stands_for_the_ratio_of_medians() -> None:
    """Where runs were taken in pairs, the median of their ratios is what the target is held against."""
    assert Row("m", 2.0, "ms", "other", 1.0, None, 1.01, 1.005).met is True
