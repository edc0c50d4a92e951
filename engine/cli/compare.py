"""``engine compare``: one task done in several ways, side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import anyio
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli import options as given
from engine.cli.session import loaded, run_async, session
from engine.cli.signals import CANCELLED, heed_signals
from engine.cli.terminal import moves_cursor
from engine.comparison import SYSTEMS, Comparison, Measured, Options, markdown, systems_named
from engine.comparison.compare import Rounds
from engine.comparison.report import (
    PRICES,
    Column,
    answer_groups,
    answer_title,
    bound_line,
    columns,
    failures,
    judge_line,
    judgement_line,
    report_lines,
    spread_line,
)
from engine.sinks.words import one_line, seconds, shortened, usd
from schemas.errors import ConfigError, from_info

NARROWEST_ANSWER = 36
GAP = 2

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

SystemsOption = Annotated[
    str,
    typer.Option("--systems", "-s", metavar="NAMES", help=f"What to compare, by commas: {', '.join(SYSTEMS)}, or all."),
]
RepeatOption = Annotated[int, typer.Option("--repeat", "-n", min=1, help="Runs of each; the table has the medians.")]
EffectsOption = Annotated[
    bool, typer.Option("--allow-effects", help="Call tools with effects too: once for each system and round.")
]
ShareOption = Annotated[
    bool, typer.Option("--share-results", help="The same call gives the same result, as late, to every system.")
]
JudgeOption = Annotated[bool, typer.Option("--no-judge", help="Do not ask the judge which answer is better.")]
ReportOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report there too: .md, or .json.")
]


@commands.command()
def compare(
    task: given.TaskArgument,
    systems: SystemsOption = "plan,react",
    repeat: RepeatOption = 1,
    share_results: ShareOption = False,
    allow_effects: EffectsOption = False,
    no_judge: JudgeOption = False,
    output: ReportOption = None,
    budget_usd: given.BudgetOption = None,
    max_tokens: given.TokensOption = None,
    time_limit: given.TimeOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON and nothing else.")] = False,
) -> int:
    """Do a task in several ways and show what each took and answered.

    Each run has its own budget. Tools with effects are not called unless --allow-effects says so.
    """
    text, names = given.task_text(task), _chosen(systems)
    found = loaded(config, model, quiet=json)

    async def main() -> int:
        async with session(found) as engine:
            progress = Progress(len(names) * repeat)
            limits = engine.limits(budget_usd=budget_usd, max_tokens=max_tokens, time_limit_s=time_limit)
            options = Options(repeat, limits, allow_effects, share_results, judge=not no_judge, on_run=progress.on_run)
            rounds = Rounds(engine, text, names, options)
            whole = await _until_signal(rounds, progress)
            comparison = rounds.found()
        if output is not None:
            body = comparison.model_dump_json(indent=2) + "\n" if output.endswith(".json") else markdown(comparison)
            given.write_text(output, body)
        if json:
            print(comparison.model_dump_json(indent=2))
        else:
            show(comparison, Console(highlight=False))
        if output is not None:
            print(f"wrote {output}", file=sys.stderr)
        return _exit_code(comparison) if whole else CANCELLED

    return run_async(main)


def _chosen(systems: str) -> list[str]:
    """Return the names of ``--systems``. Raises typer.BadParameter for one that does not exist."""
    try:
        return [system.name for system in systems_named(systems.split(","))]
    except ConfigError as exc:
        raise typer.BadParameter(f"--systems: {exc.message}: {exc.hint}") from None


async def _until_signal(rounds: Rounds, progress: Progress) -> bool:
    """Run all of it; return False where a signal ended it early, so that what was measured can still be shown."""
    whole = False
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def cancel(_: str) -> None:
            scope.cancel()

        group.start_soon(heed_signals, cancel)
        try:
            with scope:
                await rounds.run()
                progress.say("judging")
                await rounds.judge()
                whole = True
        finally:
            progress.close()
        group.cancel_scope.cancel()
    return whole


def _exit_code(found: Comparison) -> int:
    """Return 0 where a run completed, else the exit code of the first that failed."""
    runs = [run for report in found.systems for run in report.runs]
    if any(run.status == "completed" for run in runs):
        return 0
    return next((from_info(run.error).exit_code for run in runs if run.error is not None), 1)


class Progress:
    """Says on stderr what runs now, and how each run came out."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._done = 0
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("") if moves_cursor(sys.stderr) else None

    def on_run(self, system: str, number: int, run: Measured | None) -> None:
        """Take the beginning, or the end, of a run."""
        if run is None:
            self.say(f"{system} ({self._done + 1} of {self._runs})")
            return
        self._done += 1
        usage = run.usage
        told = f"{run.status} in {seconds(run.seconds)}, {usage.total_tokens:,} tokens, {usd(usage.cost_usd)}"
        round_told = f" round {number}" if self._runs > 1 and number > 1 else ""
        self._console.print(Text(one_line(f"{system}{round_told}: {told}"), style="dim"))

    def say(self, what: str) -> None:
        """Show what happens now, where a line can be rewritten."""
        if self._status is not None:
            self._status.update(Text(what))
            self._status.start()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._status is not None:
            self._status.stop()


def show(found: Comparison, console: Console) -> None:
    """Write the comparison for a person: the table, what it rests on, the answers side by side."""
    width = console.width
    console.print()
    console.print(Text(shortened(found.task, width), style="bold"))
    console.print()
    table = _fitting(columns(found), width)
    if _width(table) <= width:
        console.print(_table(table))
    else:
        for line in report_lines(table):
            console.print(Text(line))
    console.print()
    for line in (spread_line(found), bound_line(found), PRICES):
        if line:
            console.print(Text(line, style="dim"))
    for line in failures(found):
        console.print(Text(line, style="red"))
    for note in found.notes:
        console.print(Text(f"note: {note}", style="yellow"))
    if found.judgements:
        console.print()
        console.print(Text(judge_line(found), style="dim"))
        for judgement in found.judgements:
            console.print(Text(judgement_line(judgement)))
    groups = answer_groups(found)
    across = max(1, min(len(groups), (width + GAP) // (NARROWEST_ANSWER + GAP)))
    for at in range(0, len(groups), across):
        console.print()
        console.print(_answers([(answer_title(r), text) for r, text in groups[at : at + across]], across))


def _fitting(table: list[Column], width: int) -> list[Column]:
    """Leave out what can be spared until the table fits."""
    while _width(table) > width:
        spare = [column for column in table if column.spare]
        if not spare:
            break
        table.remove(min(spare, key=lambda column: column.spare))
    return table


def _width(table: Sequence[Column]) -> int:
    cells = [max(map(cell_len, (column.head, *column.cells))) for column in table]
    return sum(cells) + GAP * (len(cells) - 1)


def _table(shown: Sequence[Column]) -> Table:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for index, column in enumerate(shown):
        table.add_column(column.head, justify="right" if index else "left", no_wrap=True)
    for row in range(len(shown[0].cells)):
        styles = ["bold green" if c.best and c.best[row] else "bold" if not i else "" for i, c in enumerate(shown)]
        table.add_row(*(Text(c.cells[row], style=style) for c, style in zip(shown, styles, strict=True)))
    return table


def _answers(answers: Sequence[tuple[str, str]], across: int) -> Table:
    """Return answers beside each other, each in a column of the same width."""
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, expand=True, header_style="bold cyan")
    filled = [*answers, *[("", "")] * (across - len(answers))]
    for title, _ in filled:
        table.add_column(Text(title), ratio=1, overflow="fold")
    table.add_row(*(Text(text) for _, text in filled))
    return table
