"""The parts of a report that tell suites of measures: rows beside their targets, and scores of plans."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from benchmarks.manifest import Manifest
from benchmarks.report.document import Block, Heading, Table, Words

ROWS = "rows.json"
SCORES = "scores.json"


def rows(told: Manifest, folder: Path, name: str) -> Iterator[Block]:
    """Yield the table of a suite of measures, and how many of its targets are met."""
    del name
    found: list[Mapping[str, Any]] = json.loads((folder / ROWS).read_text(encoding="utf-8"))["rows"]
    judged = [row["met"] for row in found if row["met"] is not None]
    yield Heading(told.suite)
    yield Words(f"{sum(judged)} of {len(judged)} targets met; less is better in every row.")
    verdict = {True: "met", False: "MISSED", None: "not checked"}
    yield Table(
        ("measure", "engine", "beside it", "", "ratio", "target", ""),
        [
            (
                row["measure"],
                _unit(row["value"], row["unit"]),
                _unit(row["other"], row["unit"]),
                row["against"],
                "" if row["ratio"] is None else f"{row['ratio']:.3f}",
                row["target"],
                verdict[row["met"]] if row["target"] else "",
            )
            for row in found
        ],
        words=True,
    )


def _unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.4g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def scores(told: Manifest, folder: Path, name: str) -> Iterator[Block]:
    """Yield how near plans are to the right ones, a row a set."""
    del name
    found: list[Mapping[str, Any]] = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    yield Heading(f"{told.suite}: how near plans are to the right ones")
    spread = [dict(_flat(one)) for one in found]
    heads = tuple(dict.fromkeys(key for one in spread for key in one))
    yield Table(heads, [tuple(_score(one.get(key)) for key in heads) for one in spread])


def _flat(one: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in one.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{under}{key} ")
        elif not isinstance(value, list):
            yield under + key, value


def _score(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
