"""``engine show``: plans as pictures, as JSON, and as a Python script."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from engine.api import Engine
from engine.cli import options as given
from engine.cli import source
from engine.cli.approve import plan_json
from engine.cli.session import loaded, run_async, session
from engine.dag.build import plan_error
from engine.dag.drawing import to_svg
from engine.dag.render import to_dot, to_mermaid, to_text
from engine.planner.formats.loading import load_plan
from schemas.errors import PlanError
from schemas.plan import Plan

PICTURES: dict[str, Callable[[Plan, Mapping[str, str] | None], str]] = {
    "text": to_text,
    "mermaid": to_mermaid,
    "dot": to_dot,
    "svg": to_svg,
    "json": lambda plan, _: plan_json(plan),
}
_SHAPES = (*PICTURES, "python")
_OWN = "engine"

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def shape(text: str) -> str:
    """Return how a plan is shown. Raises typer.BadParameter for another word, with the nearest."""
    if text in source.FORMS[2:]:
        raise typer.BadParameter(f"{text!r} is a format to read: --from {text}; to show there are {', '.join(_SHAPES)}")
    return source.word(text, _SHAPES)


@commands.command()
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A plan file; - reads stdin.")],
    form: Annotated[
        str, typer.Option("--format", "-f", parser=shape, metavar="|".join(_SHAPES), help="How to show it.")
    ] = "text",
    written: Annotated[
        str,
        typer.Option(
            "--from",
            parser=source.plan_format,
            metavar="|".join(source.FORMS),
            help="The file's format; auto decides by its structure.",
        ),
    ] = "auto",
    config: given.ConfigOption = None,
) -> int:
    """Show the plan of a plan file, drawn or as a script."""
    text = given.read_text(file, "the file")
    if '"run_started"' in text.lstrip().partition("\n")[0]:
        raise PlanError(f"{file}: a recorded run, not a plan", hint=f"engine runs show {shlex.quote(file)}")
    return run_async(lambda: _show(text, file, form, written, config))


async def _show(text: str, file: str, form: str, written: str, config: str | None) -> int:
    """Show a plan; only a script, and a format that leaves names out, need the declared tools."""
    own = written if written != "auto" else source.detected(text)
    if own == _OWN and form in PICTURES:
        with source.named(file):
            plan, warnings = load_plan(text, _OWN)
        given.say_warnings(warnings)
        print(PICTURES[form](plan, None), end="")
        return 0
    async with session(loaded(config, quiet=True)) as engine:
        plan, warnings = source.read_plan(engine, text, file, written, checked=form == "python")
        given.say_warnings(warnings)
        print(_script(engine, plan) if form == "python" else PICTURES[form](plan, None), end="")
    return 0


def _script(engine: Engine, plan: Plan) -> str:
    problems = engine.check(plan)
    if problems:
        raise plan_error(problems)
    return engine.script(plan)
