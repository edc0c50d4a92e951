"""``engine init`` and ``engine schema``: files to start from and to check against."""

from __future__ import annotations

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import TypeAdapter

from engine.cli.options import write_text
from engine.config import FILE_NAME
from schemas.errors import ConfigError
from schemas.events import LoggedEvent, LoggedRecord
from schemas.plan import Plan
from schemas.settings import Settings

SchemaName = Literal["plan", "config", "events"]
DIALECT = "https://json-schema.org/draft/2020-12/schema"

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def init(
    path: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to write it.")] = FILE_NAME,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> int:
    """Write a commented engine.yaml."""
    target = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    if target.exists() and not force:
        raise ConfigError(f"{target}: there is such a file", hint="--force replaces it")
    write_text(str(target), template())
    print(f"wrote {target}; try: engine tools", file=sys.stderr)
    return 0


def template() -> str:
    """Return the commented engine.yaml that ``init`` writes."""
    return resources.files("engine.cli").joinpath(FILE_NAME).read_text(encoding="utf-8")


@commands.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="Which schema.")]) -> int:
    """Print the JSON Schema of a plan, of engine.yaml, or of the events."""
    print(schema_text(name), end="")
    return 0


def schema_text(name: SchemaName) -> str:
    """Return the text of ``schemas/json/<name>.json``."""
    makers = {"plan": _plan_schema, "config": _config_schema, "events": _events_schema}
    body = {"$schema": DIALECT, **makers[name]()}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _plan_schema() -> dict[str, Any]:
    """A plan file: ids may be written as integers."""
    found = Plan.model_json_schema()
    step = found["$defs"]["Step"]["properties"]
    step["id"]["type"] = step["depends_on"]["items"]["type"] = ["string", "integer"]
    return _titled(found, "Plan", Plan)


def _config_schema() -> dict[str, Any]:
    return _titled(Settings.model_json_schema(), "engine.yaml", Settings)


def _events_schema() -> dict[str, Any]:
    """One line of ``engine run --json``: the fields of the event beside those of its record."""
    found: dict[str, Any] = TypeAdapter[Any](LoggedEvent).json_schema(mode="serialization")
    head = TypeAdapter(LoggedRecord).json_schema(mode="serialization")["properties"]
    for reference in found["discriminator"]["mapping"].values():
        event = found["$defs"][reference.rpartition("/")[2]]
        event["properties"] = {**{key: head[key] for key in ("seq", "at", "run_id")}, **event["properties"]}
        event["required"] = ["seq", "at", "run_id", "kind", *(k for k in event.get("required", ()) if k != "kind")]
    return _titled(found, "Line of engine run --json", LoggedRecord)


def _titled(found: dict[str, Any], title: str, model: type) -> dict[str, Any]:
    summary = (model.__doc__ or "").partition("\n")[0]
    return {**found, "title": title, "description": summary}
