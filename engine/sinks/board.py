"""The board of steps: rows with state, input, a bar on the run's time line and the time, as lines of fixed width."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from engine.sinks.progress import ACTIVE, RowState, RunProgress, StepRow
from engine.sinks.sentences import parked_text
from engine.sinks.words import count, fit, input_text, one_line, seconds, usd

NARROW = 60
TIME_WIDTH = 7
SHORTEST_REASON = 20
SHORTEST_TASK = 24
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_SPINNER = "|/-\\"
ICONS: dict[RowState, str] = {
    "planned": "○",
    "waiting": "?",
    "postponed": "◷",
    "running": "●",
    "retrying": "↻",
    "done": "✓",
    "failed": "✗",
    "skipped": "–",
    "cancelled": "■",
    "discarded": "–",
}
ASCII_ICONS: dict[RowState, str] = {
    "planned": ".",
    "waiting": "?",
    "postponed": "@",
    "running": "*",
    "retrying": "~",
    "done": "+",
    "failed": "x",
    "skipped": "-",
    "cancelled": "#",
    "discarded": "-",
}
STYLES: dict[RowState, str] = {
    "planned": "dim",
    "waiting": "bold magenta",
    "postponed": "magenta",
    "running": "cyan",
    "retrying": "yellow",
    "done": "green",
    "failed": "bold red",
    "skipped": "dim",
    "cancelled": "dim",
    "discarded": "dim",
}
"""Only the terminal's own eight colours, so that dark and light schemes both stay readable."""

_RED = Style.parse("red")
_DIM = Style.parse("dim")


@dataclass(frozen=True, slots=True)
class Screen:
    """What there is to draw on.

    Attributes:
        width: Terminal cells in a line.
        height: Lines the board may take.
        unicode: Whether the terminal shows more than ASCII.
    """

    width: int
    height: int
    unicode: bool = True


def board(run: RunProgress, screen: Screen, now: float, frame: int = 0) -> list[Text]:
    """Return the board's lines, at most ``screen.height``. ``now`` is in the time of the run's events.

    Cost: O(lines shown) and one pass over the rows only when they do not all fit.
    """
    head = [_title(run, screen)]
    planning = _planning(run, screen, frame)
    notes = [_note(note, screen) for note in run.notes] if screen.height >= 10 else []
    foot = [_foot(run, screen, now)]
    room = max(1, screen.height - len(head) - len(planning) - len(notes) - len(foot))
    body = _rows(run, screen, now, frame, room)
    return [*head, *body, *planning, *notes, *foot]


def _rows(run: RunProgress, screen: Screen, now: float, frame: int, room: int) -> list[Text]:
    chosen = list(run.rows.values())
    hidden = 0
    if _lines_of(chosen) > room:
        chosen = most_telling(run, max(1, room - 1))
        hidden = len(run.rows) - len(chosen)
    columns = _columns(chosen, screen)
    start, end = run.first_step_at or now, now
    lines = [line for row in chosen for line in _row(row, columns, screen, (start, end), frame)]
    if hidden:
        lines = [*lines[: max(0, room - 1)], _hidden(run, chosen, screen)]
    return lines[:room]


