"""``engine runs show``: a run as it stands, for a person, a program, or as a picture."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from engine.cli import options as given
from engine.cli import source
from engine.cli.approve import plan_json
from engine.cli.pictures import PICTURES
from engine.cli.runs.finding import Standing
from engine.cli.runs.listing import row
from engine.cli.runs.portrait import portrait
from engine.cli.runs.records import Recorded, recorded
from engine.cli.session import run_async
from engine.cli.storage import Place, place_of
from engine.sinks.json_lines import json_line
from engine.sinks.line import LineView
from engine.sinks.story import Story, result_json, story_of
from schemas.plan import Plan

FORMS = ("page", *PICTURES)

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def _form(text: str) -> str:
    return source.word(text, FORMS)


@commands.command()
def show(
    run: given.RecordedArgument = "last",
    form: Annotated[
        str,
        typer.Option("--format", "-f", parser=_form, metavar="|".join(FORMS), help="Its plan, drawn or as a file."),
    ] = "page",
    events: Annotated[bool, typer.Option("--events", "-e", help="Every event, a line each.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; with --events, a line for each.")] = False,
) -> int:
    """Show a run: its plan and results, what it waits for, what it cost."""
    place = place_of(store, config)

    async def main() -> int:
        async with recorded(run, place) as found:
            _print(found, place, form, events=events, json=json)
        return 0

    return run_async(main)


def _print(found: Recorded, place: Place, form: str, *, events: bool, json: bool) -> None:
    if events:
        for line in _lines(found, json=json):
            print(line)
        return
    story = story_of(found.records)
    if form in PICTURES:
        print(_picture(PICTURES[form], story), end="")
    elif json:
        print(jsonlib.dumps(as_json(found.standing, story), indent=2, ensure_ascii=False))
    else:
        portrait(found.standing, story, found.now, place.flags)


def _picture(draw: Callable[[Plan, Mapping[str, str] | None], str], story: Story) -> str:
    return draw(story.plan(), story.states())


def _lines(found: Recorded, *, json: bool) -> list[str]:
    if json:
        return [json_line(record) for record in found.records]
    began = found.records[0].at
    return [LineView.line(record, began) for record in found.records]


def as_json(standing: Standing, story: Story) -> dict[str, Any]:
    """Return all there is to know of a run but its events, as a program reads it."""
    started, ended = story.started, story.progress.ended
    steps = [
        {
            "id": step.id,
            "tool": step.tool,
            "input": story.row(step).input,
            "depends_on": list(step.depends_on),
            "status": story.row(step).state,
            "result": result_json(story.results.get(step.id)),
        }
        for step in story.steps.values()
    ]
    return {
        **row(standing),
        "mode": story.progress.mode,
        "limits": started.limits.model_dump(mode="json") if started else {},
        "models": started.models if started else {},
        "usage": story.progress.usage.model_dump(mode="json"),
        "replans": story.progress.replans,
        "plan": jsonlib.loads(plan_json(story.plan())),
        "steps": steps,
        "approvals": [asked.model_dump(mode="json", exclude={"kind"}) for asked in story.approvals],
        "warnings": story.warnings,
        "answer": story.answer.text if story.answer else None,
        "partial": story.answer.partial if story.answer else None,
        "error": ended.error.model_dump(mode="json") if ended and ended.error else None,
    }
