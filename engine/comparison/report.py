"""A comparison as text: the table's cells, the sentences around it, and the whole as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.comparison.figures import Comparison, Judgement, LowerBound, SystemReport
from engine.sinks.words import count, one_line, printable, seconds, usd

PRICES = (
    "USD as billed, the provider's prompt caching included; uncached is computed: the same tokens at the full price"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        head: Its heading.
        cells: One a system.
        best: Whether each is the best of those that completed.
        spare: Left out first where the terminal is narrow: 1 before 2; 0 never.
    """

    head: str
    cells: tuple[str, ...]
    best: tuple[bool, ...] = ()
    spare: int = 0


def columns(found: Comparison) -> list[Column]:
    """Return the table, one row a system, the medians of its runs."""
    rows = [report.figures for report in found.systems]
    able = [bool(report.completed) for report in found.systems]

    def least(values: Sequence[float | None]) -> tuple[bool, ...]:
        known = [value for value, ok in zip(values, able, strict=True) if ok and value is not None]
        lowest = min(known, default=None)
        telling = len(set(known)) > 1
        return tuple(ok and telling and value == lowest for value, ok in zip(values, able, strict=True))

    def column(head: str, values: Sequence[float | None], cells: Sequence[str], spare: int = 0) -> Column:
        return Column(head, tuple(cells), least(values), spare)

    made = [
        Column("system", tuple(report.name for report in found.systems)),
        column("calls", [f.calls for f in rows], [_number(f.calls) for f in rows]),
        Column("steps", tuple(_number(f.steps) for f in rows), spare=1),
        column("input", [f.input_tokens for f in rows], [_number(f.input_tokens) for f in rows]),
        Column("cached", tuple(_number(f.cached_tokens) for f in rows), spare=2),
        column("output", [f.output_tokens for f in rows], [_number(f.output_tokens) for f in rows]),
        column("USD", [f.cost_usd for f in rows], [_price(f.cost_usd) for f in rows]),
        column("uncached", [f.uncached_usd for f in rows], [_price(f.uncached_usd) for f in rows], spare=4),
        column("time", [f.seconds for f in rows], [seconds(f.seconds) for f in rows]),
        Column("of bound", tuple(_share(f.efficiency) for f in rows)),
    ]
    if any(report.completed < len(report.runs) for report in found.systems) or found.rounds > 1:
        made.insert(1, Column("completed", tuple(f"{r.completed}/{len(r.runs)}" for r in found.systems), spare=3))
    if any(f.reasoning_tokens for f in rows):
        made.insert(-3, Column("reasoning", tuple(_number(f.reasoning_tokens) for f in rows), spare=2))
    return made


def report_lines(table: Sequence[Column]) -> list[str]:
    """Return the table as a sentence a system, for terminals too narrow for columns.

    >>> report_lines([Column("system", ("plan",)), Column("calls", ("2",)), Column("time", ("31ms",))])
    ['plan: calls 2 · time 31ms']
    """
    names, *rest = table
    return [
        f"{name}: {' · '.join(f'{column.head} {column.cells[row]}' for column in rest)}"
        for row, name in enumerate(names.cells)
    ]


def bound_line(found: Comparison) -> str:
    """Return what the lower bound is made of, or why there is none."""
    bound = found.bound
    if bound is None:
        return "no lower bound: no plan ran through without being mended"
    return f"lower bound {seconds(bound.seconds)}: {_made_of(bound)} ({_origin(bound, found.rounds)})"


def failures(found: Comparison) -> list[str]:
    """Return why runs did not complete, one line each."""
    return [
        one_line(f"{run.system}{_of_round(run.round, found.rounds)} {run.status}{f': {said}' if said else ''}")
        for report in found.systems
        for run in report.runs
        if run.status != "completed"
        for said in [run.error.message if run.error is not None else ""]
    ]