def most_telling(run: RunProgress, room: int) -> list[StepRow]:
    """Return the rows that matter most and fit into ``room`` lines, in plan order.

    First what waits for a person, then what runs, what failed, what ended last, what comes next.
    """
    wanted: dict[str, StepRow] = {}
    left = room
    groups: tuple[tuple[Iterable[str], int], ...] = (
        (run.waiting, room),
        (reversed(run.active), max(1, room * 2 // 3)),
        (reversed(run.failed), max(1, room // 3)),
        (reversed(run.recent), max(1, room // 3)),
        ((row.id for row in run.rows.values() if row.state == "planned"), room),
    )
    for ids, most in groups:
        for row in _first(run, ids, wanted, min(left, most)):
            wanted[row.id] = row
            left -= _lines_of([row])
    return [row for row in run.rows.values() if row.id in wanted]


def _first(run: RunProgress, ids: Iterable[str], taken: Container[str], room: int) -> list[StepRow]:
    """Return the first rows of ``ids``, none of them taken yet, that fit into ``room`` lines."""
    found: list[StepRow] = []
    for step_id in ids:
        row = run.rows.get(step_id)
        if row is None or row.id in taken:
            continue
        room -= _lines_of([row])
        if room < 0:
            break
        found.append(row)
    return found


def _lines_of(rows: Iterable[StepRow]) -> int:
    return sum(2 if _has_note(row) else 1 for row in rows)


def _has_note(row: StepRow) -> bool:
    return bool(row.note) and row.state not in ("planned", "skipped", "discarded", "done")


@dataclass(frozen=True, slots=True)
class _Columns:
    id: int
    tool: int
    input: int
    bar: int


def _columns(rows: Iterable[StepRow], screen: Screen) -> _Columns:
    """Share the line: icon, id, tool, input, bar, time; the input takes what is left, the bar goes first."""
    rows = list(rows)
    id_width = min(max((cell_len(row.id) for row in rows), default=1), 8)
    tool_width = min(max((cell_len(row.tool) for row in rows), default=1), max(8, screen.width // 4))
    bar = 0 if screen.width < NARROW else min(screen.width // 4, 40)
    used = 2 + id_width + 1 + tool_width + 2 + (bar + 2 if bar else 0) + TIME_WIDTH
    return _Columns(id_width, tool_width, max(0, screen.width - used), bar)


def _row(row: StepRow, columns: _Columns, screen: Screen, span: tuple[float, float], frame: int) -> list[Text]:
    style = STYLES[row.state]
    line = Text(no_wrap=True)
    line.append(fit(_icon(row, screen, frame), 2), style)
    line.append(fit(one_line(row.id), columns.id) + " ", "bold" if row.state in ACTIVE else style)
    line.append(fit(one_line(row.tool), columns.tool) + "  ", "" if row.state in (*ACTIVE, "done") else style)
    line.append(fit(_described(row), columns.input), "dim")
    if columns.bar:
        line.append("  ")
        line.append(_bar(row, columns.bar, span, unicode=screen.unicode), style)
    line.truncate(max(0, screen.width - TIME_WIDTH))
    line.append(_time(row, span[1]).rjust(TIME_WIDTH), "" if row.state in ACTIVE else "dim")
    line.truncate(screen.width)
    if not _has_note(row):
        return [line]
    arrow = "↳ " if screen.unicode else "> "
    indent = " " * (3 + columns.id)
    note = Text(fit(indent + arrow + one_line(row.note), screen.width).rstrip(), no_wrap=True)
    note.stylize(_RED if row.state == "failed" else _DIM)
    return [line, note]


def _icon(row: StepRow, screen: Screen, frame: int) -> str:
    if row.state == "running":
        spinner = SPINNER if screen.unicode else ASCII_SPINNER
        return spinner[frame % len(spinner)]
    return (ICONS if screen.unicode else ASCII_ICONS)[row.state]


def _described(row: StepRow) -> str:
    if row.total is not None:
        return f"{row.ended}/{row.total} {input_text(row.input)}"
    tries = f"attempt {row.attempt} " if row.attempt > 1 else ""
    return tries + input_text(row.input)


def _time(row: StepRow, now: float) -> str:
    if row.started_at is None:
        return ""
    return seconds((row.ended_at or now) - row.started_at)


def _bar(row: StepRow, width: int, span: tuple[float, float], *, unicode: bool) -> str:
    """Draw when the step ran on the time line of all steps, in half cells."""
    if row.started_at is None:
        return " " * width
    start, end = span
    scale = 2 * width / max(end - start, 0.001)
    first = min(2 * width - 1, math.floor((row.started_at - start) * scale))
    last = max(first + 1, min(2 * width, math.ceil(((row.ended_at or end) - start) * scale)))
    shapes = {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): " "}
    cells = ((first <= 2 * cell < last, first <= 2 * cell + 1 < last) for cell in range(width))
    return "".join(shapes[halves] if unicode else "=" if any(halves) else " " for halves in cells)


def _title(run: RunProgress, screen: Screen) -> Text:
    """The task, why it is done in this mode, and at the right edge the run's id, where there is room for it."""
    named = cell_len(run.run_id) + 2
    width = screen.width - named if run.run_id and screen.width - named >= SHORTEST_TASK else screen.width
    title = Text(fit(one_line(run.task), width).rstrip() or " ", style="bold", no_wrap=True)
    room = width - title.cell_len - 2
    if run.chosen and room >= min(cell_len(run.chosen), SHORTEST_REASON):
        title.append("  " + fit(one_line(run.chosen), room).rstrip(), style="not bold dim")
    if width < screen.width:
        title.append(" " * (screen.width - title.cell_len - named + 2) + run.run_id, style="not bold dim")
    return title


def _planning(run: RunProgress, screen: Screen, frame: int) -> list[Text]:
    if not run.planning:
        return []
    spinner = SPINNER if screen.unicode else ASCII_SPINNER
    written = f", {run.plan_characters:,} characters" if run.plan_characters else ""
    what = "thinking" if run.mode == "react" else "replanning" if run.replans else "planning"
    text = f"{spinner[frame % len(spinner)]} {what}{written}"
    return [Text(fit(text, screen.width).rstrip(), style="cyan", no_wrap=True)]


def _note(note: str, screen: Screen) -> Text:
    return Text(fit(f"! {one_line(note)}", screen.width).rstrip(), style="yellow", no_wrap=True)


def _hidden(run: RunProgress, shown: Iterable[StepRow], screen: Screen) -> Text:
    counts = run.counts.copy()
    for row in shown:
        counts[row.state] -= 1
    told = ", ".join(f"{counts[state]:,} {state}" for state in ICONS if counts[state] > 0)
    return Text(fit(f"{'…' if screen.unicode else '...'} and {told}", screen.width).rstrip(), style="dim")


def _foot(run: RunProgress, screen: Screen, now: float) -> Text:
    running = len(run.open) or len(run.active)
    parts = [f"{run.ended_steps:,}/{count(len(run.rows), 'step')}"] if run.rows else []
    if running:
        parts.append(f"{running:,} at once" if running > 1 else "1 running")
    if run.waiting:
        parts.append(f"{len(run.waiting):,} waiting for you")
    if run.failed:
        parts.append(f"{len(run.failed):,} failed")
    if run.parked is not None:
        parts.append(parked_text(run.parked))
    parts.append(seconds(now - run.started_at) if run.started_at else "starting")
    if run.usage.calls:
        usage = run.usage
        parts += [count(usage.calls, "model call"), count(usage.total_tokens, "token"), usd(usage.cost_usd)]
    separator = " · " if screen.unicode else " | "
    return Text(fit(separator.join(parts), screen.width).rstrip(), style="dim", no_wrap=True)
