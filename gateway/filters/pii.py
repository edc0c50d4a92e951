"""The filter ``pii``: what identifies people is replaced on the way to the model, and put back in the answer.

Options: ``mode`` (restore, redact, block), ``kinds``, ``names``, ``allow``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from gateway.filters.base import Blocked, Encoding, Facts, Kind, Scanner
from gateway.filters.decision import Block
from gateway.filters.identifiers import LABELS, Label, finders
from gateway.filters.phrases import PhraseFinder
from gateway.filters.vault import Vault
from gateway.filters.window import Finder, Row, Window, replaced
from schemas.gateway import Side
from schemas.result import Record

_WORDS: dict[str, str] = {
    "email": "an e-mail address",
    "phone": "a telephone number",
    "iban": "a bank account number",
    "card": "a payment card's number",
    "ssn": "a social security number",
    "ip": "an IP address",
    "ipv6": "an IP address",
    "name": "a listed name",
}


class PiiOptions(Record):
    """Options of ``pii``.

    Attributes:
        mode: ``restore``: placeholders to the model, the real values back in its answer; ``redact``: placeholders
            both ways, also for what the model writes by itself; ``block``: refused.
        kinds: What is looked for.
        names: People, places, products: any words to treat alike.
        allow: Values that stay, ``*`` for any text, such as ``*@example.com``; whatever their case.
    """

    mode: Literal["restore", "redact", "block"] = "restore"
    kinds: tuple[Label, ...] = LABELS
    names: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class PiiFilter:
    """Replaces what identifies people (implements ``TextFilter``)."""

    def __init__(self, options: PiiOptions) -> None:
        self.mode = options.mode
        self._allow = tuple(pattern.lower() for pattern in options.allow)
        self.finders: list[Finder] = list(finders(options.kinds))
        names = PhraseFinder(options.names, "name")
        self.named = bool(names)
        if names:
            self.finders.append(names)

    def session(self, facts: Facts) -> PiiSession:
        """Begin a call."""
        del facts
        return PiiSession(self)

    def allowed(self, value: str) -> bool:
        """Whether a value stays."""
        return bool(self._allow) and any(fnmatchcase(value.lower(), pattern) for pattern in self._allow)


class PiiSession:
    """One call (implements ``Session``)."""

    def __init__(self, owner: PiiFilter) -> None:
        self._owner = owner
        self._vault = Vault()
        self._in_request = ""

    def prepare(self, texts: Callable[[], list[str]], body: Mapping[str, Any] | None) -> None:
        """Keep clear of placeholders that are written in the request."""
        del body
        self._vault.keep_clear_of(texts())

    def request(self, text: str, kind: Kind, fixed: bool) -> str:
        """Return a text without what identifies people. Raises Blocked."""
        del kind
        if fixed or not _may_hold(text, self._owner):
            return text
        text = replaced(text, self._owner.finders, self._replace)
        self._in_request = self._vault.summary()
        return text

    def scanner(self, kind: Kind, encoding: Encoding, fixed: bool) -> Scanner | None:
        """Return what restores, or redacts, one text of the answer."""
        del kind, encoding
        if self._owner.mode == "restore":
            return Window(self._vault, self._vault.value) if self._vault and not fixed else None
        return Row([Window(finder, self._replace) for finder in self._owner.finders])

    def said(self, side: Side) -> tuple[bool, str]:
        """Return how many of what were replaced."""
        if side == "input":
            return bool(self._in_request), self._in_request
        if self._owner.mode == "restore":
            count = len(self._vault.restored)
            return count > 0, f"{count} restored" if count else ""
        found = self._vault.summary()
        return found != self._in_request, found if found != self._in_request else ""

    def _replace(self, label: str, value: str) -> str:
        if self._owner.allowed(value):
            return value
        if self._owner.mode == "block":
            raise Blocked(Block(f"it holds {_WORDS[label]}"))
        return self._vault.placeholder(label.upper(), value)


def _may_hold(text: str, owner: PiiFilter) -> bool:
    """Whether a text has any of the characters without which there is nothing to find."""
    return bool(owner.finders) and (any(map(text.__contains__, "@0123456789:")) or not text.isascii() or owner.named)
