"""What a report can tell, by what a folder of results holds: the first file of ``SECTIONS`` that is there decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.manifest import Manifest
from benchmarks.orchestration import failure, line
from benchmarks.orchestration.runner import OUTCOMES
from benchmarks.report import cases, failures, maps, measured
from benchmarks.report.document import Block

Section = Callable[[Manifest, Path, str], Iterator[Block]]
"""Yields the part of one run.

Args: how it was run, its folder of results, and the beginning of its pictures' names, which no other run has.
"""

SECTIONS: tuple[tuple[str, Section], ...] = (
    (failure.ROWS, failures.section),
    (line.CELLS, maps.section),
    (OUTCOMES, cases.section),
    (measured.ROWS, measured.rows),
    (measured.SCORES, measured.scores),
)
"""Files, and what tells a folder that holds them. A suite with files of its own is added here."""


def section_of(folder: Path) -> Section | None:
    """Return what tells a folder; None where there is nothing to be told yet."""
    return next((told for name, told in SECTIONS if (folder / name).exists()), None)
