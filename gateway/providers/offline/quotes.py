"""What stands in quotes, which no rule may read as anything else."""

from __future__ import annotations

import re
from collections.abc import Callable

_QUOTES = (
    r"'(?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)|\"[^\"\n]*\"|“[^”]*”|‘[^’]*’|「[^」]*」|『[^』]*』|«[^»]*»|„[^“”]*[“”]|`[^`]*`"
)
QUOTED = re.compile(rf"(?<!\w)(?:{_QUOTES})|「[^」]*」|『[^』]*』|“[^”]*”|‘[^’]*’")
_MARKS = "'\"“‘「『«„`"


def unwrapped(text: str) -> str:
    """Return a text without the quotes around all of it: they quote nothing; one word in quotes stays.

    >>> unwrapped('"Read a.txt and sum it up"'), unwrapped("'a' and 'b'")
    ('Read a.txt and sum it up', "'a' and 'b'")
    """
    bare = text.strip()
    if bare[:1] not in _MARKS or not any(sign.isspace() for sign in bare):
        return text
    return bare[1:-1].strip() if QUOTED.fullmatch(bare.replace("\n", " ")) else text


def outside_quotes(text: str, change: Callable[[str], str]) -> str:
    """Return a text with what is outside quotes changed.

    >>> outside_quotes("say 'one' or one", lambda part: part.replace("one", "two"))
    "say 'one' or two"
    """
    parts: list[str] = []
    end = 0
    for match in QUOTED.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])
