"""What a tool must not be taken for: a deed it does not do, a count of what is there already."""

from __future__ import annotations

import re

from gateway.providers.offline.calls import Call
from gateway.providers.offline.catalogue import OfferedTool
from gateway.providers.offline.content import counts
from gateway.providers.offline.glossary import widen
from gateway.providers.offline.values import mentions
from gateway.providers.offline.words import likeness, stem, stemmed, words

_DEEDS = tuple(
    stemmed(group)
    for group in (
        "delete remove erase drop clear purge wipe",
        "rename move",
        "send mail email message text notify forward share post",
        "buy purchase order",
        "book reserve schedule",
        "pay transfer",
        "install download upload",
        "translate",
        "wait sleep pause",
        "play watch listen",
        "call phone dial ring",
        "draw paint",
        "bake cook brew",
    )
)
_FORBIDS = re.compile(
    r"^\W*(?:please )?(?:do not|don't|dont|never|bitte nicht|nicht|no (?=[a-z]+[ea]s\b)|ne [\w']+ pas)\b"
    r"|^\W*(?:请?不要|请?别|请勿)"
    r"|(?:ないで|ないでください|지 마|지 마세요|지 말고)\W*$|^\W*\w+ (?:nicht|keine?)\b",
    re.IGNORECASE,
)
_COUNT = re.compile(r"^\W*(?:count|tell me how many|how many|zähle?|compte[rz]?|cuenta|数|统计|세어)", re.IGNORECASE)


def another_deed(text: str, tool: OfferedTool) -> bool:
    """Return whether a clause opens with a deed ("delete …") that the tool says nothing of."""
    opening = next((word for word in words(text) if word.content), None)
    if opening is None:
        return False
    said = {opening.stem, *(stem(other) for other in widen(opening.text))}
    known = tool.stems | {one for argument in tool.arguments for one in argument.name_stems}
    if any(likeness(opening.stem, one) for one in known):
        return False
    return any(said & group and not group & known for group in _DEEDS)


def forbids(text: str) -> bool:
    """Return whether a clause says what must not be done.

    >>> forbids("Do not read it"), forbids("Lies nicht weiter"), forbids("Read it")
    (True, True, False)
    """
    return bool(_FORBIDS.search(text))


def asks_deed(text: str) -> bool:
    """Return whether a clause opens with a deed."""
    opening = next((word for word in words(text) if word.content), None)
    return opening is not None and any(opening.stem in group for group in _DEEDS)


def counts_last(text: str, last: Call) -> bool:
    """Return whether a clause only counts what the call before gives as a list."""
    listed = any(part.kind == "array" for part in last.tool.returns)
    return listed and bool(_COUNT.search(text)) and counts(text) and not mentions(text)
