"""A part of somebody else's configuration: each key is taken once, and what nobody takes is named.

That is what makes a translation honest: a key that is forgotten here shows up as one that is not honoured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from engine.config.reader import KeyPath, Reader, kind_of

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<plain>[A-Za-z_]\w*))")


@dataclass(slots=True)
class Findings:
    """What a translation finds out.

    Attributes:
        reader: Knows the lines.
        environ: Where ``$NAME`` and ``${NAME}`` inside a value are looked up.
        notes: What is not honoured, or otherwise than there: its line in the file, and place and reason in words.
        problems: What is wrong with the file, in words.
    """

    reader: Reader
    environ: Mapping[str, str]
    notes: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    problems: list[str] = field(default_factory=list[str])

    def note(self, path: KeyPath, why: str) -> None:
        """Name what is not honoured."""
        self.notes.append((self.reader.line(path), f"{self.reader.at(path)}: {why}"))

    def problem(self, path: KeyPath, why: str, hint: str = "") -> None:
        """Name what is wrong."""
        self.problems.append(f"{self.reader.at(path)}: {why}{f'{chr(10)}{hint}' if hint else ''}")

    def expanded(self, text: str, path: KeyPath) -> str:
        """Return a text with the variables in it; one that is not set stays as it is written, and is named."""

        def value(match: re.Match[str]) -> str:
            name = match["braced"] or match["plain"]
            found = self.environ.get(name)
            if found is None:
                self.note(path, f"the environment variable {name} is not set: {match[0]} stays as it is written")
            return match[0] if found is None else found

        return _VARIABLE.sub(value, text)


class Section:
    """Keys and values of the file.

    Args:
        raw: They.
        path: Where they stand.
        found: Takes notes and problems.
    """

    def __init__(self, raw: Mapping[str, Any], path: KeyPath, found: Findings) -> None:
        self.raw = raw
        self.path = path
        self.found = found
        self._taken: set[str] = set()

    def at(self, key: str) -> KeyPath:
        """Return the path of one of its keys."""
        return (*self.path, key)

    def has(self, key: str) -> bool:
        """Whether a key is there and says something."""
        return self.raw.get(key) is not None

    def text(self, key: str) -> str:
        """Return a text with its variables looked up; empty where there is none."""
        found = self._typed(key, "text", lambda value: isinstance(value, str | int | float) and value is not True)
        return "" if found is None else self.found.expanded(str(found).strip(), self.at(key))

    def secret(self, key: str) -> str:
        """Return a text whose one variable is looked up only when it is used; empty where there is none."""
        found = self._typed(key, "text", lambda value: isinstance(value, str))
        written = "" if found is None else str(found).strip()
        return written if _VARIABLE.fullmatch(written) else self.found.expanded(written, self.at(key))

    def secrets(self, key: str) -> dict[str, str]:
        """Return a mapping of names to secrets."""
        inner = self.section(key)
        return {} if inner is None else {name: inner.secret(name) for name in inner.raw}

    def flag(self, key: str) -> bool | None:
        """Return true or false; None where there is neither."""
        return cast("bool | None", self._typed(key, "true or false", lambda value: isinstance(value, bool)))

    def number(self, key: str) -> float | None:
        """Return a number; None where there is none."""
        found = self._typed(key, "a number", lambda value: isinstance(value, int | float) and value is not True)
        return None if found is None else float(found)

    def seconds(self, key: str) -> float | None:
        """Return a duration such as ``30s``, ``1.5m`` or ``200ms``; None where there is none."""
        written = self.text(key)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", written)
        if written and not match:
            self.found.problem(self.at(key), f"expected a duration such as 30s, not {written!r}")
        if not match:
            return None
        return float(match[1]) * {"ms": 0.001, "m": 60.0, "h": 3600.0}.get(match[2], 1.0)

    def texts(self, key: str) -> list[str]:
        """Return a list of texts."""
        raw = self._typed(key, "a list", lambda value: isinstance(value, list))
        return [self.found.expanded(str(each), self.at(key)) for each in cast("list[Any]", raw or [])]

    def section(self, key: str) -> Section | None:
        """Return the part below a key; None where there is none."""
        raw = self._typed(key, "keys and values", lambda value: isinstance(value, dict))
        return None if raw is None else Section(cast("dict[str, Any]", raw), self.at(key), self.found)

    def sections(self, key: str) -> list[Section]:
        """Return the entries of a list below a key."""
        raw = self._typed(key, "a list", lambda value: isinstance(value, list))
        found: list[Section] = []
        for index, entry in enumerate(cast("list[Any]", raw or [])):
            path = (*self.at(key), index)
            if isinstance(entry, dict):
                found.append(Section(cast("dict[str, Any]", entry), path, self.found))
            else:
                self.found.problem(path, f"expected keys and values, not {kind_of(entry)}")
        return found

    def named(self, key: str) -> Iterator[tuple[str, Section]]:
        """Yield the parts below a key whose own keys are names."""
        inner = self.section(key)
        for name in inner.raw if inner is not None else ():
            part = inner.section(name) if inner is not None else None
            if part is not None:
                yield name, part

    def cannot(self, key: str, why: str) -> None:
        """Take a key that is not honoured, and say so where it is there."""
        self._taken.add(key)
        if self.has(key):
            self.found.note(self.at(key), why)

    def value(self, key: str) -> Any:
        """Return whatever stands under a key, as it is."""
        self._taken.add(key)
        return self.raw.get(key)

    def leave(self) -> None:
        """Take all of it: as a whole it was named, or is not needed."""
        self._taken.update(self.raw)

    def needs(self, key: str) -> str:
        """Return a text that has to be there; where it is not, that is a problem."""
        if not self.has(key):
            self._taken.add(key)
            self.found.problem(self.at(key), "missing", f"this entry gives only {', '.join(self.raw)}")
            return ""
        return self.text(key)

    def close(self) -> None:
        """Name every key that nobody took."""
        for key in self.raw:
            if key not in self._taken:
                self.found.note(self.at(key), "is not known here, and not honoured")

    def _typed(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        self._taken.add(key)
        value = self.raw.get(key)
        if value is None or fits(value):
            return value
        self.found.problem(self.at(key), f"expected {expected}, not {kind_of(value)}")
        return None
