"""A report as blocks, written as Markdown and as one page of HTML that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias, assert_never

from benchmarks.report.svg import STYLE


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the report's own."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Contents:
    """Links to headings."""

    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; ``strong``: set off from the rest."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column is names and whose others are numbers, or all words."""

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot: the name of its file beside the Markdown, and what it shows."""

    name: str
    svg: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """A text as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that are shown when asked for, and in print; those that are ``long`` not there."""

    summary: str
    blocks: Sequence[Block]
    long: bool = False


Block: TypeAlias = "Heading | Contents | Words | Table | Picture | Code | Folded"

PICTURES = "pictures"
"""The folder of the pictures beside the Markdown."""
PAGE_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def to_markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as Markdown; pictures are referred to by their files."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def to_html(title: str, blocks: Iterable[Block]) -> str:
    """Return blocks as a page that loads nothing."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{PAGE_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def anchor(heading: str) -> str:
    """Return what a heading is linked by, as Markdown viewers make it.

    >>> anchor("parallelqa, profile “plain”")
    'parallelqa-profile-plain'
    """
    return "".join(sign for sign in heading.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")


def pictures(blocks: Iterable[Block]) -> Iterable[Picture]:
    """Yield the pictures, those in folded blocks too."""
    for block in blocks:
        if isinstance(block, Picture):
            yield block
        elif isinstance(block, Folded):
            yield from pictures(block.blocks)


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}"
        case Contents():
            return "\n".join(f"- [{one}](#{anchor(one)})" for one in block.headings)
        case Words():
            return f"**{block.text}**" if block.strong else block.text
        case Table():
            return _grid(block)
        case Picture():
            return f"![{block.caption or block.name}]({PICTURES}/{block.name}.svg)"
        case Code():
            fence = "`" * (4 if "```" in block.text else 3)
            return f"{fence}text\n{block.text}\n{fence}"
        case Folded():
            inner = "\n\n".join(_markdown(one) for one in block.blocks)
            return f"<details><summary>{escape(block.summary)}</summary>\n\n{inner}\n\n</details>"
        case _:
            assert_never(block)


def _grid(block: Table) -> str:
    cells = [block.heads, *block.rows]
    cells = [tuple(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in cells]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(block.heads))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    sides = ["-" * width if at == 0 or block.words else "-" * (width - 1) + ":" for at, width in enumerate(widths)]
    return "\n".join([shown[0], "| " + " | ".join(sides) + " |", *shown[1:]])


def _html(block: Block) -> str:
    match block:
        case Heading():
            return f'<h{block.level} id="{anchor(block.text)}">{escape(block.text)}</h{block.level}>'
        case Contents():
            items = "".join(f'<li><a href="#{anchor(one)}">{escape(one)}</a></li>' for one in block.headings)
            return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'
        case Words():
            return f'<p class="strong">{escape(block.text)}</p>' if block.strong else f"<p>{escape(block.text)}</p>"
        case Table():
            return _rows(block)
        case Picture():
            caption = f"<figcaption>{escape(block.caption)}</figcaption>" if block.caption else ""
            return f"<figure>\n{block.svg}\n{caption}</figure>"
        case Code():
            return f"<pre>{escape(block.text)}</pre>"
        case Folded():
            inner = "\n".join(_html(one) for one in block.blocks)
            kind = ' class="long"' if block.long else ""
            return f"<details{kind}><summary>{escape(block.summary)}</summary>\n{inner}\n</details>"
        case _:
            assert_never(block)


def _rows(block: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in block.heads)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
    kind = ' class="words"' if block.words else ""
    inside = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<div class="wide"><table{kind}>\n{inside}</table></div>'
