"""The part of a report that tells where the line lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.manifest import Manifest
from benchmarks.orchestration.line import CELLS, Cell, keep
from benchmarks.report.document import Picture, Table, to_markdown
from benchmarks.report.maps import section
from benchmarks.report.sections import section_of


def cell(steps: int, executor: str, **told: Any) -> Cell:
    """A cell where a plan is twice as fast and as cheap."""
    usual: dict[str, Any] = {"auto": "plan", "faster": "plan", "cheaper": "plan", "better": "plan"}
    figures = {"react_s": 4.0, "plan_s": 2.0, "sequential_s": 4.0, "auto_s": 2.0}
    usd = {"react_usd": 0.02, "plan_usd": 0.01, "sequential_usd": 0.02, "auto_usd": 0.01}
    return Cell(steps, 1, executor, **{**figures, **usd, **usual, **told})


CELLS_FOUND = [
    *(cell(1, executor, plan_s=4.1, faster="even", auto="react") for executor in ("big", "small")),
    *(cell(2, executor) for executor in ("big", "small")),
]


def test_maps_say_who_is_better_and_what_auto_chose(tmp_path: Path) -> None:
    """A map for each measure and executor, with ReAct's figure over the plan's; auto's errors are marked."""
    keep(CELLS_FOUND, tmp_path)
    told = Manifest.now(arguments=["run", "line"], suite="line", profile="plain", cases=2)
    assert section_of(tmp_path) is section
    blocks = list(section(told, tmp_path, "line-plain"))
    pictures = {one.name: one.svg for one in blocks if isinstance(one, Picture)}
    assert len(pictures) == 6
    assert "2, 1: 2.0" in pictures["line-plain-faster-big"]
    assert pictures["line-plain-better-big"].count('class="corner"') == 1
    assert 'class="corner"' not in pictures["line-plain-faster-big"]
    assert "auto, which sees the question's words and not its plan, chose the better side in 50.0%" in to_markdown(
        blocks
    )


def test_the_line_by_waves(tmp_path: Path) -> None:
    """What a plan is worth stands by the length of the longest chain."""
    keep(CELLS_FOUND, tmp_path)
    told = Manifest.now(arguments=["run", "line"], suite="line", profile="plain", cases=2)
    waves = next(one for one in section(told, tmp_path, "x") if isinstance(one, Table) and one.heads[0] == "waves")
    assert [row[:4] for row in waves.rows] == [("1", "1", "0.98", "2.00"), ("2", "1", "2.00", "2.00")]
    assert (tmp_path / CELLS).exists()
