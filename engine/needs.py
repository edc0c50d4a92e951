"""What a run that is gone on with still needs of the place where that is done."""

from __future__ import annotations

from collections.abc import Collection

from engine.dag import reduce
from engine.sinks.story import story_of
from engine.tools.judge import ask_judge
from schemas.errors import ConfigError
from schemas.stores import RunStore


async def require_tools(store: RunStore, run_id: str, declared: Collection[str]) -> None:
    """Refuse to go on with a run in a place where its steps could only fail.

    Raises:
        ConfigError: A tool that a step of it still needs is not declared here.
    """
    records = await store.load(run_id)
    story, started = story_of(records), records[0].event
    told = started.tools if started.kind == "run_started" else ()
    by_clients = {tool.name for tool in told if tool.kind == "client"}
    open_steps = [step for step in story.steps.values() if step.id not in story.results]
    needed = {step.tool for step in open_steps if story.row(step).state != "discarded"}
    missing = sorted(needed - set(declared) - by_clients - {ask_judge.spec.name, reduce.NAME})
    if missing:
        raise ConfigError(
            f"run {run_id} needs tools that are not declared here: {', '.join(missing)}",
            hint="go on where its engine.yaml is, or name it by --config",
        )
