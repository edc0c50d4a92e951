"""Texts that Postgres has no form for: NUL and lone surrogates, in a task or a user's name."""

from __future__ import annotations

import json
import re

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_MARK = "\x1b"  # then JSON in ASCII follows


def stored(text: str) -> str:
    r"""Return a text as it is kept: as it is, or as marked JSON where Postgres would refuse it.

    >>> stored("a"), stored("\x00")
    ('a', '\x1b"\\u0000"')
    """
    if text.startswith(_MARK) or _UNFIT.search(text):
        return _MARK + json.dumps(text)
    return text


def restored(text: str) -> str:
    r"""Return what ``stored`` was given.

    >>> restored(stored("\x00\ud800"))
    '\x00\ud800'
    """
    return json.loads(text[1:]) if text.startswith(_MARK) else text


def folded(text: str) -> str:
    r"""Return a text for a search that ignores the case of letters.

    >>> folded("Straße")
    'strasse'
    """
    return _UNFIT.sub("\ufffd", text.casefold())
