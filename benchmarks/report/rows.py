"""One table: what was measured, what stands beside it, the ratio, the target, and whether it is met."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEADS = ("measure", "engine", "beside it", "", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number; smaller is better.

    Attributes:
        measure: What was measured, and how.
        value: Ours.
        unit: Of ``value`` and ``other``.
        against: What stands beside it; empty when nothing does.
        other: Its number; None when nothing stands beside ours or it could not be had.
        limit: Most that ``value`` may be.
        ratio_limit: Most that the ratio may be.
        paired: The median ratio of runs taken in pairs, which stands for ``value / other`` where there is one.
    """

    measure: str
    value: float
    unit: str
    against: str = ""
    other: float | None = None
    limit: float | None = None
    ratio_limit: float | None = None
    paired: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the other."""
        if self.paired is not None:
            return self.paired
        return self.value / self.other if self.other else None

    @property
    def met(self) -> bool | None:
        """Whether every target is met; None when there is none, or when what it compares with is missing."""
        checks = [self.value <= self.limit] if self.limit is not None else []
        if self.ratio_limit is not None and self.ratio is not None:
            checks.append(self.ratio <= self.ratio_limit)
        if not all(checks):
            return False
        return True if checks and not self.unchecked else None

    @property
    def unchecked(self) -> bool:
        """Whether a target could not be checked, for what it compares with is missing."""
        return self.ratio_limit is not None and self.ratio is None

    @property
    def target(self) -> str:
        """The targets as text."""
        wanted = [f"≤ {_number(self.limit)} {self.unit}"] if self.limit is not None else []
        wanted += [f"≤ {_number(self.ratio_limit)} ×"] if self.ratio_limit is not None else []
        return ", ".join(wanted)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        other = f"{_number(self.other)} {self.unit}" if self.other is not None else ""
        ratio = f"{self.ratio:.3f}" if self.ratio is not None else ""
        verdict = {True: "met", False: "MISSED", None: "not checked" if self.unchecked else ""}[self.met]
        ours = f"{_number(self.value)} {self.unit}"
        return (self.measure, ours, other, self.against, ratio, self.target, verdict)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown.

    >>> print(table([Row("sum", 1.5, "ms", limit=2)]))
    | measure | engine | beside it |  | ratio | target |     |
    | ------- | ------ | --------- |  | ----- | ------ | --- |
    | sum     | 1.5 ms |           |  |       | ≤ 2 ms | met |
    """
    grid = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in grid) for column in range(len(HEADS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in grid
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def save(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as JSON, with the Python and machine they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = [{"measure": r.measure, "value": r.value, "unit": r.unit, "against": r.against, "other": r.other,
                 "ratio": r.ratio, "target": r.target, "met": r.met} for r in rows]  # fmt: skip
    where = {"python": sys.version.split()[0], "machine": platform.machine(), "system": platform.system()}
    path.write_text(json.dumps({**where, "rows": measured}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if value < 1000 else f"{value:,.0f}"
