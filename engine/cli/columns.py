"""Tables on a terminal: columns aligned by what a terminal shows, the last one cut to what is left of the line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from engine.sinks.words import fit, one_line

NARROWEST_COLUMN = 20
GAP = "  "

Cell = str | Text


def print_table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Sequence[int] = ()) -> None:
    """Write rows under their heads to stdout, in colour where it is a terminal.

    Args:
        head: A word for each column.
        rows: Their cells; a ``Text`` brings a style of its own.
        right: Numbers of the columns that stand at their right edge.
    """
    console = Console(highlight=False, soft_wrap=True)
    for line in table_lines(head, rows, right=right):
        console.print(line, no_wrap=True, crop=False, overflow="ignore")


def table_lines(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Sequence[int] = ()) -> list[Text]:
    """Return the lines of a table; only a terminal's width cuts its last column."""
    lines = [[Text(word, style="dim") for word in head], *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(line[column].plain) for line in lines) for column in range(len(head))]
    if sys.stdout.isatty():
        left = shutil.get_terminal_size().columns - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(left, NARROWEST_COLUMN))
    return [_line(line, widths, right) for line in lines]


def _line(cells: Sequence[Text], widths: Sequence[int], right: Sequence[int]) -> Text:
    line = Text()
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        shown = fit(cell.plain, width)
        if column in right:
            shown = shown.rstrip().rjust(len(shown))
        line.append(GAP if column else "")
        line.append(shown, cell.style)
    line.rstrip()
    return line


def _cell(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(one_line(cell))