def spread_line(found: Comparison) -> str:
    """Return how far the times of several rounds lie apart; empty for a single round."""
    if found.rounds < 2:
        return ""
    each = [f"{r.name} {seconds(r.figures.fastest_s)} to {seconds(r.figures.slowest_s)}" for r in found.systems]
    return f"medians of {found.rounds} rounds; time: {', '.join(each)}"


def judgement_line(judgement: Judgement) -> str:
    """Return what the judge said of two answers."""
    first, second = judgement.first, judgement.second
    if not judgement.agreed:
        return f"{first} and {second}: no verdict, it changes with the order of the answers"
    if judgement.winner is None:
        return f"{first} and {second}: a tie: {one_line(judgement.reasons[0])}"
    loser = second if judgement.winner == first else first
    return f"{judgement.winner} is better than {loser}: {one_line(judgement.reasons[0])}"


def judge_line(found: Comparison) -> str:
    """Return who judged, and what that took; empty where nobody did."""
    if not found.judge:
        return ""
    usage = found.judge_usage
    took = f"{count(usage.calls, 'call')}, {count(usage.total_tokens, 'token')}, {usd(usage.cost_usd)}"
    own = ", which wrote them itself" if found.judge in found.models.values() else ""
    return f"judge {found.judge}{own}: every two answers in both orders ({took}, not part of the table)"


def answer_groups(found: Comparison) -> list[tuple[list[SystemReport], str]]:
    """Return the different answers, each with the systems that gave it."""
    groups: dict[str, list[SystemReport]] = {}
    for report in found.systems:
        groups.setdefault(printable(report.answer).strip() or "(no answer)", []).append(report)
    return [(reports, text) for text, reports in groups.items()]


def answer_title(reports: Sequence[SystemReport]) -> str:
    """Return whose answer it is, and what must be known of it."""
    names = ", ".join(report.name for report in reports)
    lost = [report for report in reports if not report.completed]
    told = " (not completed)" if lost else ""
    vary = max(report.answers for report in reports)
    return f"{names}{told}" + (f" (one of {vary} different ones)" if vary > 1 else "")


def markdown(found: Comparison) -> str:
    """Return the whole comparison as Markdown."""
    table = columns(found)
    task = "\n".join(f"> {line}" for line in printable(found.task).splitlines())
    lines = ["# Comparison", "", task, "", "| " + " | ".join(c.head for c in table) + " |"]
    lines.append("|" + "|".join(["---", *["---:"] * (len(table) - 1)]) + "|")
    lines += ["| " + " | ".join(c.cells[row] for c in table) + " |" for row in range(len(found.systems))]
    told = [spread_line(found), bound_line(found), PRICES, *failures(found), *found.notes]
    lines += ["", *[f"- {line}" for line in told if line], "", "## Systems", ""]
    lines += [f"- **{report.name}**: {report.about}" for report in found.systems]
    lines += [f"- {role}: `{model}`" for role, model in found.models.items()]
    if found.judgements:
        lines += ["", "## Judge", "", judge_line(found), ""]
        lines += [f"- {judgement_line(judgement)}" for judgement in found.judgements]
    lines += ["", "## Answers"]
    for reports, text in answer_groups(found):
        lines += ["", f"### {answer_title(reports)}", "", text]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _price(cost_usd: float | None) -> str:
    return "?" if cost_usd is None else usd(cost_usd)


def _share(efficiency: float | None) -> str:
    return "-" if efficiency is None else f"{efficiency:.0%}"


def _made_of(bound: LowerBound) -> str:
    parts = [
        f"{seconds(bound.first_step_s)} until the first step is known",
        f"{seconds(bound.critical_path_s)} critical path",
    ]
    if bound.answer_s:
        parts.append(f"{seconds(bound.answer_s)} to write the answer")
    return " + ".join(parts)


def _origin(bound: LowerBound, rounds: int) -> str:
    return f"from {bound.system}{_of_round(bound.round, rounds)}"


def _of_round(number: int, rounds: int) -> str:
    return f", round {number}" if rounds > 1 else ""
