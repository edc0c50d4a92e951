"""``report DIR``: everything below a folder as one report, in Markdown with its pictures and as one page of HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from benchmarks import manifest
from benchmarks.manifest import Manifest
from benchmarks.orchestration.runner import OUTCOMES, PROMPTS, read
from benchmarks.report import cases
from benchmarks.report.document import Block, Heading, Table, Words, pictures, to_html, to_markdown
from benchmarks.report.svg import standalone
from schemas.errors import ConfigError

TITLE = "Planning and ReAct, side by side"
HONEST = (
    "The models here are simulated: a server that speaks the real wire formats, at the speed and price of a profile, "
    "and knows the right plan of each case. Every system gets the same knowledge, the same tools with the same times, "
    "and the same failures. So this measures orchestration, not intelligence: seconds, calls, tokens and cost of doing "
    "what is right, not how often a model finds out what is right."
)
REAL = "Real models took part in what names them; their answers are judged by whether they hold the right one's text."


def write(folder: Path) -> Path:
    """Write ``report.md``, its pictures and ``report.html`` into a folder of results; return the page.

    Raises:
        ConfigError: There are no results in it.
    """
    found = [
        (told, path.parent) for path in sorted(folder.rglob(manifest.FILE)) if (told := manifest.read(path.parent))
    ]
    if not found:
        raise ConfigError(f"there are no results in {folder}", hint="python -m benchmarks run SUITE --out DIR")
    blocks = list(_blocks(found))
    for picture in pictures(blocks):
        (folder / f"{picture.name}.svg").write_text(standalone(picture.svg) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(to_markdown(blocks), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(to_html(TITLE, blocks), encoding="utf-8")
    return page


def _blocks(found: Sequence[tuple[Manifest, Path]]) -> Iterator[Block]:
    yield Heading(TITLE, 1)
    if any(told.profile for told, _ in found):
        yield Words(HONEST, strong=True)
    if any(told.planner_model for told, _ in found):
        yield Words(REAL)
    yield from _made(found)
    for told, folder in found:
        if (folder / OUTCOMES).exists():
            outcomes = read(folder)
            if outcomes:
                yield from cases.section(told, outcomes, _json(folder / PROMPTS) or {})
        elif (folder / "rows.json").exists():
            yield from _rows(told, _json(folder / "rows.json")["rows"])
        elif (folder / "scores.json").exists():
            yield from _scores(told, _json(folder / "scores.json"))


def _made(found: Sequence[tuple[Manifest, Path]]) -> Iterator[Block]:
    yield Heading("How it was made")
    rows = [("command", told.command) for told, _ in found]
    dates = sorted(told.date for told, _ in found)
    rows.append(("date", dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"))
    rows += _once("machine", (f"{told.machine}, {told.cores} cores, Python {told.python}" for told, _ in found))
    loads = [told.load for told, _ in found if told.load is not None]
    if loads:
        rows.append(("load of the machine", f"{min(loads):g} to {max(loads):g} when runs began (1-minute average)"))
    rows += _once("tokens counted as", (told.tokens for told, _ in found))
    versions = {name: version for told, _ in found for name, version in told.versions.items()}
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in versions.items())))
    yield Table(("", ""), rows, words=True)


def _once(name: str, values: Iterator[str]) -> list[tuple[str, str]]:
    return [(name, value) for value in dict.fromkeys(values)]


def _rows(told: Manifest, rows: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    yield Heading(told.suite)
    verdict = {True: "met", False: "MISSED", None: ""}
    yield Table(
        ("measure", "engine", "beside it", "", "ratio", "target", ""),
        [
            (
                row["measure"],
                _unit(row["value"], row["unit"]),
                _unit(row["other"], row["unit"]),
                row["against"],
                "" if row["ratio"] is None else f"{row['ratio']:.3f}",
                row["target"],
                verdict[row["met"]],
            )
            for row in rows
        ],
        words=True,
    )


def _unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.4g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def _scores(told: Manifest, scores: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    yield Heading(f"{told.suite}: how near plans are to the right ones")
    spread = [dict(_flat(one)) for one in scores]
    heads = tuple(dict.fromkeys(key for one in spread for key in one))
    yield Table(heads, [tuple(_score(one.get(key)) for key in heads) for one in spread])


def _flat(one: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in one.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{under}{key} ")
        elif not isinstance(value, list):
            yield under + key, value


def _score(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
