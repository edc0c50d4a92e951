"""``engine run``, ``apply`` and ``replay``: what happens is shown as it happens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated

import typer

from engine.api import Engine
from engine.cli import options as given
from engine.cli import source
from engine.cli.drive import drive, exit_code_of_end, make_sink
from engine.cli.preview import preview
from engine.cli.recording import read_records
from engine.cli.session import connected, loaded, run_async, say_notice, session
from schemas.errors import StoreError
from schemas.plan import Plan

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def run(
    task: given.TaskArgument,
    mode: given.ModeOption = "auto",
    budget_usd: given.BudgetOption = None,
    max_tokens: given.TokensOption = None,
    time_limit: given.TimeOption = None,
    max_replans: given.ReplansOption = None,
    max_steps: given.StepsOption = None,
    max_parallel: given.ParallelOption = None,
    approve: given.ApproveOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Plan a task, run its steps, write the answer."""
    text = given.task_text(task)
    found = loaded(config, model, quiet=quiet)

    async def main() -> int:
        async with session(found) as engine:
            await connected(engine)
            limits = engine.limits(
                budget_usd=budget_usd,
                max_tokens=max_tokens,
                time_limit_s=time_limit,
                max_replans=max_replans,
                max_steps=max_steps,
                max_parallel=max_parallel,
            )
            opening = engine.start(text, mode=mode, limits=limits, approve=approve)
            return await drive(opening, make_sink(json=json, quiet=quiet), _previewer(engine))

    return run_async(main)


@commands.command()
def apply(
    plan_file: Annotated[str, typer.Argument(metavar="FILE", help="A plan file; - reads stdin.")],
    form: source.FormatOption = "auto",
    budget_usd: given.BudgetOption = None,
    max_tokens: given.TokensOption = None,
    time_limit: given.TimeOption = None,
    max_replans: given.ReplansOption = None,
    max_parallel: given.ParallelOption = None,
    approve: given.ApproveOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Run a saved or edited plan, or one of another planner."""
    text = given.read_text(plan_file, "the plan file")
    found = loaded(config, model, quiet=True)

    async def main() -> int:
        async with session(found) as engine:
            await connected(engine)
            plan, warnings = source.read_plan(engine, text, plan_file, form)
            if not quiet:
                given.say_warnings(warnings)
                say_notice(found, unless=plan.answer is not None)
            limits = engine.limits(
                budget_usd=budget_usd,
                max_tokens=max_tokens,
                time_limit_s=time_limit,
                max_replans=max_replans or 0,
                max_parallel=max_parallel,
            )
            opening = engine.start(plan=plan, limits=limits, approve=approve)
            return await drive(opening, make_sink(json=json, quiet=quiet), _previewer(engine))

    return run_async(main)


@commands.command()
def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Lines written by --json; - reads stdin.")],
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Play a recorded run (--json) again, with no model and no tool."""
    records = read_records(given.read_text(file, "the recording", StoreError), file)
    found = loaded(config, quiet=True)
    if records[-1].event.kind != "run_ended":
        print("note: the recording stops before the end of its run", file=sys.stderr)

    async def main() -> int:
        sink = make_sink(json=json, quiet=quiet)
        try:
            async with session(found) as engine, aclosing(engine.replay(records)) as replayed:
                async for record in replayed:
                    sink.on_record(record)
        finally:
            sink.close()
        return exit_code_of_end(records)

    return run_async(main)


def _previewer(engine: Engine) -> Callable[[Plan], str]:
    def show(plan: Plan) -> str:
        return preview(plan, engine.tools.specs(), engine.estimate(plan))

    return show
