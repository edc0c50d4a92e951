"""Finds the plan in a model's reply while it streams, and hands on each step's text the moment it closes.

A push scanner over text: prose, fences and other objects before the plan are skipped, whatever the chunking. Outside
the plan it keeps to JSON's grammar token by token, so that braces in prose end a false start at once; inside it counts
brackets and strings only, so that one broken step is an error of that step. Every character is looked at once (twice
after a false start): the cost is linear, a few microseconds a delta. ijson's push parser is as fast, but cannot begin
in the middle of prose, go back after a false start, or go on after a broken step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.planner.candidate import Candidate

State = Literal["prose", "seeking", "steps", "tail", "done", "broken"]

_OPEN = re.compile(r"[{\[]")
_SPACE = re.compile(r"[ \t\r\n]*")
_LENIENT_STRING = re.compile(r'[^"\\]*')
_STRUCTURE = re.compile(r'["{}\[\]]')
_SCALAR_END = re.compile(r"[,\]}\s]")
_PAIR = {"{": "}", "[": "]"}
_KEPT_OBJECTS = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the punctuation between steps.

    Attributes:
        path: JSON path.
        message: What is wrong.
    """

    path: str
    message: str


class PlanScanner:
    """Push parser for one reply.

    Attributes:
        state: Where it is: ``prose`` (no plan yet), ``seeking`` (in JSON that may hold one), ``steps``, ``tail``
            (after the steps), ``done``, or ``broken`` (brackets that do not match).
        faults: What was wrong between the steps.
        others: The last whole JSON objects and lists that were no plan.
        after: The text after the plan.
        count: Steps seen so far.
    """

    def __init__(self) -> None:
        self.state: State = "prose"
        self.faults: list[Fault] = []
        self.others: list[str] = []
        self.after: list[str] = []
        self.count = 0
        self._closed: list[str] = []  # items that closed during this feed
        self._stack: list[str] = []
        self._in_string = False
        self._escaped = False
        self._candidate = Candidate()
        self._head = ""
        self._piece: list[str] = []
        self._scalar = False
        self._comma = True  # whether the next item may begin

    def feed(self, text: str) -> list[str]:
        """Take the next piece of the reply and return the text of each step that closed in it."""
        self._closed = []
        pending = [(text, 0)]
        while pending:
            text, at = pending.pop()
            while at < len(text):
                at, again = self._advance(text, at)
                if again:
                    pending += [(text, at), (again, 0)]
                    break
        return self._closed

    def rest(self) -> str:
        """Return the plan's own text with its steps cut out: the other fields."""
        return self._head + "".join(self._piece) if self.state in ("done", "tail") else self._head + "]}"

    @property
    def unfinished(self) -> str:
        """The text of the step that was being written when the reply ended."""
        return "".join(self._piece) if self.state == "steps" else ""

    def _advance(self, text: str, at: int) -> tuple[int, str]:
        if self.state == "seeking":
            return self._seek(text, at)
        moves: dict[State, Callable[[str, int], int]] = {
            "prose": self._skip,
            "steps": self._items,
            "tail": self._finish,
            "done": self._keep,
        }
        move = moves.get(self.state)
        return (move(text, at) if move else len(text)), ""

    # Outside the plan.

    def _skip(self, text: str, at: int) -> int:
        match = _OPEN.search(text, at)
        if match is None:
            return len(text)
        self.state = "seeking"
        self._candidate = Candidate()
        return match.start()

    def _seek(self, text: str, at: int) -> tuple[int, str]:
        """Read on in a candidate; on a false start, say what has to be looked at again."""
        candidate = self._candidate
        end = candidate.token(text, at)
        if end < 0:
            self.state = "prose"
            return at, candidate.again
        if candidate.head is not None:
            self.state, self._head = "steps", candidate.head
            return end, ""
        candidate.hold(text[at:end])
        if candidate.closed:
            self.others = [*self.others[1 - _KEPT_OBJECTS :], candidate.text]
            self.state = "prose"
        return end, ""

    # Inside the plan.

    def _items(self, text: str, at: int) -> int:
        if self._stack or self._in_string:
            return self._inside(text, at)
        if self._scalar:
            return self._scalar_item(text, at)
        char = text[at]
        if char in " \t\r\n":
            match = _SPACE.match(text, at)
            return match.end() if match else at + 1
        if char == ",":
            return self._comma_between(at)
        if char == "]":
            if self._comma and self.count:
                self._fault(self.count - 1, "trailing comma after this step")
            self.state = "tail"
            self._stack = ["{"]
            return at
        return self._begin_item(char, text, at)

    def _comma_between(self, at: int) -> int:
        if self._comma:
            self._fault(self.count, "a comma with no step before it")
        self._comma = True
        return at + 1

    def _begin_item(self, char: str, text: str, at: int) -> int:
        if not self._comma and char != "}":
            self._fault(self.count, "a comma is missing before this step")
        self._comma = False
        if char in '{["':
            return self._inside(text, at)
        if char == "}":
            return self._break("'}' where a step or ']' belongs")
        self._scalar = True
        return self._scalar_item(text, at)

    def _scalar_item(self, text: str, at: int) -> int:
        match = _SCALAR_END.search(text, at)
        end = match.start() if match else len(text)
        self._piece.append(text[at:end])
        if match:
            self._scalar = False
            self._item_closed()
        return end

    def _inside(self, text: str, at: int) -> int:
        end = self._structure(text, at)
        self._piece.append(text[at:end])
        if not self._stack and not self._in_string and self.state == "steps":
            self._item_closed()
        return end

    def _item_closed(self) -> None:
        self._closed.append("".join(self._piece))
        self._piece = []
        self.count += 1

    def _finish(self, text: str, at: int) -> int:
        if text[at] == "]" and not self._piece:
            self._piece.append("]")
            return at + 1
        end = self._structure(text, at)
        self._piece.append(text[at:end])
        if not self._stack:
            self.state = "done"
        return end

    def _keep(self, text: str, at: int) -> int:
        self.after.append(text[at:])
        return len(text)

    def _structure(self, text: str, at: int) -> int:
        """Go on to the next bracket or the end of the string, and return where that is."""
        if self._in_string:
            return self._string_part(text, at)
        match = _STRUCTURE.search(text, at)
        if match is None:
            return len(text)
        char = match[0]
        if char == '"':
            self._in_string = True
        elif char in "{[":
            self._stack.append(char)
        elif not self._stack or _PAIR[self._stack[-1]] != char:
            expected = _PAIR[self._stack[-1]] if self._stack else "nothing"
            return self._break(f"{char!r} where {expected!r} belongs", len(text))
        else:
            self._stack.pop()
        return match.end()

    def _string_part(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        match = _LENIENT_STRING.match(text, at)
        end = match.end() if match else at
        if end == len(text):
            return end
        if text[end] == "\\":
            self._escaped = True
        else:
            self._in_string = False
        return end + 1

    def _fault(self, index: int, message: str) -> None:
        self.faults.append(Fault(f"$.steps[{index}]", message))

    def _break(self, message: str, end: int = 1 << 60) -> int:
        self.faults.append(Fault("$" if self.state == "tail" else f"$.steps[{self.count}]", message))
        self.state = "broken"
        return end
