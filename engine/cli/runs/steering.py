"""``engine runs approve``, ``reject``, ``answer``, ``steer`` and ``cancel``: what people say to a run."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import anyio
import typer

from engine.cli import options as given
from engine.cli import source
from engine.cli.runs.driving import go_on
from engine.cli.runs.finding import Standing, standing
from engine.cli.session import loaded, run_async, session
from engine.cli.storage import existing, place_of
from engine.cli.terminal import me
from engine.decisions import REPLIED, given_in
from engine.handle import Decision, RunHandle
from schemas.errors import ConflictError
from schemas.plan import Plan

ENDS_S = 10.0
WORDS: dict[str, Decision] = {"done": "done", "run": "approve", "abort": "reject"}

ME = me()

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

ApprovalArgument = Annotated[
    str | None, typer.Argument(metavar="[APPROVAL]", help="Its id, such as a1; not needed where only one waits.")
]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who answers; a run of a user takes only theirs.")]


@commands.command()
def approve(
    run: given.RunArgument,
    approval: ApprovalArgument = None,
    tool_input: Annotated[
        str | None, typer.Option("--input", metavar="JSON", help="Call the tool with this input instead.")
    ] = None,
    plan: Annotated[str | None, typer.Option("--plan", metavar="FILE", help="Run this plan instead.")] = None,
    by: ByOption = ME,
    detach: given.DetachOption = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Agree to what a run asks about, as it is or edited.

    The run goes on: where it is driven, or else here.
    """
    arguments = None if tool_input is None else given.object_from(tool_input, "--input")
    text = None if plan is None else given.read_text(plan, "the plan file")

    async def act(handle: RunHandle, read: Callable[[str, str], Plan]) -> str:
        edited = None if text is None or plan is None else read(text, plan)
        await handle.approve(approval, tool_input=arguments, plan=edited, by=by)
        return "approved"

    return _say(run, act, Way(store, config, detach=detach, json=json, quiet=quiet))


@commands.command()
def reject(
    run: given.RunArgument,
    approval: ApprovalArgument = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; the planner reads it.")] = "",
    by: ByOption = ME,
    detach: given.DetachOption = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Refuse what a run asks about.

    The run goes on without it: where it is driven, or else here.
    """

    async def act(handle: RunHandle, _: object) -> str:
        await handle.reject(approval, reason, by=by)
        return "rejected"

    return _say(run, act, Way(store, config, detach=detach, json=json, quiet=quiet))


@commands.command()
def answer(
    run: given.RunArgument,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[APPROVAL] TEXT|done|run|abort",
            help="The answer to a question; of a step that was broken off: it happened, run it, end the run.",
        ),
    ],
    result: Annotated[
        str | None, typer.Option("--result", metavar="JSON", help="With done: what the call gave, or the answer.")
    ] = None,
    by: ByOption = ME,
    detach: given.DetachOption = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Answer a question, give the result of a call, or say whether a step that was broken off had happened.

    The run goes on: where it is driven, or else here.
    """
    approval, word = _answer(words)
    value = None if result is None else given.value_from(result, "--result")
    if value is not None and word != "done":
        raise typer.BadParameter(f"--result belongs to done, not to {word}")

    async def act(handle: RunHandle, _: object) -> str:
        pending = [asked for asked in await handle.pending() if approval in (None, asked.approval_id)]
        if len(pending) == 1 and pending[0].subject in REPLIED:
            reply = given_in(pending[0], word) if result is None else value
            await handle.answer(pending[0].approval_id, "done", result=reply, by=by)
            return "answered"
        if word not in WORDS:
            raise typer.BadParameter(f"{word!r}: done (it happened), run (it did not) or abort (end the run)")
        await handle.answer(approval, WORDS[word], result=value, by=by)
        return f"answered: {word}"

    return _say(run, act, Way(store, config, detach=detach, json=json, quiet=quiet))


@commands.command()
def steer(
    run: given.RunArgument,
    goal: Annotated[
        str, typer.Argument(metavar="TASK", help="What the run is for from now on; - reads it from stdin.")
    ],
    by: ByOption = ME,
    detach: given.DetachOption = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Change what a run is for; what is done stays.

    It is planned anew from there: where it is driven, or else here.
    """
    text = given.task_text(goal)

    async def act(handle: RunHandle, _: object) -> str:
        await handle.steer(text, by=by)
        return "the new goal is written"

    return _say(run, act, Way(store, config, detach=detach, json=json, quiet=quiet))


@commands.command()
def cancel(
    run: given.RunArgument,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; stands in the record.")] = "cancelled",
    by: ByOption = ME,
    detach: given.DetachOption = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """End a run; a partial answer is kept."""
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            found = _going_on(await standing(runs, run))
            async with session(loaded(config, quiet=True), runs) as engine:
                handle = engine.attach(found.run.id, through="terminal")
                await handle.cancel(reason, by=by)
                now = await standing(runs, found.run.id)
                if not now.alive and not now.run.ended and not detach and not place.shared:
                    await engine.drive(found.run.id)
                elif not detach:
                    with anyio.move_on_after(ENDS_S):
                        await handle.done()
            ended = await runs.summary(found.run.id)
            how = f"is {ended.status}" if ended.ended else "shall end; whoever drives it will see to it"
            print(f"run {ended.id} {how}", file=sys.stderr)
        return 0

    return run_async(main)


class Way:
    """How a command that says something to a run was called."""

    def __init__(self, store: str | None, config: str | None, *, detach: bool, json: bool, quiet: bool) -> None:
        self.store = store
        self.config = config
        self.detach = detach
        self.json = json
        self.quiet = quiet


def _say(run: str, act: Callable[[RunHandle, Callable[[str, str], Plan]], Awaitable[str]], way: Way) -> int:
    """Write what a person says into a run's log, and go on with the run where nobody else does."""
    place = place_of(way.store, way.config)

    async def main() -> int:
        async with existing(place) as runs:
            found = _going_on(await standing(runs, run))
            async with session(loaded(way.config, quiet=True), runs) as engine:

                def read(text: str, name: str) -> Plan:
                    plan, warnings = source.read_plan(engine, text, name, "auto")
                    given.say_warnings(warnings)
                    return plan

                said = await act(engine.attach(found.run.id, through="terminal"), read)
                now = await standing(runs, found.run.id)
                if now.alive:
                    print(f"{said}; run {now.run.id} goes on in {now.place}", file=sys.stderr)
                    return 0
                if way.detach or place.shared:
                    then = f"engine runs resume {now.run.id}{place.flags} goes on with the run"
                    print(f"{said}; {'a worker goes on with it' if place.shared else then}", file=sys.stderr)
                    return 0
                return await go_on(engine, runs, place, now.run, json=way.json, quiet=way.quiet)

    return run_async(main)


def _going_on(found: Standing) -> Standing:
    if found.run.ended:
        said = f"run {found.run.id} is over ({found.run.status})"
        raise ConflictError(said, hint="engine runs fork makes a new one from a step of it")
    return found


def _answer(words: list[str]) -> tuple[str | None, str]:
    """Return (approval, word) from what stands after the run."""
    *before, word = words
    if len(before) > 1:
        raise typer.BadParameter(f"one approval at a time, not {' '.join(before)}")
    return (before[0] if before else None), word
