"""JSON before the plan, read token by token until it turns out to be the plan, another value, or no JSON at all."""

from __future__ import annotations

import re
from typing import Literal

_SPACE = re.compile(r"[ \t\r\n]+")
_STRING = re.compile(r'[^"\\\n]*')
_LITERAL = re.compile(r"[-+.\w]*")
_PAIR = {"{": "}", "[": "]"}


class Candidate:
    """A stretch of text, from an opening bracket on, that may be or hold the plan.

    It keeps to JSON's grammar, so that braces in prose end a false start at once. The plan is the first object whose
    ``steps`` is a list that is empty or begins with an object; not one inside a top-level list.

    Attributes:
        head: The plan's text up to its first step, once the list of steps has begun.
    """

    def __init__(self) -> None:
        self.head: str | None = None
        self._stack: list[str] = []
        self._starts: list[int] = []  # offset of each open bracket
        self._expect: Literal["key", "colon", "value", "next"] = "value"
        self._after_comma = False
        self._in_string = False
        self._escaped = False
        self._in_literal = False
        self._is_key = False
        self._held: list[str] = []
        self._length = 0
        self._since: list[str] = []  # text from the last string on
        self._word: list[str] = []  # the string being read
        self._key = ""
        self._list_opened = False  # right after `"steps": [`

    @property
    def text(self) -> str:
        """Everything read so far."""
        return "".join(self._held)

    @property
    def closed(self) -> bool:
        """Whether it is one whole JSON value."""
        return not self._stack and self._length > 0

    @property
    def again(self) -> str:
        """After a false start: what has to be looked at again, since its quotes may have been no quotes."""
        return "".join(self._since)

    def hold(self, piece: str) -> None:
        """Keep what was read."""
        self._held.append(piece)
        self._length += len(piece)
        if self._since:
            self._since.append(piece)

    def token(self, text: str, at: int) -> int:
        """Return the end of the next token (or of the part of it that is here); -1 when it is not JSON."""
        if self._in_string:
            return self._string(text, at)
        if self._in_literal:
            return self._literal(text, at)
        space = _SPACE.match(text, at)
        if space:
            return space.end()
        if self._list_opened:
            self._list_opened = False
            if text[at] in "{]":
                self.head = "".join(self._held)[self._starts[-2] :]
                return at
        return self._sign(text[at], text, at)

    def _sign(self, char: str, text: str, at: int) -> int:
        if char == '"':
            return self._begin_string(at)
        if char in "{[":
            return self._open(char, at)
        if char in "}]":
            return self._close(char, at)
        if char in ":,":
            return self._separate(char, at)
        if self._expect != "value" or not (char in "-tfn" or char.isdigit()):
            return -1
        self._in_literal = True
        return self._literal(text, at)

    def _separate(self, char: str, at: int) -> int:
        if self._expect != ("colon" if char == ":" else "next"):
            return -1
        self._after_comma = char == ","
        self._expect = "key" if char == "," and self._stack[-1] == "{" else "value"
        return at + 1

    def _string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            self._word.append(text[at])
            return at + 1
        match = _STRING.match(text, at)
        end = match.end() if match else at
        self._word.append(text[at:end])
        if end == len(text):
            return end
        if text[end] == "\n":
            return -1
        if text[end] == "\\":
            self._escaped = True
            self._word.append("\\")
        else:
            self._in_string = False
            self._key = "".join(self._word) if self._is_key else self._key
            self._expect = "colon" if self._is_key else "next"
        return end + 1

    def _literal(self, text: str, at: int) -> int:
        match = _LITERAL.match(text, at)
        end = match.end() if match else at
        if end < len(text):
            self._in_literal = False
            self._expect = "next"
        return end

    def _begin_string(self, at: int) -> int:
        if self._expect not in ("key", "value") or not self._stack:
            return -1
        self._in_string, self._is_key = True, self._expect == "key"
        self._word, self._since = [], [""]
        self._after_comma = False
        return at + 1

    def _open(self, char: str, at: int) -> int:
        if self._expect != "value":
            return -1
        in_list = bool(self._stack) and self._stack[0] == "["
        self._list_opened = char == "[" and self._key == "steps" and self._stack[-1:] == ["{"] and not in_list
        self._stack.append(char)
        self._starts.append(self._length)
        self._expect = "key" if char == "{" else "value"
        self._after_comma = False
        return at + 1

    def _close(self, char: str, at: int) -> int:
        if not self._stack or _PAIR[self._stack[-1]] != char or self._after_comma or self._expect == "colon":
            return -1
        if self._expect == "value" and char == "}":
            return -1
        self._stack.pop()
        self._starts.pop()
        self._key = ""
        self._expect = "next"
        return at + 1
