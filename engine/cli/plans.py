"""``engine plan`` and ``check``: plans without running them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.cli import options as given
from engine.cli import source
from engine.cli.approve import plan_json
from engine.cli.preview import preview
from engine.cli.session import connected, loaded, run_async, session
from engine.cli.storage import consulted
from schemas.errors import PlanError

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def plan(
    task: given.TaskArgument,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the plan there; - is stdout.")
    ] = None,
    max_steps: given.StepsOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON and nothing else.")] = False,
) -> int:
    """Write the plan of a task, with its graph and an estimate, and run nothing."""
    text = given.task_text(task)
    if output == "-":
        output, json = None, True
    if output is not None:
        given.require_folder(output)
    found = loaded(config, model)

    async def main() -> int:
        async with consulted(config) as runs, session(found, runs) as engine:
            await connected(engine)
            made = await engine.plan(text, limits=engine.limits(max_steps=max_steps))
            given.say_warnings(made.warnings)
            if output is not None:
                given.write_text(output, plan_json(made.plan))
            if json:
                print(plan_json(made.plan), end="")
            else:
                print(preview(made.plan, engine.tools.specs(), made.estimate))
            if output is not None:
                print(f"wrote {output}; run it by: engine apply {output}", file=sys.stderr)
        return 0

    return run_async(main)


@commands.command()
def check(
    plan_file: Annotated[str, typer.Argument(metavar="FILE", help="A plan file; - reads stdin.")],
    form: source.FormatOption = "auto",
    config: given.ConfigOption = None,
) -> int:
    """Check a plan file against the declared tools."""
    text = given.read_text(plan_file, "the plan file")
    found = loaded(config, quiet=True)

    async def main() -> int:
        async with consulted(config) as runs, session(found, runs) as engine:
            await connected(engine)
            for line in engine.servers.down():
                print(f"note: {line}", file=sys.stderr)
            try:
                read, warnings = source.read_plan(engine, text, plan_file, form)
            except PlanError as exc:
                if len(exc.details.get("problems", ())) < 2:
                    raise
                source.say_problems(exc, plan_file)
                return exc.exit_code
            given.say_warnings(warnings)
            problems = engine.check(read)
            for problem in problems:
                print(f"{plan_file}: {problem}", file=sys.stderr)
            if problems:
                return PlanError.exit_code
            print(preview(read, engine.tools.specs(), engine.estimate(read)))
        return 0

    return run_async(main)
