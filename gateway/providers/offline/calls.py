"""The calls a task comes to, and those that were made already: each keeps its id, a failed one is not repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.providers.offline.catalogue import OfferedTool
from gateway.providers.offline.references import Earlier, Link
from gateway.providers.offline.results import fields_of, ids_in

_MADE = ("done", "running", "waiting")


@dataclass(slots=True)
class Call:
    """One call of the sketch.

    Attributes:
        id: Its number.
        text: What the task says about it.
        missing: Required arguments without a value.
        after: Ids of calls whose results may help to complete it.
        linked: Whether the task says that it goes on from the call before.
        when: Conditions that must hold.
        done: Whether an earlier revision made this call already.
        dead: Whether it can't be made: it failed before and no other tool fits, or what it needs did.
        links: What its references mean, by argument.
    """

    id: int
    tool: OfferedTool
    values: dict[str, Any]
    text: str
    missing: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    linked: bool = False
    when: tuple[dict[str, Any], ...] = ()
    done: bool = False
    dead: bool = False
    links: dict[str, Link] = field(default_factory=dict[str, Link])

    def earlier(self) -> Earlier:
        """Return the call as one that others may refer to."""
        return Earlier(self.id, self.tool)


@dataclass(frozen=True, slots=True)
class Past:
    """A call of an earlier revision or turn.

    Attributes:
        status: done, running, waiting, failed or skipped.
        value: Its result, when it is done.
        error: Why it failed.
    """

    id: int
    tool: str
    input: Mapping[str, Any]
    status: str
    value: Any = None
    error: str = ""


class Calls:
    """The calls of one sketch, in order.

    Args:
        first_id: Number of the first new call.
        past: Calls already made.
    """

    def __init__(self, first_id: int, past: Sequence[Past]) -> None:
        self.made: list[Call] = []
        self.next_id = first_id
        self._past = list(past)

    def earlier(self, before: int | None = None) -> list[Earlier]:
        """Return the calls as ones that may be referred to: all, or those before an id."""
        return [call.earlier() for call in self.made if before is None or call.id < before]

    def failed_before(self, call: Call) -> Past | None:
        """Return the failed call this one would repeat, or a mark that it needs one that can't be made."""
        dead = {one.id for one in self.made if one.dead}
        if dead & {*ids_in(call.values), *call.after}:
            return Past(0, call.tool.name, {}, "skipped")
        return next((past for past in self._past if past.status == "failed" and _same(call, past)), None)

    def append(self, call: Call) -> None:
        """Add a call; one that was made already takes its old id, and nothing new is done."""
        made = next((past for past in self._past if past.status in _MADE and _same(call, past)), None)
        if made is None:
            self.next_id += 1
        else:
            self._past.remove(made)
            call.id, call.done = made.id, True
            if not call.tool.returns:
                call.tool = replace(call.tool, returns=fields_of(made.value))
        self.made.append(call)

    def twin(self, call: Call) -> Call | None:
        """Return a call of the sketch that does the same."""
        return next((one for one in self.made if one.tool.name == call.tool.name and one.values == call.values), None)


def _same(call: Call, past: Past) -> bool:
    """Whether a call is one that was made: the same tool, and every plain argument it was made with."""
    if call.tool.name != past.tool:
        return False
    plain = {name: value for name, value in call.values.items() if not ids_in(value) and name in past.input}
    return all(json.dumps(past.input[name]) == json.dumps(value) for name, value in plain.items())
