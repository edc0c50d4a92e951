"""A plan or run drawn as SVG: layers from top to bottom, every step and edge once, light and dark.

Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (1981): layers by
longest path, a place in every layer for an edge that crosses it, fewer crossings by barycentres.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from unicodedata import east_asian_width

from engine.dag.render import edges, full_label, input_line, levels
from schemas.plan import Plan, Step

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 208, 52, 28, 56, 20
"""Pixels: of a step, between two of a layer, between layers, around it all."""
_LANE = 14
_SWEEPS = 12
_TEXT = 25
_NO_XML = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")
_MARKS = {
    "planned": "○",
    "waiting": "?",
    "postponed": "◷",
    "running": "▶",
    "retrying": "↻",
    "done": "✓",
    "failed": "✗",
    "skipped": "–",
    "cancelled": "■",
    "discarded": "·",
}
_STYLE = """
.bg{fill:#fff}.n rect{fill:#fff;stroke:#c9ced6}.n text{fill:#1d2430}.n .i{fill:#667085}#tip path{fill:#98a2b3}
.e{fill:none;stroke:#98a2b3;stroke-width:1.4}.m{font:700 14px system-ui,sans-serif}
.t{font:600 13px system-ui,sans-serif}.i{font:11px ui-monospace,monospace}
.done rect{stroke:#1a7f4b}.n.done .m{fill:#1a7f4b}.failed rect{stroke:#c4320a;stroke-width:2}.n.failed .m{fill:#c4320a}
.running rect,.retrying rect{stroke:#1d5fd6;stroke-width:2}.n.running .m,.n.retrying .m{fill:#1d5fd6}
.waiting rect,.postponed rect{stroke:#9a5b00;stroke-width:2;stroke-dasharray:5 3}
.n.waiting .m,.n.postponed .m{fill:#9a5b00}.skipped,.cancelled,.discarded{opacity:.6}
@media(prefers-color-scheme:dark){.bg{fill:#11151c}.n rect{fill:#1a2029;stroke:#3a4352}.n text{fill:#e6eaf0}
.n .i{fill:#98a2b3}.e{stroke:#5d6878}#tip path{fill:#5d6878}.n.done .m{fill:#4ec78a}.n.failed .m{fill:#ff8a66}
.n.running .m,.n.retrying .m{fill:#7ba9ff}.n.waiting .m,.n.postponed .m{fill:#e8b04a}}
"""


def to_svg(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """Return a picture that any browser shows by itself: no script, nothing from elsewhere.

    Args:
        plan: The plan.
        states: Step states by id; left out for a plan that has not run.

    Cost: O(sweeps × (steps + edges + edges' lengths)).
    """
    links = edges(plan)
    sheet = _laid_out(plan, links)
    width, height = sheet.size()
    shapes = [_edge(sheet, source, target) for source, target in links]
    shapes += [_node(step, sheet, (states or {}).get(step.id, "")) for step in plan.steps]
    title = escape(_cut(plan.goal, 200)) or "A plan"
    head = '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
    head += f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            head,
            f"<title>{_xml(title)}</title><style>{_STYLE}</style>",
            f'<defs>{tip}<path d="M0 0 8 4 0 8z"/></marker></defs><rect class="bg" width="100%" height="100%"/>',
            *shapes,
            "</svg>\n",
        ]
    )


@dataclass(slots=True)
class _Sheet:
    """Where everything lies.

    Attributes:
        rows: Ids of steps and of edges' places, by layer, from left to right.
        x: Their middles.
        lanes: The places of an edge, from its source to its target.
    """

    rows: list[list[str]] = field(default_factory=list[list[str]])
    x: dict[str, float] = field(default_factory=dict[str, float])
    lanes: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    level: dict[str, int] = field(default_factory=dict[str, int])
    steps: set[str] = field(default_factory=set[str])

    def y(self, name: str) -> float:
        """Return the top of a step's or place's layer."""
        return MARGIN + (self.level[name] - 1) * (HEIGHT + DOWN)

    def half(self, name: str) -> float:
        """Return half of what a step or place takes across."""
        return (WIDTH if name in self.steps else _LANE) / 2

    def size(self) -> tuple[float, float]:
        """Return width and height."""
        right = max((self.x[name] + self.half(name) for name in self.x), default=WIDTH)
        return right + MARGIN, 2 * MARGIN + max(len(self.rows), 1) * (HEIGHT + DOWN) - DOWN


def _laid_out(plan: Plan, links: list[tuple[str, str]]) -> _Sheet:
    sheet = _Sheet(level=levels(plan), steps={step.id for step in plan.steps})
    sheet.rows = [[] for _ in range(max(sheet.level.values(), default=0))]
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for step in plan.steps:
        sheet.rows[sheet.level[step.id] - 1].append(step.id)
    for number, (source, target) in enumerate(links):
        before = source
        lane = sheet.lanes[source, target] = []
        for level in range(sheet.level[source] + 1, sheet.level[target]):
            name = f"\0{number}.{level}"
            sheet.level[name] = level
            sheet.rows[level - 1].append(name)
            lane.append(name)
            below.setdefault(before, []).append(name)
            above.setdefault(name, []).append(before)
            before = name
        below.setdefault(before, []).append(target)
        above.setdefault(target, []).append(before)
    _order(sheet, above, below)
    _place(sheet, above, below)
    return sheet


def _order(sheet: _Sheet, above: dict[str, list[str]], below: dict[str, list[str]]) -> None:
    """Sort layers by the middle of what each is joined to, downwards and upwards in turn."""
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        joined = above if downwards else below
        place = {name: index for row in sheet.rows for index, name in enumerate(row)}
        for row in sheet.rows if downwards else reversed(sheet.rows):
            weight = {name: _mean([place[other] for other in joined.get(name, ())], place[name]) for name in row}
            row.sort(key=weight.__getitem__)
            place.update({name: index for index, name in enumerate(row)})


def _place(sheet: _Sheet, above: dict[str, list[str]], below: dict[str, list[str]]) -> None:
    """Give everything its middle: near what it is joined to, never over its neighbour."""
    for row in sheet.rows:
        _pack(sheet, row, [0.0] * len(row))
    for sweep in range(_SWEEPS):
        joined = above if sweep % 2 == 0 else below
        for row in sheet.rows if sweep % 2 == 0 else reversed(sheet.rows):
            _pack(sheet, row, [_mean([sheet.x[o] for o in joined.get(n, ())], sheet.x[n]) for n in row])
    left = min((sheet.x[name] - sheet.half(name) for name in sheet.x), default=0.0)
    for name in sheet.x:
        sheet.x[name] += MARGIN - left


def _pack(sheet: _Sheet, row: list[str], wanted: list[float]) -> None:
    """Place a layer as near to what is wanted as its order allows: blocks that meet share their middle."""
    offset, offsets = 0.0, list[float]()
    for index, name in enumerate(row):
        if index:
            offset += sheet.half(row[index - 1]) + ACROSS + sheet.half(name)
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # the mean of (wanted − offset), and of how many
    for want, at in zip(wanted, offsets, strict=True):
        mean, count = want - at, 1
        while blocks and blocks[-1][0] >= mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    for name, start, at in zip(row, starts, offsets, strict=True):
        sheet.x[name] = start + at


def _edge(sheet: _Sheet, source: str, target: str) -> str:
    """Return an edge: straight through the layers between, curved from layer to layer."""
    x, y = sheet.x[source], sheet.y(source) + HEIGHT
    drawn = f"M{x:.1f} {y:g}"
    for name in sheet.lanes[source, target]:
        here, top = sheet.x[name], sheet.y(name)
        drawn += _curve(x, y, here, top) + f"V{top + HEIGHT:g}"
        x, y = here, top + HEIGHT
    drawn += _curve(x, y, sheet.x[target], sheet.y(target) - 1)
    ends = f'data-from="{_xml(escape(source))}" data-to="{_xml(escape(target))}"'
    return f'<path class="e" {ends} d="{drawn}" marker-end="url(#tip)"/>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (y + to_y) / 2
    return f"C{x:.1f} {half:g} {to_x:.1f} {half:g} {to_x:.1f} {to_y:g}"


def _node(step: Step, sheet: _Sheet, state: str) -> str:
    x, y = sheet.x[step.id] - WIDTH / 2, sheet.y(step.id)
    mark = _MARKS.get(state, "")
    shown = escape(_cut(f"{step.id}. {step.tool}", _TEXT))
    below = escape(_cut(input_line(step), _TEXT + 4))
    said = escape(full_label(step) + (f" ({state})" if state else ""))
    known = f"n {state}" if state in _MARKS else "n"
    parts = [
        f'<g class="{known}" data-step="{_xml(escape(step.id))}" transform="translate({x:.1f} {y:g})">',
        f'<title>{_xml(said)}</title><rect width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        f'<text class="t" x="12" y="{22 if below else 31}">{_xml(shown)}</text>',
        f'<text class="i" x="12" y="40">{_xml(below)}</text>' if below else "",
        f'<text class="m" x="{WIDTH - 12}" y="22" text-anchor="end">{mark}</text></g>' if mark else "</g>",
    ]
    return "".join(parts)


def _mean(values: list[float] | list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _cut(text: str, most: int) -> str:
    """Return a text that is at most so many columns wide."""
    room, shown = most, ""
    for character in text:
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return shown[:-1] + "…"
        shown += character
    return shown


def _xml(text: str) -> str:
    """Return a text without what XML cannot hold (https://www.w3.org/TR/xml/#charsets)."""
    return _NO_XML.sub("\ufffd", text)
