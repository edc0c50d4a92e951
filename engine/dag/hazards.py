"""Hazards: which steps must not overlap because one writes what the other reads or writes.

The rule is that of superscalar processors (read-after-write, write-after-read, write-after-write; Hennessy and
Patterson, Computer Architecture, ch. 3): a step that writes a resource comes after every earlier step, in plan order,
that reads or writes it, and before every later one. Steps that only read never wait for each other. Hazard edges
order only: a failure does not block across them.

A resource is a template over the arguments (``file:{path}``). An argument that is not known yet stands for the whole
class, the part before the first colon. An effectful tool that declares nothing conflicts with every effectful step.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.tool import ToolSpec

ANY = "*"
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Access:
    """What one step touches: (class, name) pairs, name ``*`` for the whole class."""

    reads: frozenset[tuple[str, str]] = frozenset()
    writes: frozenset[tuple[str, str]] = frozenset()
    effectful: bool = False
    undeclared: bool = False

    @property
    def touches(self) -> bool:
        """Whether it can conflict with anything."""
        return bool(self.reads or self.writes or self.effectful)


NOTHING = Access()


def access(spec: ToolSpec, tool_input: Mapping[str, Any] | None) -> Access:
    """Return what a call of a tool touches, as far as its input is known."""
    if spec.effects == "none" and not spec.reads and not spec.writes:
        return NOTHING
    known = tool_input or {}
    return Access(
        reads=frozenset(_resource(template, known) for template in spec.reads),
        writes=frozenset(_resource(template, known) for template in spec.writes),
        effectful=not spec.read_only,
        undeclared=spec.effects == "effectful" and not spec.reads and not spec.writes,
    )


def _resource(template: str, known: Mapping[str, Any]) -> tuple[str, str]:
    group = template.partition(":")[0]
    for argument in _FIELD.findall(template):
        value = known.get(argument)
        if value is None or isinstance(value, (dict, list)) or (isinstance(value, str) and "{{" in value):
            return _FIELD.sub(ANY, group), ANY
    filled = _FIELD.sub(lambda match: str(known[match[1]]), template)
    group, _, name = filled.partition(":")
    if group == "file" and name:
        name = posixpath.normpath(name).lstrip("/")
    return group, name or ANY


@dataclass(slots=True)
class _Use:
    """Who touched one resource last: the last writer, and the readers since."""

    writer: str | None = None
    readers: list[str] = field(default_factory=list[str])


class HazardIndex:
    """Adds steps in plan order and tells after which earlier steps each must come.

    Cost: O(resources touched) a step; a whole-class access also visits the names seen in its class.
    """

    def __init__(self) -> None:
        self._uses: dict[str, dict[str, _Use]] = {}
        self._undeclared: str | None = None
        self._effectful_since: list[str] = []

    def add(self, step_id: str, touched: Access) -> set[str]:
        """Add the next step and return the ids it must come after."""
        if not touched.touches:
            return set()
        after: set[str] = set()
        for group, name in touched.reads:
            after |= self._read(step_id, group, name)
        for group, name in touched.writes:
            after |= self._write(step_id, group, name)
        if touched.effectful:
            after |= self._effect(step_id, touched.undeclared)
        after.discard(step_id)
        return after

    def _effect(self, step_id: str, undeclared: bool) -> set[str]:
        if not undeclared:
            self._effectful_since.append(step_id)
            return {self._undeclared} if self._undeclared else set()
        after = set(self._effectful_since)
        if self._undeclared:
            after.add(self._undeclared)
        self._undeclared = step_id
        self._effectful_since = []
        return after

    def _overlapping(self, group: str, name: str) -> list[_Use]:
        names = self._uses.setdefault(group, {})
        own = names.setdefault(name, _Use())
        if name == ANY:
            return list(names.values())
        return [own, names[ANY]] if ANY in names else [own]

    def _read(self, step_id: str, group: str, name: str) -> set[str]:
        after = {use.writer for use in self._overlapping(group, name) if use.writer}
        self._uses[group][name].readers.append(step_id)
        return after

    def _write(self, step_id: str, group: str, name: str) -> set[str]:
        after: set[str] = set()
        for use in self._overlapping(group, name):
            after |= set(use.readers)
            if use.writer:
                after.add(use.writer)
        if name == ANY:
            self._uses[group] = {ANY: _Use(writer=step_id)}
        else:
            self._uses[group][name] = _Use(writer=step_id)
        return after


def conflicts(first: Access, second: Access) -> bool:
    """Whether two steps must be ordered; the pairwise definition that ``HazardIndex`` computes incrementally."""
    if (first.undeclared and second.effectful) or (second.undeclared and first.effectful):
        return True
    return (
        _overlap(first.writes, second.reads)
        or _overlap(first.writes, second.writes)
        or _overlap(first.reads, second.writes)
    )


def _overlap(some: frozenset[tuple[str, str]], others: frozenset[tuple[str, str]]) -> bool:
    return any(
        group == other_group and (name == other_name or ANY in (name, other_name))
        for group, name in some
        for other_group, other_name in others
    )
