"""Plots as SVG: colours are CSS variables, so that one picture is readable on light and dark screens and in print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, ROW, LABEL, CHAR = 720, 30, 150, 6.7
COLOURS = {
    "plan": 1, "plan/small": 2, "plan-no-stream": 3, "sequential": 4, "react": 5, "react-parallel": 6,
    "langgraph-react": 7, "langgraph-plan": 8, "llmcompiler": 9, "langgraph-react-sequential": 10,
    "plan-no-replan": 3, "plan-then-react": 2, "auto": 4, "auto/small": 4,
}  # fmt: skip
STYLE = (Path(__file__).parent / "plot.css").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its value, and the interval it lies in by 95 %."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One call in a timeline, seconds from the beginning."""

    text: str
    began: float
    ended: float
    colour: str


def colour(name: str) -> str:
    """Return the colour of a system, the same in every picture; what is none has that of the plan."""
    return f"var(--c{COLOURS.get(name, 1)})"


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Return horizontal bars from 0, each with its value and interval."""
    most = max([*(bar.high or bar.value for bar in rows), 1e-12])
    ticks = ticked(most)
    left, right = _labels(bar.label for bar in rows), WIDTH - 90
    height = 34 + ROW * len(rows) + 44
    place = _scale(left, right, ticks[-1])
    out = [_text(0, 14, title, "title"), *_across(place, ticks, 30, height - 40, unit)]
    for number, bar in enumerate(rows):
        y = 36 + ROW * number
        out.append(_text(left - 10, y + 15, bar.label, anchor="end"))
        out.append(_rect(left, y, place(bar.value) - left, 20, colour(bar.label), f"{bar.label}: {bar.text}"))
        if bar.low is not None and bar.high is not None:
            out.append(_line(place(bar.low), y + 10, place(bar.high), y + 10, "whisker"))
            out += [_line(place(x), y + 6, place(x), y + 14, "whisker") for x in (bar.low, bar.high)]
        out.append(_text(place(bar.high or bar.value) + 8, y + 15, bar.text))
    return _svg(height, title, out)


def strips(title: str, unit: str, rows: Sequence[tuple[str, Sequence[float]]], mark: tuple[float, str] | None) -> str:
    """Return a dot for each case, a row for each system, with the median as a stroke.

    Args:
        title: What it shows.
        unit: Of the axis.
        rows: Systems, and a value for each case.
        mark: A value to compare with, and what it is.
    """
    most = max([*(value for _, values in rows for value in values), mark[0] if mark else 0.0, 1e-12])
    ticks = ticked(most)
    left, right = _labels(label for label, _ in rows), WIDTH - 90
    top = 52 if mark else 34
    height = top + ROW * len(rows) + 44
    place = _scale(left, right, ticks[-1])
    out = [_text(0, 14, title, "title"), *_across(place, ticks, top - 4, height - 40, unit)]
    if mark:
        x = place(mark[0])
        out.append(_line(x, top - 12, x, height - 40, "mark"))
        anchor = "end" if x > WIDTH / 2 else "start"
        out.append(_text(x + (4 if anchor == "start" else -4), top - 10, mark[1], "muted", anchor))
    for number, (label, values) in enumerate(rows):
        y = top + ROW * number + 12
        ordered = sorted(values)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        out.append(_text(left - 10, y + 4, label, anchor="end"))
        for at, value in enumerate(values):
            jitter = (at * 7 % 9 - 4) * 1.6
            out.append(
                f'<circle cx="{place(value):.1f}" cy="{y + jitter:.1f}" r="3" fill="{colour(label)}" opacity=".6"/>'
            )
        out.append(_line(place(middle), y - 11, place(middle), y + 11, "whisker"))
        out.append(_text(right + 12, y + 4, f"{middle:.2f}"))
    return _svg(height, title, out)


def lines(title: str, across: str, up: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """Return a line with a point for each value of ``across``, one for each system, named at its end.

    Args:
        title: What it shows.
        across, up: What the axes are, with units.
        series: Systems and their points.
    """
    left, right, top, bottom = 46, WIDTH - max(LABEL, _labels(name for name, _ in series)), 50, 300
    ticks_x = ticked(max((x for _, points in series for x, _ in points), default=1.0), whole=True)
    ticks_y = ticked(max((y for _, points in series for _, y in points), default=1.0))
    place, rise = _scale(left, right, ticks_x[-1]), _scale(bottom, top, ticks_y[-1])
    out = [_text(0, 14, title, "title"), *_across(place, ticks_x, top, bottom, across)]
    out.append(_text(0, top - 14, up, "muted"))
    for tick in ticks_y:
        out += [
            _line(left, rise(tick), right, rise(tick), "grid"),
            _text(left - 8, rise(tick) + 4, _short(tick), "muted", "end"),
        ]
    ends: list[tuple[float, str]] = []
    for name, points in series:
        path = " ".join(f"{place(x):.1f},{rise(y):.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour(name)}" stroke-width="2"/>')
        for x, y in points:
            dot = f"<title>{escape(name)}: {_short(y)} at {_short(x)}</title>"
            out.append(f'<circle cx="{place(x):.1f}" cy="{rise(y):.1f}" r="3.5" fill="{colour(name)}">{dot}</circle>')
        ends.append((rise(points[-1][1]), name))
    for y, wanted, name in _apart(ends, 17):
        last = next(points[-1][0] for label, points in series if label == name)
        out.append(
            f'<line x1="{place(last) + 6:.1f}" y1="{wanted:.1f}" x2="{right + 10}" y2="{y:.1f}"'
            f' stroke="{colour(name)}" opacity=".5"/>'
        )
        out.append(_text(right + 14, y + 4, name))
    return _svg(bottom + 44, title, out)


def timeline(title: str, lanes: Sequence[tuple[str, Sequence[Piece]]], most: float) -> str:
    """Return calls as bars along the seconds of a run: a lane for the model, as many as needed for tools."""
    left, right, high = 60, WIDTH - 16, 19
    ticks = ticked(most)
    place = _scale(left, right, ticks[-1])
    bottom = 26 + high * len(lanes) + 4
    out = [_text(0, 14, title, "title"), *_across(place, ticks, 22, bottom, "seconds")]
    for number, (label, pieces) in enumerate(lanes):
        y = 26 + high * number
        out.append(_text(left - 8, y + 12, label, "muted", "end"))
        for piece in pieces:
            wide = max(1.5, place(piece.ended) - place(piece.began) - 1)
            told = f"{piece.text}: {piece.began:.2f}–{piece.ended:.2f} s"
            out.append(_rect(place(piece.began), y, wide, high - 4, piece.colour, told))
            if len(piece.text) * CHAR + 6 < wide:
                out.append(_text(place(piece.began) + 4, y + 11.5, piece.text, "inside"))
    return _svg(bottom + 38, title, out)


def timelines(title: str, rows: Sequence[tuple[str, Sequence[tuple[str, Sequence[Piece]]]]]) -> str:
    """Return timelines one below the other on one scale of seconds, each with its name above."""
    left, right, high, top = 60, WIDTH - 16, 13, 22
    most = max((piece.ended for _, lanes in rows for _, pieces in lanes for piece in pieces), default=1.0)
    ticks = ticked(most)
    place = _scale(left, right, ticks[-1])
    bottom = top + sum(18 + high * len(lanes) for _, lanes in rows) + 4
    out = [_text(0, 14, title, "title"), *_across(place, ticks, top, bottom, "seconds")]
    y = top
    for name, lanes in rows:
        out.append(_text(left, y + 13, name, "muted"))
        y += 18
        for label, pieces in lanes:
            out.append(_text(left - 8, y + 9, label, "muted", "end"))
            for piece in pieces:
                wide = max(1.5, place(piece.ended) - place(piece.began) - 1)
                told = f"{piece.text}: {piece.began:.2f}–{piece.ended:.2f} s"
                out.append(_rect(place(piece.began), y, wide, high - 3, piece.colour, told))
            y += high
    return _svg(bottom + 38, title, out)


@dataclass(frozen=True, slots=True)
class Place:
    """One cell of a map: whole numbers for where it is.

    Attributes:
        shade: In −1…1: one hue below nought, another above; nought: none.
        framed, marked: A frame and a filled corner, whose meaning the map's legend says.
    """

    x: int
    y: int
    shade: float
    text: str
    framed: bool = False
    marked: bool = False


def heat(title: str, across: str, up: str, cells: Sequence[Place], named: str) -> str:
    """Return a map of cells.

    Args:
        title: What it shows.
        across, up: What the axes are, with units.
        cells: The cells.
        named: What hues and marks say.
    """
    columns, rows = sorted({cell.x for cell in cells}), sorted({cell.y for cell in cells}, reverse=True)
    wide, high, left, top = min(64.0, (WIDTH - 60) / len(columns)), 26, 46, 60
    out = [_text(0, 14, title, "title"), _text(0, 32, named, "muted"), _text(0, top - 10, up, "muted")]
    for cell in cells:
        out += _cell(cell, left + columns.index(cell.x) * wide, top + rows.index(cell.y) * high, wide - 2, high - 2)
    bottom = top + high * len(rows)
    out += [_text(left + (at + 0.5) * wide, bottom + 14, str(x), "muted", "middle") for at, x in enumerate(columns)]
    out += [_text(left - 8, top + at * high + 16, str(y), "muted", "end") for at, y in enumerate(rows)]
    out.append(_text(left + len(columns) * wide / 2, bottom + 32, across, "muted", "middle"))
    return _svg(bottom + 40, title, out)


def _cell(cell: Place, x: float, y: float, wide: float, high: float) -> list[str]:
    fill = "var(--c1)" if cell.shade > 0 else "var(--c5)" if cell.shade < 0 else "var(--c4)"
    strength = 0.14 if cell.shade == 0 else 0.12 + 0.46 * abs(cell.shade)
    frame = ' stroke="var(--ink)" stroke-width="1.8"' if cell.framed else ""
    told = escape(f"{cell.x}, {cell.y}: {cell.text}")
    box = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    out = [
        f'<rect {box} fill="{fill}" fill-opacity="{strength:.2f}"{frame}><title>{told}</title></rect>',
        _text(x + wide / 2, y + 16, cell.text, anchor="middle"),
    ]
    if cell.marked:
        out.append(f'<path class="corner" fill="var(--ink)" d="M{x + wide - 9:.1f} {y:.1f}h9v9z"/>')
    return out


def ticked(most: float, *, whole: bool = False) -> list[float]:
    """Return round numbers from 0 to the first one that is not below ``most``.

    >>> ticked(13.2), ticked(0.0148), ticked(5, whole=True)
    ([0.0, 5.0, 10.0, 15.0], [0.0, 0.005, 0.01, 0.015], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    """
    rough = most / 5
    power = 10 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    step = max(1.0, step) if whole else step
    return [round(step * at, 10) for at in range(math.ceil(most / step * 0.9999) + 1)]


def standalone(picture: str) -> str:
    """Return a picture as a file of its own, with the colours in it."""
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        "</title>", f"</title><style>{STYLE}</style>", 1
    )


class _scale:  # noqa: N801 (used as a function)
    def __init__(self, start: float, end: float, most: float) -> None:
        self._start, self._each = start, (end - start) / most

    def __call__(self, value: float) -> float:
        return self._start + value * self._each


def _labels(labels: Iterable[str]) -> float:
    return max(60.0, max((len(label) for label in labels), default=0) * CHAR + 14)


def _across(place: _scale, ticks: Sequence[float], top: float, bottom: float, unit: str) -> list[str]:
    out = [_line(place(tick), top, place(tick), bottom, "grid") for tick in ticks]
    out.append(_line(place(0), bottom, place(ticks[-1]), bottom, "axis"))
    out += [_text(place(tick), bottom + 15, _short(tick), "muted", "middle") for tick in ticks]
    out.append(_text((place(0) + place(ticks[-1])) / 2, bottom + 32, unit, "muted", "middle"))
    return out


def _apart(ends: Sequence[tuple[float, str]], least: float) -> list[tuple[float, float, str]]:
    """Return labels moved down until none is nearer than ``least`` to the one above."""
    placed: list[tuple[float, float, str]] = []
    for wanted, name in sorted(ends):
        y = max(wanted, placed[-1][0] + least) if placed else wanted
        placed.append((y, wanted, name))
    over = placed[-1][0] - 300 if placed else 0
    return [(y - over if over > 0 else y, wanted, name) for y, wanted, name in placed]


def _short(value: float) -> str:
    return f"{value:,.6g}"


def _svg(height: float, title: str, inner: Iterable[str]) -> str:
    body = "\n".join(inner)
    return (
        f'<svg class="plot" role="img" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}">'
        f"<title>{escape(title)}</title>\n{body}\n</svg>"
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _rect(x: float, y: float, wide: float, high: float, fill: str, told: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, wide):.1f}" height="{high}" rx="2" fill="{fill}">'
        f"<title>{escape(told)}</title></rect>"
    )
