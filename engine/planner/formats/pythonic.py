"""Arguments of a call as planner models write them: Python literals, keywords, and plain text without quotes.

Read by hand rather than by ``ast``: models leave quotes open, nest them, and write prose where a literal should be,
and one bad argument must be named, not lose the call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_KEYWORD = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"[-+]?(?:\d{1,300}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?![\w.])")
_NAMED = re.compile(r"(?:True|False|None|true|false|null)(?!\w)")
_VALUES = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_BRACKET = re.compile(r"[()\[\]{},]")
_QUOTE = {quote: re.compile(rf"\\.|{quote}", re.S) for quote in ('"', "'", '"""', "'''")}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\\'\"nrt\n]))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\n": ""}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_AFTER_TEXT = ",)]}:"
_DEEPEST = 64
_EFFORT = 20
"""Signs looked at for each one that is there: no plan needs three, hostile quotes would need their square."""


class UnreadableError(Exception):
    """The arguments cannot be read; says why. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call.

    Attributes:
        name: Its keyword; empty for a positional one.
        value: What it is worth; tuples are lists.
        source: As it is written.
        quoted: Whether it is written as a literal text or container, rather than bare.
    """

    name: str
    value: Any
    source: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Call:
    """What stands between the parentheses.

    Attributes:
        arguments: In their order.
        source: The text of all of them.
        end: Where the text goes on after the closing parenthesis.
        closed: Whether there was one.
    """

    arguments: tuple[Argument, ...]
    source: str
    end: int
    closed: bool


def read_call(text: str, start: int, limit: int) -> Call:
    """Read arguments up to the closing parenthesis.

    Args:
        text: The source.
        start: Just after the opening parenthesis.
        limit: Where the text of this call ends at the latest.

    Raises:
        UnreadableError: A quote is never closed, or it is nested too deeply.

    Cost: linear in the text between.
    """
    reader = _Reader(text, start, limit)
    arguments: list[Argument] = []
    at = reader.space(start)
    while at < limit and text[at] != ")":
        argument, at = reader.argument(at)
        arguments.append(argument)
        at = reader.space(at)
        if at < limit and text[at] == ",":
            at = reader.space(at + 1)
    closed = at < limit
    return Call(tuple(arguments), text[start:at].strip(), at + closed, closed)


class _FailedError(Exception):
    """This is no literal; it may still be bare text."""


class _Reader:
    """Reads literals out of ``text[:limit]``; each method returns what it read and where it ended."""

    def __init__(self, text: str, start: int, limit: int) -> None:
        self._text = text
        self._limit = limit
        self._work = _EFFORT * (limit - start) + 10_000

    def space(self, at: int) -> int:
        match = _SPACE.match(self._text, at, self._limit)
        return match.end() if match else at

    def argument(self, at: int) -> tuple[Argument, int]:
        keyword = _KEYWORD.match(self._text, at, self._limit)
        begin = keyword.end() if keyword else at
        quoted = self._text[begin : begin + 1] in ('"', "'", "[", "(", "{")
        value, end = self._value(begin, ")", 0)
        source = self._text[begin:end].strip()
        quoted = quoted and value != source
        return Argument(keyword[1] if keyword else "", value, source, quoted), end

    def _value(self, at: int, closing: str, depth: int) -> tuple[Any, int]:
        """Read a value that ends before a comma or ``closing``; what is no literal there is bare text."""
        if depth > _DEEPEST:
            raise UnreadableError(f"it is nested deeper than {_DEEPEST} levels")
        try:
            value, end = self._literal(at, depth)
        except _FailedError:
            return self._bare(at, closing)
        after = self.space(end)
        if after >= self._limit or self._text[after] in (",", closing):
            return value, end
        return self._bare(at, closing)

    def _literal(self, at: int, depth: int) -> tuple[Any, int]:
        sign = self._text[at : at + 1]
        if sign in ('"', "'"):
            return self._string(at)
        if sign in ("[", "("):
            return self._list(at, _CLOSING[sign], depth)
        if sign == "{":
            return self._object(at, depth)
        named = _NAMED.match(self._text, at, self._limit)
        if named:
            return _VALUES[named[0]], named.end()
        number = _NUMBER.match(self._text, at, self._limit)
        if not number:
            raise _FailedError
        return _number(number[0]), number.end()

    def _string(self, at: int) -> tuple[str, int]:
        """Read a text; a quote of its own kind inside it is taken for a part of it unless an end follows."""
        triple = self._text[at : at + 3]
        quote = triple if triple in ('"""', "'''") else self._text[at]
        begin = at + len(quote)
        last = 0
        for match in _QUOTE[quote].finditer(self._text, begin, self._limit):
            self._spend()
            if match[0][0] == "\\":
                continue
            last = match.end()
            after = self.space(last)
            if after >= self._limit or self._text[after] in _AFTER_TEXT:
                return _unescaped(self._text[begin : match.start()]), last
        if not last:
            line = self._text[at : self._limit].partition("\n")[0]
            raise UnreadableError(f"the quote of {line[:40].rstrip()} is never closed")
        raise _FailedError

    def _list(self, at: int, closing: str, depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = self.space(at + 1)
        while not self._closes(at, closing):
            item, at = self._value(at, closing, depth + 1)
            items.append(item)
            at = self._next(at, closing)
        return items, at + 1

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        at = self.space(at + 1)
        while not self._closes(at, "}"):
            key, at = self._literal(at, depth + 1)
            at = self.space(at)
            if not isinstance(key, (str, int)) or at >= self._limit or self._text[at] != ":":
                raise _FailedError
            value, at = self._value(self.space(at + 1), "}", depth + 1)
            members[str(key)] = value
            at = self._next(at, "}")
        return members, at + 1

    def _closes(self, at: int, closing: str) -> bool:
        if at >= self._limit:
            raise _FailedError
        return self._text[at] == closing

    def _next(self, at: int, closing: str) -> int:
        at = self.space(at)
        if at < self._limit and self._text[at] == ",":
            return self.space(at + 1)
        if at >= self._limit or self._text[at] != closing:
            raise _FailedError
        return at

    def _bare(self, at: int, closing: str) -> tuple[str, int]:
        """Read text without quotes, up to a comma or ``closing`` that stands in no bracket."""
        open_brackets: list[str] = []
        for match in _BRACKET.finditer(self._text, at, self._limit):
            self._spend()
            sign = match[0]
            if sign in _CLOSING:
                open_brackets.append(_CLOSING[sign])
            elif not open_brackets and sign in (",", closing):
                return self._text[at : match.start()].strip(), match.start()
            elif open_brackets and sign == open_brackets[-1]:
                open_brackets.pop()
        return self._text[at : self._limit].strip(), self._limit

    def _spend(self) -> None:
        self._work -= 1
        if self._work < 0:
            raise UnreadableError("its quotes and brackets cannot be told apart")


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _unescaped(body: str) -> str:
    return _ESCAPE.sub(_escaped, body) if "\\" in body else body


def _escaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[3], match[3])
