"""``--detach``: a run is written down, and others go on with it."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from engine.cli.drive import Seat


def require_kept(*, detach: bool, in_memory: bool) -> None:
    """Raises typer.BadParameter for a run that nobody could go on with."""
    if detach and in_memory:
        raise typer.BadParameter("--detach and --no-store: nobody could go on with a run that is kept nowhere")


async def submit(seat: Seat, task: str = "", **options: Any) -> int:
    """Write a run's first event, print its id to stdout and what to do with it to stderr, and return the exit code.

    Args:
        seat: From where.
        task: What is wanted; with a ``plan`` among the options it may be left out.
        options: As ``Engine.submit`` takes them.

    Raises:
        typer.BadParameter: The store that was meant could not be opened.
        PlanError: The given plan cannot run as it is.
        StoreError: The run cannot be written.
    """
    if not seat.place.durable:
        raise typer.BadParameter("--detach: the store cannot be opened, and in memory nobody could go on with the run")
    run_id = await seat.engine.submit(task, **options)
    print(json.dumps({"id": run_id, "store": seat.place.shown}) if seat.json else run_id)
    if not (seat.quiet or seat.json):
        verb = "watch" if seat.place.shared else "resume"
        who = "a worker drives it" if seat.place.shared else "nobody drives it yet"
        print(f"{who}: engine runs {verb} {run_id}{seat.place.flags}", file=sys.stderr)
    return 0
