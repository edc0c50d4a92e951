"""Reading the texts inside JSON that is still being written: the arguments of a tool call, in any pieces.

Each string is a text of its own for the scanner inside; everything around strings passes as it is, and so does every
string that the scanner leaves alone, escape by escape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from gateway.filters.base import Scanner

_PIECES = re.compile(
    r'"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u]|[^"\\]+|\\'
)
_UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")
_LONGEST_ESCAPE = 12


class JsonStrings:
    """A scanner of JSON text that gives each string in it to a scanner of its own (implements ``Scanner``)."""

    def __init__(self, make: Callable[[], Scanner]) -> None:
        self._make = make
        self._string: _String | None = None
        self._rest = ""

    @property
    def held(self) -> str:
        """What was taken in and not yet given on."""
        return ("" if self._string is None else self._string.held) + self._rest

    def feed(self, text: str) -> str:
        """Return what can be given on."""
        text = self._rest + text
        cut = _UNFINISHED.search(text, max(0, len(text) - _LONGEST_ESCAPE))
        self._rest = "" if cut is None else text[cut.start() :]
        return self._read(text if cut is None else text[: cut.start()])

    def finish(self) -> str:
        """Return what was held back: JSON that broke off inside a string."""
        rest, self._rest = self._rest, ""
        if self._string is None:
            return rest
        string, self._string = self._string, None
        return string.finish() + rest

    def _read(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            if self._string is None:
                quote = text.find('"', at)
                end = len(text) if quote < 0 else quote + 1
                out.append(text[at:end])
                at = end
                self._string = None if quote < 0 else _String(self._make())
                continue
            at, raws, closed = _string_pieces(text, at)
            out.append(self._string.feed(raws))
            if closed:
                out.append(self._string.finish() + '"')
                self._string = None
        return "".join(out)


def _string_pieces(text: str, at: int) -> tuple[int, list[str], bool]:
    """Split what is inside a string into runs and escapes; return (where it goes on, pieces, whether it ended)."""
    raws: list[str] = []
    while at < len(text):
        match = _PIECES.match(text, at)
        if match is None:  # a control character after a backslash: no JSON, given on as it is
            return len(text), [*raws, text[at:]], False
        at = match.end()
        if match.group() == '"':
            return at, raws, True
        raws.append(match.group())
    return at, raws, False


class _String:
    """One string on its way through a scanner."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._raws: list[tuple[str, str]] = []  # (as it reads, as it was written), not yet given on

    @property
    def held(self) -> str:
        return "".join(raw for _, raw in self._raws)

    def feed(self, raws: Sequence[str]) -> str:
        added = [(_decoded(raw), raw) for raw in raws]
        self._raws += added
        return self._given(self._scanner.feed("".join(text for text, _ in added)))

    def finish(self) -> str:
        return self._given(self._scanner.finish())

    def _given(self, text: str) -> str:
        """Return text as it is written: what came unchanged as it came, anything else escaped anew."""
        out: list[str] = []
        taken = 0
        for reads, raw in self._raws:
            if not text or not text.startswith(reads):
                break
            out.append(raw)
            text = text[len(reads) :]
            taken += 1
        if text and taken < len(self._raws) and self._raws[taken][0].startswith(text):
            rest = self._raws[taken][0][len(text) :]  # a run of which the end is held back
            out.append(text)
            self._raws[taken] = (rest, rest)
            text = ""
        if not text:
            del self._raws[:taken]
            return "".join(out)
        self._raws = []
        return "".join(out) + _escaped(text)


def _decoded(raw: str) -> str:
    if raw[0] != "\\":
        return raw
    try:
        decoded: str = json.loads(f'"{raw}"')
    except ValueError:
        return raw
    return decoded


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
