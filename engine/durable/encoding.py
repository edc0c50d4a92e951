"""Events as the stores keep them: their kind, and compact JSON of what differs from the defaults.

What stands at its default is not written: most fields of most events. From that follows the rule every change of
``schemas.events`` (and of what its events hold) keeps: **a default never changes its meaning**. A field's default is
part of the file format: changed, it would change events that were written long ago. A new field's default must mean
"as it was before the field"; where an old default no longer serves, a new field takes its place. A test holds every
default against those of the first release. What an older release could misread raises ``schemas.runs.LOG_FORMAT``.

The body is JSON (UTF-8), so that any SQL shell can look into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from schemas.driving import StepReused
from schemas.errors import StoreError
from schemas.events import LoggedEvent, LoggedRecord, StepEnded
from schemas.live import LiveEvent, LiveText

KINDS: dict[str, type[LoggedEvent]] = {
    event.model_fields["kind"].default: event for event in get_args(get_args(LoggedEvent)[0])
}
_LIVE = TypeAdapter[list[LiveEvent]](list[LiveEvent])


def encode(event: LoggedEvent) -> str:
    """Return an event's body; its kind is kept beside it.

    What JSON has no form for (infinity, half a surrogate pair) or the fast writer refuses (300 levels of lists) is
    written by Python's own module, in the forms that ``decode`` reads.
    """
    tagged = event.kind in _TAGGED
    left_out = _at_default(event) if tagged else None
    try:
        body = event.__pydantic_serializer__.to_json(event, exclude=left_out, exclude_defaults=not tagged)
    except ValueError:
        body = b"null"
    if b"null" in body:  # a number that is none is written as null, and would be read as a wrong value, or not at all
        content = event.model_dump(exclude=left_out, exclude_defaults=not tagged)
        return json.dumps(content, separators=(",", ":"))
    return body.decode()


def decode(kind: str, body: str | bytes, where: str = "an event") -> LoggedEvent:
    """Return the event.

    Args:
        where: Names the event in an error.

    Raises:
        StoreError: This release knows no such event, or not all of its fields: a newer one wrote it.
    """
    known = KINDS.get(kind)
    if known is None:
        raise _unreadable(where, f"kind {kind!r}")
    try:
        return known.__pydantic_validator__.validate_json(body)
    except ValidationError:
        return _decode_slow(known, body, where)


def decode_rows(run_id: str, rows: Iterable[tuple[int, float, str, str | bytes]]) -> list[LoggedRecord]:
    """Return the events that a run's rows hold: (seq, at, kind, body). Raises as ``decode``."""
    found: list[LoggedRecord] = []
    readers: dict[str, Callable[[str | bytes], LoggedEvent]] = {}
    for seq, at, kind, body in rows:
        try:
            event = readers[kind](body)
        except (KeyError, ValidationError):  # the first of its kind, or one that needs the slow way
            event = decode(kind, body, f"event {seq} of run {run_id}")
            readers[kind] = KINDS[kind].__pydantic_validator__.validate_json
        found.append(LoggedRecord(run_id, seq, at, event))
    return found


def encode_live(items: list[LiveEvent]) -> str:
    """Return live text as one JSON array, pieces of one stream that follow on each other joined."""
    joined: list[LiveEvent] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, LiveText) and isinstance(last, LiveText) and _follows(last, item):
            joined[-1] = last.model_copy(update={"text": last.text + item.text})
        else:
            joined.append(item)
    return json.dumps([item.model_dump() for item in joined], separators=(",", ":"))


def decode_live(body: str) -> list[LiveEvent]:
    """Return what ``encode_live`` wrote."""
    return _LIVE.validate_python(json.loads(body))


def artifacts_of(event: LoggedEvent) -> Iterator[str]:
    """Yield the SHA-256 (hex) of every artifact an event refers to."""
    if isinstance(event, StepEnded | StepReused) and event.result.artifact is not None:
        yield event.result.artifact.sha256


def _at_default(event: LoggedEvent) -> set[str]:
    """The fields of an event that need not be written. What they hold is written whole."""
    fields = type(event).model_fields.items()
    return {name for name, field in fields if getattr(event, name) == field.get_default(call_default_factory=True)}


def _holds_tags(kind: Any, seen: set[Any]) -> bool:
    """Whether values of a type hold a union whose members are told apart by a field that is at its default."""
    if kind in seen:
        return False
    seen.add(kind)
    if isinstance(kind, FieldInfo):
        return kind.discriminator is not None
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        inside = [part for field in kind.model_fields.values() for part in (field, field.annotation)]
        return any(_holds_tags(part, seen) for part in inside)
    return any(_holds_tags(part, seen) for part in get_args(kind))


def _decode_slow(known: type[LoggedEvent], body: str | bytes, where: str) -> LoggedEvent:
    try:
        return known.__pydantic_validator__.validate_python(json.loads(body))
    except ValidationError as exc:
        place = ".".join(str(part) for part in exc.errors()[0]["loc"])
        raise _unreadable(where, f"field {place!r} of {known.__name__}") from exc
    except ValueError as exc:
        raise StoreError(f"{where} is damaged: {exc}", hint="engine store check lists what else is") from exc


def _unreadable(where: str, what: str) -> StoreError:
    return StoreError(f"{where} cannot be read by this release: {what}", hint="a newer release wrote it: upgrade")


def _follows(last: LiveText, item: LiveText) -> bool:
    same = (last.stream, last.generation) == (item.stream, item.generation)
    return same and item.offset == last.offset + len(last.text)


_TAGGED = frozenset(kind for kind, event in KINDS.items() if _holds_tags(event, set()))
