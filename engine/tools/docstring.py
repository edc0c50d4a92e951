"""What a Google-style docstring says: the description, the arguments, the result."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+):$")
_ARGUMENTS = frozenset({"Args", "Arguments", "Parameters", "Params", "Keyword Args", "Keyword Arguments"})
_RESULT = frozenset({"Returns", "Return"})
_OTHER = frozenset({"Raises", "Yields", "Example", "Examples", "Note", "Notes", "Warning", "Warnings", "See Also"}) | {
    "References", "Attributes", "Cost", "Source", "Cancellation", "Other Parameters", "Todo",
}  # fmt: skip
_ENTRY = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")


@dataclass(slots=True)
class Docstring:
    """A docstring taken apart; wrapped lines are joined, paragraphs kept."""

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict[str, str])
    result: str = ""


def parse_docstring(text: str | None) -> Docstring:
    """Return the parts of a docstring; sections other than arguments and result are left out.

    >>> parse_docstring('''Find a city.
    ...
    ... Args:
    ...     name: What people call it,
    ...         in any language.
    ... ''').arguments
    {'name': 'What people call it, in any language.'}
    """
    head: list[str] = []
    sections: dict[str, list[str]] = {}
    current = head
    for line in inspect.cleandoc(text or "").splitlines():
        match = _SECTION.match(line)
        name = match["name"] if match else ""
        if name in _ARGUMENTS or name in _RESULT or name in _OTHER:
            current = sections.setdefault(name, [])
        else:
            current.append(line)
    parsed = Docstring(description=_paragraphs(head))
    for name, lines in sections.items():
        if name in _ARGUMENTS:
            parsed.arguments.update(_entries(lines))
        elif name in _RESULT:
            parsed.result = _paragraphs(lines)
    return parsed


def _entries(lines: list[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    margin = min(indents, default=0)
    current: list[str] = []
    for line in lines:
        match = _ENTRY.match(line[margin:])
        if match:
            current = found.setdefault(match["name"], [])
            current.append(match["text"])
        else:
            current.append(line)
    return {name: _paragraphs(text) for name, text in found.items()}


def _paragraphs(lines: list[str]) -> str:
    blocks = re.split(r"\n\s*\n", "\n".join(lines))
    return "\n\n".join(" ".join(block.split()) for block in blocks if block.strip())
