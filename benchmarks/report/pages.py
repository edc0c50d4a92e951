"""``report DIR``: everything below a folder as one report, in Markdown with its pictures and as one page of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import manifest
from benchmarks.manifest import Manifest
from benchmarks.orchestration.runner import read
from benchmarks.orchestration.suites import SUITES
from benchmarks.report.document import PICTURES, Block, Contents, Heading, Table, Words, pictures, to_html, to_markdown
from benchmarks.report.overview import glance
from benchmarks.report.published import beside
from benchmarks.report.sections import section_of
from benchmarks.report.svg import standalone
from schemas.errors import ConfigError

TITLE = "Planning and ReAct, side by side"
HONEST = (
    "The models here are simulated: a server that speaks the real wire formats, at the speed and price of a profile, "
    "and knows the right plan of each case. Every system gets the same knowledge, the same tools with the same times, "
    "and the same failures. So this measures orchestration, not intelligence: seconds, calls, tokens and cost of doing "
    "what is right, not how often a model finds out what is right."
)
BESIDE = ("plain", "anchored")
"""Profiles whose figures stand beside published ones: without prompt caching, as those were."""
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
    (folder / PICTURES).mkdir(exist_ok=True)
    for picture in pictures(blocks):
        (folder / PICTURES / f"{picture.name}.svg").write_text(standalone(picture.svg) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(to_markdown(blocks), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(to_html(TITLE, blocks), encoding="utf-8")
    return page


def _blocks(found: Sequence[tuple[Manifest, Path]]) -> Iterator[Block]:
    parts = [*_head(found), *_sections(found)]
    yield Heading(TITLE, 1)
    if any(told.profile for told, _ in found):
        yield Words(HONEST, strong=True)
    if any(told.planner_model for told, _ in found):
        yield Words(REAL)
    yield Contents(tuple(part.text for part in parts if isinstance(part, Heading) and part.level == 2))
    yield from parts


def _head(found: Sequence[tuple[Manifest, Path]]) -> Iterator[Block]:
    """Yield what is told of all runs together."""
    runs = [(told, read(folder)) for told, folder in found if told.suite in SUITES]
    yield from glance(runs)
    simulated = {told.suite: outcomes for told, outcomes in runs if told.profile in BESIDE}
    yield from beside(simulated)
    yield from _made(found)


def _sections(found: Sequence[tuple[Manifest, Path]]) -> Iterator[Block]:
    taken: set[str] = set()
    for told, folder in found:
        section = section_of(folder)
        if section is not None:
            yield from section(told, folder, _name(told, taken))


def _name(told: Manifest, taken: set[str]) -> str:
    """Return how the pictures of a run are called, other than those of any run before."""
    name = plain = f"{told.suite}-{told.profile or 'models'}"
    number = 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    taken.add(name)
    return name


def _made(found: Sequence[tuple[Manifest, Path]]) -> Iterator[Block]:
    yield Heading("How it was made")
    rows = [("command", command) for told, _ in found for command in (*told.earlier, told.command)]
    dates = sorted(told.date for told, _ in found)
    rows.append(("date", dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"))
    rows += _once("machine", (_machine(told) for told, _ in found))
    loads = [told.load for told, _ in found if told.load is not None]
    if loads:
        rows.append(("load of the machine", f"{min(loads):g} to {max(loads):g} when runs began (1-minute average)"))
    rows += _once("tokens counted as", (told.tokens for told, _ in found))
    versions = {name: version for told, _ in found for name, version in told.versions.items()}
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in versions.items())))
    yield Table(("", ""), rows, words=True)


def _machine(told: Manifest) -> str:
    cores = f"{told.cores} cores of {told.processor}" if told.processor else f"{told.cores} cores"
    return f"{told.machine}, {cores}, Python {told.python}"


def _once(name: str, values: Iterator[str]) -> list[tuple[str, str]]:
    return [(name, value) for value in dict.fromkeys(values)]
