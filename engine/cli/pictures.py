"""``engine show``: pictures of plans and of recorded runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from engine.cli import options as given
from engine.cli.recording import plan_of, read_records
from engine.dag.render import to_dot, to_mermaid, to_text
from engine.planner.formats.loading import load_plan
from schemas.plan import Plan

Format = Literal["text", "mermaid", "dot"]

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A plan file or a recorded run; - reads stdin.")],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to draw it.")] = "text",
) -> int:
    """Draw the plan of a plan file or of a recorded run."""
    drawn, states = _plan_or_recording(given.read_text(file, "the file"), file)
    makers = {"text": to_text, "mermaid": to_mermaid, "dot": to_dot}
    print(makers[form](drawn, states), end="")
    return 0


def _plan_or_recording(text: str, source: str) -> tuple[Plan, dict[str, str]]:
    """Read either; a recording's first line is its first event."""
    if '"run_started"' in text.lstrip().partition("\n")[0]:
        return plan_of(read_records(text, source))
    found, warnings = load_plan(text)
    given.say_warnings(warnings)
    return found, {}
