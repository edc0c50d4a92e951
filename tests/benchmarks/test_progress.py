"""How far a run is."""

from __future__ import annotations

import io

from benchmarks.progress import Progress


class Terminal(io.StringIO):
    """Says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_on_a_terminal_one_line_is_drawn_over() -> None:
    """The bar fills, tells the time left, fits the width, and ends its line with the last run."""
    out = Terminal()
    progress = Progress(out)
    for done in range(1, 5):
        progress("plan " + "x" * 500, done, 4)
    drawn = out.getvalue().split("\r\x1b[K")[1:]
    assert len(drawn) == 4
    assert "╌" in drawn[0]
    assert "0:00 left" in drawn[3]
    assert all(len(one.rstrip("\n")) < 500 for one in drawn)
    assert drawn[3].endswith("\n")


def test_elsewhere_a_line_each_tenth() -> None:
    """A log holds eleven lines at most, however many runs there are."""
    out = io.StringIO()
    progress = Progress(out)
    for done in range(1, 201):
        progress("plan", done, 200)
    assert 10 <= len(out.getvalue().splitlines()) <= 11
