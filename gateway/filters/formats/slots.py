"""Where one text stands in a body, and how it is read and replaced.

Bodies are somebody's JSON: any member may be missing or of another type, and what is not known is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from gateway.filters.base import Blocked, Encoding, Kind
from gateway.filters.decision import Block

DEEPEST = 200
TOO_DEEP = Block("it is nested too deep to be looked at")
_CHOICES = ("enum", "const", "default", "examples")
_LONG_NUMBER = 7  # digits from which a number may be a telephone's or a card's

Rewrite = Callable[[str], str]


@dataclass(slots=True)
class Slot:
    """One text of a body.

    Attributes:
        holder, key: It stands at ``holder[key]``.
        kind: Whose text it is.
        encoding: Whether it is JSON written into a string.
        fixed: It is signed: a changed one would be refused.
    """

    holder: Any
    key: Any
    kind: Kind
    encoding: Encoding = "text"
    fixed: bool = False

    @property
    def text(self) -> str:
        """The text; of a number, its digits."""
        return str(self.holder[self.key])

    def put(self, text: str) -> None:
        """Replace it."""
        self.holder[self.key] = text


def string(holder: Mapping[str, Any], key: str, kind: Kind, encoding: Encoding = "text") -> Iterator[Slot]:
    """Yield the slot of a member that is a text, if it is one."""
    if isinstance(holder.get(key), str):
        yield Slot(holder, key, kind, encoding)


def members(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; nothing for anything else."""
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[Any]", value) if isinstance(item, dict)]


def member(holder: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a member that is an object; an empty one for anything else."""
    value = holder.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def texts_of(holder: Mapping[str, Any], key: str, kind: Kind, names: tuple[str, ...] = ("text",)) -> Iterator[Slot]:
    """Yield the texts of a member that is a text, or a list of texts and of parts with texts."""
    value = holder.get(key)
    if isinstance(value, str):
        yield Slot(holder, key, kind)
    elif isinstance(value, dict):  # one part where a list belongs: some servers take it
        for name in names:
            yield from string(cast("dict[str, Any]", value), name, kind)
    elif isinstance(value, list):
        items = cast("list[Any]", value)
        for index, item in enumerate(items):
            if isinstance(item, str):
                yield Slot(items, index, kind)
            elif isinstance(item, dict):
                for name in names:
                    yield from string(cast("dict[str, Any]", item), name, kind)


def leaves(holder: Any, key: Any, kind: Kind) -> Iterator[Slot]:
    """Yield every text (and every long number) inside a JSON value, in order, however deep."""
    todo: list[tuple[Any, Any]] = [(holder, key)]
    while todo:
        where, at = todo.pop()
        value = where[at]
        if isinstance(value, str) or (isinstance(value, int) and _may_be_number(value)):
            yield Slot(where, at, kind)
        elif isinstance(value, dict):
            known = cast("dict[str, Any]", value)
            todo.extend((known, name) for name in reversed(known))
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            todo.extend((items, index) for index in reversed(range(len(items))))


def _may_be_number(value: int) -> bool:
    return not isinstance(value, bool) and 10 ** (_LONG_NUMBER - 1) <= value < 10**20


def descriptions(schema: Any) -> Iterator[Slot]:
    """Yield what a JSON Schema says to the model in words; its choices as what may be refused, but not replaced: an
    answer has to fit them. Names and patterns are left alone.
    """
    todo: list[Any] = [schema]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            known = cast("dict[str, Any]", value)
            yield from string(known, "description", "tool")
            for name in _CHOICES:
                if name in known:
                    yield from fixed(leaves(known, name, "tool"))
            todo.extend(reversed(list(known.values())))
        elif isinstance(value, list):
            todo.extend(reversed(cast("list[Any]", value)))


def fixed(slots: Iterable[Slot]) -> Iterator[Slot]:
    """Yield slots as such whose texts may be refused, but not replaced."""
    for slot in slots:
        slot.fixed = True
        yield slot


def meta(body: Mapping[str, Any], *names: str) -> Iterator[Slot]:
    """Yield what a request says of its user and to the provider's records."""
    for name in names:
        yield from string(body, name, "meta")
    notes = member(body, "metadata")
    for key in notes:
        yield from string(notes, key, "meta")


def rewritten(slot: Slot, rewrite: Rewrite) -> bool:
    """Put what ``rewrite`` makes of a text in its place; return whether that changed it.

    JSON in a string stays JSON: its texts are rewritten one by one. A string that is not is rewritten as a whole.
    """
    text = slot.text
    new = rewritten_json(text, slot.kind, rewrite) if slot.encoding == "json" else rewrite(text)
    if new == text:
        return False
    slot.put(new)
    return True


def rewritten_json(text: str, kind: Kind, rewrite: Rewrite) -> str:
    """Return JSON text with its texts rewritten; as it was where none changed."""
    try:
        root: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return rewrite(text)
    found = [rewritten(slot, rewrite) for slot in leaves(root, 0, kind)]
    return json.dumps(root[0], ensure_ascii=False) if any(found) else text


def copied(value: Any, depth: int = 0) -> Any:
    """Return a copy of a JSON value that shares nothing that can change.

    Raises:
        Blocked: It is deeper than anybody means.
    """
    if depth > DEEPEST:
        raise Blocked(TOO_DEEP)
    if isinstance(value, dict):
        return {key: copied(item, depth + 1) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [copied(item, depth + 1) for item in cast("list[Any]", value)]
    return value


def chained(*parts: Iterable[Slot]) -> Iterator[Slot]:
    """Yield the slots of all parts."""
    for part in parts:
        yield from part
