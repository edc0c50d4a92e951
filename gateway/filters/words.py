"""The filter ``words``: listed words, phrases and patterns, and texts that are too long.

Options: ``deny``, ``patterns``, ``allow``, ``max_chars``, ``mode`` (block, redact, annotate), ``kinds``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import regex
from pydantic import field_validator

from gateway.filters.base import Blocked, Encoding, Facts, Kind, Scanner
from gateway.filters.decision import Block
from gateway.filters.phrases import PhraseFinder
from gateway.filters.seams import seams
from gateway.filters.window import Finder, Limit, Row, Span, Window, replaced
from schemas.gateway import Side
from schemas.result import Record

PATIENCE_S = 0.25
LONGEST_MATCH = 512


class WordsOptions(Record):
    """Options of ``words``.

    Attributes:
        deny: Words and phrases, whole words, whatever their case.
        patterns: Regular expressions of matches up to 512 characters; all of a text's have 0.25 s together.
        allow: Phrases that stay although something denied stands in them.
        max_chars: The longest text.
        mode: ``block``; ``redact``: ``[removed]`` stands in its place; ``annotate``: it is only noted.
        kinds: Whose texts of a request are looked at; empty: all.
    """

    deny: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    max_chars: int | None = None
    mode: Literal["block", "redact", "annotate"] = "block"
    kinds: tuple[Kind, ...] = ()

    @field_validator("patterns")
    @classmethod
    def _readable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                regex.compile(pattern)
            except regex.error as exc:
                raise ValueError(f"{pattern!r} is no regular expression: {exc}") from None
        return patterns


class PatternFinder:
    """Finds what a regular expression matches, with an end (implements ``gateway.filters.window.Finder``)."""

    longest = LONGEST_MATCH

    def __init__(self, pattern: str) -> None:
        self._pattern = regex.compile(pattern)

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield the matches that are not empty. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE_S
        at = start
        while at < len(text):
            match = self._pattern.search(text, at, timeout=_left(until))
            if match is None:
                return
            at = max(match.end(), match.start() + 1)
            if match.end() > match.start():
                yield match.start(), match.end(), "pattern"

    def open_from(self, text: str, start: int) -> int:
        """Return where a match may begin that goes on. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE_S
        at = start
        while at < len(text):
            match = self._pattern.search(text, at, partial=True, timeout=_left(until))
            if match is None:
                break
            if match.partial or match.end() == len(text):
                return match.start()
            at = max(match.end(), match.start() + 1)
        return len(text)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Allowing:
    """A finder that leaves alone what stands in an allowed phrase."""

    def __init__(self, finder: Finder, allowed: PhraseFinder) -> None:
        self.longest = max(finder.longest, allowed.longest)
        self._finder = finder
        self._allowed = allowed

    def find(self, text: str, start: int) -> Iterator[Span]:
        stretches = list(self._allowed.find(text, start))
        for span in self._finder.find(text, start):
            if not any(begin <= span[0] and span[1] <= end for begin, end, _ in stretches):
                yield span

    def open_from(self, text: str, start: int) -> int:
        return min(self._finder.open_from(text, start), self._allowed.open_from(text, start))


class WordsFilter:
    """Looks for listed words (implements ``TextFilter``)."""

    def __init__(self, options: WordsOptions) -> None:
        self.options = options
        deny, allowed = PhraseFinder(options.deny, "word"), PhraseFinder(options.allow)
        made: list[Finder] = [deny] if deny else []
        made += [PatternFinder(pattern) for pattern in options.patterns]
        self.finders: Sequence[Finder] = [_Allowing(finder, allowed) for finder in made] if allowed else made

    def session(self, facts: Facts) -> WordsSession:
        """Begin a call."""
        del facts
        return WordsSession(self)


class WordsSession:
    """One call (implements ``Session``)."""

    def __init__(self, owner: WordsFilter) -> None:
        self._owner = owner
        self._counts: dict[Side, int] = {"input": 0, "output": 0}

    def prepare(self, texts: Callable[[], list[str]], body: Mapping[str, Any] | None) -> None:
        """Look at what lies across two parts of one message; else each text is looked at by itself. Raises Blocked.

        It cannot be taken out of either, so it is refused where it would be removed, too.
        """
        del texts
        if body is None or not any(self._crossing(*pair) for pair in seams(body)):
            return
        if self._owner.options.mode != "annotate":
            raise Blocked(Block("it holds a word that is not allowed, split over two parts"))
        self._counts["input"] += 1

    def _crossing(self, kind: str, before: str, after: str) -> bool:
        kinds = self._owner.options.kinds
        if kinds and kind not in kinds:
            return False
        for finder in self._owner.finders:
            head, tail = before[-finder.longest :], after[: finder.longest]
            for joint in ("", " "):
                spans = finder.find(f"{head}{joint}{tail}", 0)
                if any(begin < len(head) and end > len(head) + len(joint) for begin, end, _ in spans):
                    return True
        return False

    def request(self, text: str, kind: Kind, fixed: bool) -> str:
        """Return a text without what is listed. Raises Blocked, TimeoutError."""
        options = self._owner.options
        if options.kinds and kind not in options.kinds:
            return text
        if options.max_chars is not None and len(text) > options.max_chars:
            raise Blocked(Block(f"a text of it has {len(text):,} characters, more than {options.max_chars:,}", 413))
        new = replaced(text, self._owner.finders, self._replace("input"))
        return text if fixed else new

    def scanner(self, kind: Kind, encoding: Encoding, fixed: bool) -> Scanner | None:
        """Return what looks at one text of the answer."""
        del kind, encoding, fixed
        limit = self._owner.options.max_chars
        windows = [Window(finder, self._replace("output")) for finder in self._owner.finders]
        return Row([*windows, *([Limit(limit)] if limit is not None else [])]) if windows or limit else None

    def said(self, side: Side) -> tuple[bool, str]:
        """Return how often something listed was found."""
        count = self._counts[side]
        return count > 0 and self._owner.options.mode == "redact", f"{count} found" if count else ""

    def _replace(self, side: Side) -> Callable[[str, str], str]:
        def replace(what: str, value: str) -> str:
            if self._owner.options.mode == "block":
                raise Blocked(Block(f"it holds a {what} that is not allowed"))
            self._counts[side] += 1
            return value if self._owner.options.mode == "annotate" else "[removed]"

        return replace
