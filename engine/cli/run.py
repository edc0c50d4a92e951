"""``engine run`` and ``apply``: what happens is shown as it happens, and kept."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.api import Engine
from engine.asking import AssistantOptions
from engine.assistants import Assistants
from engine.cli import options as given
from engine.cli import source
from engine.cli.detach import require_kept, submit
from engine.cli.drive import Seat, drive
from engine.cli.notices import say_notice
from engine.cli.runs.finding import say_interrupted
from engine.cli.session import connected, loaded, run_async, session
from engine.cli.storage import kept, place_of
from engine.cli.terminal import somebody_is_here

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def run(
    task: given.TaskArgument,
    assistant: given.AssistantOption = None,
    mode: given.ModeOption = "auto",
    budget_usd: given.BudgetOption = None,
    max_tokens: given.TokensOption = None,
    time_limit: given.TimeOption = None,
    max_replans: given.ReplansOption = None,
    max_steps: given.StepsOption = None,
    max_parallel: given.ParallelOption = None,
    approve: given.ApproveOption = None,
    model: given.ModelOption = None,
    store: given.StoreOption = None,
    no_store: given.NoStoreOption = False,
    detach: given.DetachOption = False,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Plan a task, run its steps, write the answer."""
    text = given.task_text(task)
    found = loaded(config, model, quiet=quiet)
    require_kept(detach=detach, in_memory=no_store)
    place = place_of(store, config, in_memory=no_store)

    async def main() -> int:
        async with kept(place) as (runs, where), session(found, runs) as engine:
            if not quiet:
                await say_interrupted(runs, where)
            await connected(engine)
            limits = engine.limits(
                budget_usd=budget_usd,
                max_tokens=max_tokens,
                time_limit_s=time_limit,
                max_replans=max_replans,
                max_steps=max_steps,
                max_parallel=max_parallel,
                max_questions=None if detach or somebody_is_here() else 0,
            )
            seat = Seat(engine, runs, where, json=json, quiet=quiet)
            options = AssistantOptions(
                mode=mode, limits=limits, approve=approve, tools=None, assistant="", instructions=""
            )
            if assistant is not None:
                options = in_the_name_of(engine, assistant, options)
            if detach:
                return await submit(seat, text, **options)
            return await drive(seat, engine.start(text, **options, park=seat.parks))

    return run_async(main)


def in_the_name_of(engine: Engine, assistant: str, options: AssistantOptions) -> AssistantOptions:
    """Return the options of a run as an assistant has it; a mode and who is asked may be chosen otherwise here.

    Raises:
        NotFoundError: There is no such assistant.
    """
    its = Assistants(engine).options(assistant, options["limits"])
    if options["mode"] != "auto":
        its["mode"] = options["mode"]
    if options["approve"] is not None:
        its["approve"] = options["approve"]
    return its


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
    store: given.StoreOption = None,
    no_store: given.NoStoreOption = False,
    detach: given.DetachOption = False,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Run a saved or edited plan, or one of another planner."""
    text = given.read_text(plan_file, "the plan file")
    found = loaded(config, model, quiet=True)
    require_kept(detach=detach, in_memory=no_store)
    place = place_of(store, config, in_memory=no_store)

    async def main() -> int:
        async with kept(place) as (runs, where), session(found, runs) as engine:
            if not quiet:
                await say_interrupted(runs, where)
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
            seat = Seat(engine, runs, where, json=json, quiet=quiet)
            if detach:
                return await submit(seat, plan=plan, limits=limits, approve=approve)
            return await drive(seat, engine.start(plan=plan, limits=limits, approve=approve, park=seat.parks))

    return run_async(main)
