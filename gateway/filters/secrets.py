"""The filter ``secrets``: keys, tokens and private keys neither leave in a request nor arrive in an answer.

Options: ``mode`` (redact, block), ``allow``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from gateway.filters.base import Blocked, Encoding, Facts, Kind, Scanner
from gateway.filters.decision import Block
from gateway.filters.tokens import SecretFinder
from gateway.filters.window import Window, replaced
from schemas.gateway import Side
from schemas.result import Record

_FINDER = SecretFinder()


class SecretsOptions(Record):
    """Options of ``secrets``.

    Attributes:
        mode: ``redact``: ``[removed: AWS key]`` stands in its place; ``block``: refused.
        allow: Values that stay, ``*`` for any text.
    """

    mode: Literal["redact", "block"] = "redact"
    allow: tuple[str, ...] = ()


class SecretsFilter:
    """Takes secrets out (implements ``TextFilter``)."""

    def __init__(self, options: SecretsOptions) -> None:
        self.options = options

    def session(self, facts: Facts) -> SecretsSession:
        """Begin a call."""
        del facts
        return SecretsSession(self.options)


class SecretsSession:
    """One call (implements ``Session``)."""

    def __init__(self, options: SecretsOptions) -> None:
        self._options = options
        self._found: dict[Side, set[tuple[str, int]]] = {"input": set(), "output": set()}

    def prepare(self, texts: Callable[[], list[str]], body: Mapping[str, Any] | None) -> None:
        """Do nothing: each text is looked at by itself."""

    def request(self, text: str, kind: Kind, fixed: bool) -> str:
        """Return a text without secrets. Raises Blocked."""
        del kind
        return text if fixed else replaced(text, (_FINDER,), self._replace("input"))

    def scanner(self, kind: Kind, encoding: Encoding, fixed: bool) -> Scanner | None:
        """Return what takes secrets out of one text of the answer."""
        del kind, encoding, fixed
        return Window(_FINDER, self._replace("output"))

    def said(self, side: Side) -> tuple[bool, str]:
        """Return how many of what were taken out."""
        counts = Counter(what for what, _ in self._found[side])
        return bool(counts), ", ".join(f"{count} {what}" for what, count in counts.items())

    def _replace(self, side: Side) -> Callable[[str, str], str]:
        found = self._found[side]

        def replace(what: str, value: str) -> str:
            if any(fnmatchcase(value, pattern) for pattern in self._options.allow):
                return value
            if self._options.mode == "block":
                raise Blocked(Block(f"it holds what looks like a secret ({what})"))
            found.add((what, hash(value)))
            return f"[removed: {what}]"

        return replace
