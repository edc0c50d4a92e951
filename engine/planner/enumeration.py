"""Tells whether a task asks one thing of several named things and nothing else: calls side by side, none after another.

Where the answer has to be read out of results, planning such a task saves no model call: turn by turn it takes two as
well, with a shorter prompt. The map of ``benchmarks run line`` says what that is worth; from the second call in a row
on a plan is the better side. English only, and whatever is not surely of this shape is not.
"""

from __future__ import annotations

import re

_ASKED = (
    r"(?:(?:please|can you|could you|would you|i(?: would|'d) like to know|i want to know|tell me|show me)[, ]+)*"
    r"(?:(?:what|who|where|when)(?:'s| is| are| was| were)|how (?:old|tall|big|far|high|large|long|deep|warm|cold)"
    r"(?: is| are| was| were)|(?:get|find|fetch|list|show|give(?: me)?|look up))"
)
_WORD = r"(?:the |a |an )?[a-z][a-z-]*"
_NAME = r"(?:the )?(?:[A-Z][\w.&'’-]*|\"[^\"]+\"|“[^”]+”)(?: (?:(?:of|de|von|van|the) )*[A-Z0-9][\w.&'’-]*)*"
_IN = r"(?:(?:of|in|for|at|on) )"
_WHEN = (
    r"(?:,? (?:today|now|right now|at the moment|currently|tonight|tomorrow|yesterday|(?:this|last|next) \w+"
    r"|in \d{4}))?"
)
_SHAPE = re.compile(
    rf"(?i:{_ASKED}) (?:(?P<what>{_WORD}(?: {_WORD}){{0,4}}) {_IN})?"
    rf"{_NAME}(?:,(?: and| or)? {_IN}?{_NAME}| (?:and|or|&) {_IN}?{_NAME})+{_WHEN}\s*[.?!]*"
)
_MORE = re.compile(
    r"\b(?:of|and|or|to|from|with|by|than|per|between|most|least|best|worst|more|less|difference|total|sum|average|mean"
    r"|median|ratio|product|common|combined|overall|change|trend|rank\w*|compar\w+|\w{3,}est)\b"
)
_LONGEST = 400


def enumerates(task: str) -> bool:
    """Return whether a task asks one thing of several named things, and nothing else.

    >>> enumerates("What is the capital of France, Spain and Italy?"), enumerates("Is it raining in London?")
    (True, False)
    >>> enumerates("What is the mayor of the seat of Alder and Birch?"), enumerates("Compare Paris and Rome")
    (False, False)
    """
    text = " ".join(task.split())
    if len(text) > _LONGEST:
        return False
    found = _SHAPE.fullmatch(text)
    return found is not None and not _MORE.search(found["what"] or "")
