"""The options several commands share, each declared once, and how their text is read."""

from __future__ import annotations

import contextlib
import difflib
import json
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from schemas.durations import seconds_of
from schemas.errors import ConfigError, EngineError, NotFoundError, PlanError, StoreError
from schemas.events import ApproveMode, Mode
from schemas.settings import Roles, Settings

LONGEST_TASK = 1_000_000
"""In characters: more than fits into any model's window."""


def duration(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``5m``, ``1h30m``. Raises typer.BadParameter for other text.

    >>> duration("1h30m")
    5400.0
    """
    try:
        return seconds_of(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from None


def point_in_time(text: str) -> float:
    """Return the Unix time of ``2d`` (so long ago), or of an ISO date or time, here where no zone is named.

    Raises:
        typer.BadParameter: It is neither.
    """
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text.strip()).timestamp()
    try:
        return time.time() - duration(text)
    except typer.BadParameter:
        said = f"{text!r} is no time: write how long ago (90m, 2d, 1w), or a date or time such as 2026-01-31T09:30"
        raise typer.BadParameter(said) from None


def money(text: str) -> float:
    """Return USD from ``0.5`` or ``$0.50``. Raises typer.BadParameter for other text."""
    try:
        amount = float(text.strip().removeprefix("$"))
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise typer.BadParameter(f"{text!r} is no amount: write USD, such as 0.50")
    return amount


TaskArgument = Annotated[
    str, typer.Argument(metavar="TASK", help="What you want to know or have done; - reads it from stdin.")
]
FileArgument = Annotated[
    str | None, typer.Argument(metavar="[CONFIG]", help="Configuration, instead of ./engine.yaml.")
]
DriveOption = Annotated[
    bool | None,
    typer.Option("--drive/--no-drive", help="Drive the runs here; on a shared store workers do, unless said."),
]
ConfigOption = Annotated[
    str | None, typer.Option("--config", "-c", metavar="FILE", help="Configuration, instead of ./engine.yaml.")
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", metavar="ROLE=NAME", help="Model of a role (planner, executor, synthesizer, judge)."),
]
ModeOption = Annotated[
    Mode, typer.Option("--mode", help="auto chooses between a plan, ReAct and a direct answer by the task.")
]
AssistantOption = Annotated[
    str | None,
    typer.Option("--assistant", metavar="NAME", help="Run it as this assistant: its team, mode, caps, instructions."),
]
BudgetOption = Annotated[
    float | None, typer.Option("--budget-usd", parser=money, metavar="USD", help="Most USD for model calls.")
]
TokensOption = Annotated[int | None, typer.Option("--max-tokens", min=1, help="Most tokens read and written.")]
TimeOption = Annotated[
    float | None, typer.Option("--time-limit", parser=duration, metavar="TIME", help="Seconds, or 90s, 5m, 1h30m.")
]
ReplansOption = Annotated[int | None, typer.Option("--max-replans", min=0, help="Replans before giving up.")]
StepsOption = Annotated[int | None, typer.Option("--max-steps", min=1, help="Most steps the planner may write.")]
ParallelOption = Annotated[int | None, typer.Option("--max-parallel", min=1, help="Most steps at once.")]
ApproveOption = Annotated[
    ApproveMode | None,
    typer.Option("--approve", help="Steps that need approval: ask for each, approve all, deny all; or the plan first."),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL|PATH", help="Where runs are kept: a file, or postgresql://…; else ENGINE_STORE, store:."
    ),
]
NoStoreOption = Annotated[
    bool, typer.Option("--no-store", help="Keep the run in memory: it ends with this process, and nothing is left.")
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or last for the newest.")
]
RecordedArgument = Annotated[
    str,
    typer.Argument(metavar="RUN|FILE", help="A run's id, the beginning of one, or last; or lines of --json in a file."),
]
DetachOption = Annotated[
    bool, typer.Option("--detach", "-d", help="Only write it down; do not go on with the run here.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line for programs.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer.")]


def with_models(settings: Settings, choices: Sequence[str]) -> Settings:
    """Return the settings with the models of ``--model role=name`` in their roles.

    Raises:
        typer.BadParameter: A choice is no ``role=name``, or names no role; the nearest one is named.
    """
    known = list(Roles.model_fields)
    chosen: dict[str, str] = {}
    for choice in choices:
        role, equals, name = (part.strip() for part in choice.partition("="))
        if not equals or not name:
            raise typer.BadParameter(f"--model {choice}: expected role=name, such as --model planner={role or 'NAME'}")
        if role not in known:
            near = difflib.get_close_matches(role, known, 1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise typer.BadParameter(f"--model {choice}: there is no role {role!r}; {guess}roles: {', '.join(known)}")
        chosen[role] = name
    return settings.model_copy(update={"roles": settings.roles.model_copy(update=chosen)})


def read_text(path: str, what: str, unreadable: type[EngineError] = PlanError) -> str:
    """Return a file's text, or stdin's for ``-``.

    Raises:
        NotFoundError: There is no such file.
        EngineError: It cannot be read or is no UTF-8 text: an ``unreadable`` one.
    """
    try:
        if path == "-":
            return typer.get_text_stream("stdin").read()
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable(f"{what} {path}: no UTF-8 text") from None
    except FileNotFoundError:
        raise NotFoundError(f"{what} {path}: no such file or directory", hint=_near_file(Path(path))) from None
    except OSError as exc:
        raise unreadable(f"{what} {path}: {(exc.strerror or str(exc)).lower()}") from None


def _near_file(path: Path) -> str:
    """Name the file beside a missing one that was probably meant."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"there is no folder {path.parent}"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else ""


def require_folder(path: str) -> None:
    """Refuse a file that cannot be written because its folder is missing, before anything is done for it.

    Raises:
        StoreError: There is no such folder.
    """
    target = Path(path)
    if target.is_dir():
        raise StoreError(f"{path}: cannot be written: it is a folder", hint="name a file in it")
    if not target.parent.is_dir():
        raise StoreError(f"{path}: cannot be written: there is no folder {target.parent}", hint="create it first")


def write_text(path: str, text: str) -> None:
    """Write a file. Raises StoreError when it cannot be written."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise StoreError(f"{path}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None


def task_text(task: str) -> str:
    """Return the task, read from stdin for ``-``. Raises typer.BadParameter when there is none, or far too much."""
    text = read_text("-", "the task,", ConfigError) if task == "-" else task
    if not text.strip():
        raise typer.BadParameter('the task is empty; say what you want: engine run "…"')
    if len(text) > LONGEST_TASK:
        raise typer.BadParameter(
            f"the task has {len(text):,} characters, more than {LONGEST_TASK:,}; put the data into a file that it names"
        )
    return text.strip()


def say_warnings(warnings: Iterable[str]) -> None:
    """Write each warning on a line of stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def value_from(text: str, option: str) -> Any:
    """Return the JSON value of an option. Raises typer.BadParameter for what is no JSON."""
    try:
        return json.loads(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{option}: no JSON: {exc}; text stands in quotes: '\"…\"'") from None


def object_from(text: str, option: str) -> dict[str, Any]:
    """Return the JSON object of an option. Raises typer.BadParameter for anything else."""
    value = value_from(text, option)
    if not isinstance(value, dict):
        raise typer.BadParameter(f'{option}: expected a JSON object, such as \'{{"name": "value"}}\'')
    return cast("dict[str, Any]", value)


def one_config(file: str | None, config: str | None) -> str | None:
    """Return the configuration named by an argument or by ``--config``. Raises typer.BadParameter for two of them."""
    if file is not None and config is not None and file != config:
        raise typer.BadParameter(f"{file} and --config {config}: give one configuration")
    return file or config
