"""What a task and its plan have in common with another task of the same kind. Pure.

A task is a skeleton with slots: names, numbers, dates, quoted texts, files and addresses stand where they stand, the
words between them make the kind. A plan is a template over the same slots. A literal of a plan that comes neither
from a slot nor from the skeleton may have been thought of *because of* a slot ("France" for Paris), so such a plan
serves the very same task only, until a second plan, written for other values, turns out to have the same template.

Source: reusing plan templates across similar tasks is the idea of Zhang et al., "Agentic Plan Caching"
(arXiv:2506.14852, 2025); matching by slots, and the proof by a second example, are ours: no model is asked whether a
plan fits.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from schemas.plan import Plan
from schemas.tool import ToolSpec

_SLOT = "\x00{}\x00"
_MARK = re.compile(r"\x00(\d+)(=?)\x00")
_REFERENCE = re.compile(r"\\?\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"\w+")
_BIG = r"[A-ZÀ-ÖØ-Þ](?:[\w.&-]|['’](?!s\b))*\w"  # a word written large, without its 's
_ENTITY = re.compile(
    rf"""
      (?P<text>"[^"\n]+"|“[^”\n]+”|「[^」\n]+」|『[^』\n]+』|«[^»\n]+»|`[^`\n]+`|(?<!\w)'[^'\n]+'(?!\w))
    | (?P<address>https?://[^\s<>"'，。、）)]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+
                |[\w./\\~-]*[\w-]\.[A-Za-z][A-Za-z0-9]{{0,4}}(?![\w.]))
    | (?P<date>\d{{4}}-\d{{2}}-\d{{2}}(?:[T\ ]\d{{2}}:\d{{2}}(?::\d{{2}})?)?|\d{{1,2}}:\d{{2}}(?::\d{{2}})?)
    | (?P<number>(?<![\w.])[-+]?\d+(?:[,_]\d{{3}})*(?:\.\d+)?(?![\w]))
    | (?P<name>{_BIG}(?:\s+(?:(?:of|de|von|van)\s+)?{_BIG})*)
    """,
    re.VERBOSE,
)
_DAY = re.compile(rf"\d|^(?:{'|'.join([*calendar.day_name, *calendar.month_name[1:]])})$", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:^|[.!?。！？:：\n])\s*$")


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of a task: text, address, date, number or name, as it stands there without its quotes."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A task taken apart.

    Attributes:
        skeleton: The task in lower case with its values replaced by their kinds.
        slots: The values, in reading order.
    """

    skeleton: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A plan over the slots of its task.

    Attributes:
        body: The plan as JSON data; a slot's place is marked.
        used: Slots that occur in it.
        explained: Whether each of its literals comes from the task, or is a value its tool lists.
        lasting: Whether none of the others has a figure, a weekday or a month in it: such a one may have been true
            only on the day it was written.
    """

    body: Mapping[str, Any]
    used: frozenset[int]
    explained: bool
    lasting: bool = True


def pattern_of(task: str) -> Pattern:
    """Take a task apart.

    >>> pattern_of("Compare Apple with Nokia over 3 years").skeleton
    'compare ‹name› with ‹name› over ‹number› years'
    """
    slots: list[Slot] = []
    parts: list[str] = []
    end = 0
    for match in _ENTITY.finditer(task):
        kind, value, start = str(match.lastgroup), match[0], match.start()
        if kind == "name" and _SENTENCE.search(task[:start]):
            first, _, value = value.partition(" ")  # the first word of a sentence is written large anyway
            start += len(first) + 1
            if not value:
                continue
        parts += [task[end:start], f"‹{kind}›"]
        slots.append(Slot(kind, value[1:-1] if kind == "text" else value))
        end = match.end()
    parts.append(task[end:])
    return Pattern(" ".join("".join(parts).lower().split()).rstrip(" .?!。？！"), tuple(slots))


def template_of(plan: Plan, pattern: Pattern, tools: Mapping[str, ToolSpec]) -> Template:
    """Write a plan over the slots of its task."""
    making = _Making(pattern)
    body = plan.model_dump(mode="json", exclude_defaults=True)
    for step in cast("list[dict[str, Any]]", body.get("steps", [])):
        spec = tools.get(str(step["tool"]))
        properties: dict[str, Any] = spec.input_schema.get("properties", {}) if spec is not None else {}
        arguments = cast("dict[str, Any]", step.get("tool_input") or {})
        for name, value in arguments.items():
            arguments[name] = making.literal(value, _listed(properties.get(name)))
        for condition in step.get("when") or ():
            condition["to"] = making.literal(condition.get("to"), ())
        for key in ("description", "rationale"):  # for people: a stale word there is wrong, but harms nothing
            if key in step:
                step[key] = making.marked(step[key])
    if body.get("answer") is not None:
        body["answer"] = making.literal(body["answer"], ())
    body["goal"] = ""
    return Template(body, frozenset(making.used), making.explained, making.lasting)


def fill(template: Template, slots: Sequence[Slot], goal: str) -> Plan | None:
    """Return the plan for other values, or None where one does not fit its place (a text where a number was)."""
    try:
        body = _filled(template.body, slots)
    except ValueError:
        return None
    return Plan.model_validate({**body, "goal": goal})


def alike(old: Sequence[Slot], new: Sequence[Slot], fixed: frozenset[int]) -> bool:
    """Whether values may take the place of others: where two were the same they still are, the fixed ones too."""
    if len(old) != len(new) or any(old[index] != new[index] for index in fixed):
        return False
    by_old: dict[Slot, Slot] = {}
    return all(
        before.kind == after.kind and by_old.setdefault(before, after) == after
        for before, after in zip(old, new, strict=True)
    )


class _Making:
    """Puts marks where values of the task stand, and notices what is left."""

    def __init__(self, pattern: Pattern) -> None:
        self.used: set[int] = set()
        self.explained = True
        self.lasting = True
        self._words = set(_WORD.findall(pattern.skeleton))
        self._places: dict[str, str] = {}
        self._numbers: dict[float, int] = {}
        for index, slot in enumerate(pattern.slots):
            self._places.setdefault(slot.value, _SLOT.format(index))
            if slot.kind == "number":
                plain = re.sub("[,_]", "", slot.value)
                self._places.setdefault(plain, _SLOT.format(f"{index}="))
                self._numbers.setdefault(float(plain), index)
        longest = sorted(self._places, key=len, reverse=True)
        self._any = re.compile("|".join(rf"(?<!\w){re.escape(v)}(?!\w)" for v in longest)) if longest else None

    def literal(self, value: Any, listed: Sequence[Any]) -> Any:
        """Mark a literal of the plan; what is not from the task leaves the plan unexplained."""
        if isinstance(value, dict):
            return {key: self.literal(item, listed) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.literal(item, listed) for item in cast("list[Any]", value)]
        if value is None or isinstance(value, bool) or value in listed:
            return value
        if isinstance(value, str):
            marked = self.marked(value)
            rest = _MARK.sub(" ", _REFERENCE.sub(" ", marked)).lower()
            self._left(set(_WORD.findall(rest)) - self._words)
            return marked
        index = self._numbers.get(float(value))
        if index is None:
            self._left({str(value)})
            return value
        self.used.add(index)
        return {"\x00": index, "whole": isinstance(value, int)}

    def _left(self, words: set[str]) -> None:
        """Note the words of a literal that are not from the task."""
        self.explained = self.explained and not words
        self.lasting = self.lasting and not any(_DAY.search(word) for word in words)

    def marked(self, text: str) -> str:
        """Put marks into a text, outside references."""
        if self._any is None:
            return text
        pieces: list[str] = []
        end = 0
        for reference in _REFERENCE.finditer(text):
            pieces += [self._any.sub(self._mark, text[end : reference.start()]), reference[0]]
            end = reference.end()
        return "".join((*pieces, self._any.sub(self._mark, text[end:])))

    def _mark(self, match: re.Match[str]) -> str:
        mark = self._places[match[0]]
        self.used.add(int(mark.strip("\x00=")))
        return mark


def _listed(declared: Any) -> Sequence[Any]:
    """The values a parameter's schema names: its enum, its constant, its default."""
    if not isinstance(declared, dict):
        return ()
    schema = cast("dict[str, Any]", declared)
    return [*schema.get("enum", ()), *(schema[key] for key in ("const", "default") if key in schema)]


def _filled(value: Any, slots: Sequence[Slot]) -> Any:
    if isinstance(value, str):
        return _MARK.sub(lambda match: _written(slots[int(match[1])], plain=bool(match[2])), value)
    if isinstance(value, list):
        return [_filled(item, slots) for item in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    found = cast("Mapping[str, Any]", value)
    if "\x00" in found:
        number = float(_written(slots[int(found["\x00"])], plain=True))
        if found["whole"] and not number.is_integer():
            raise ValueError("a fraction where a whole number was")
        return int(number) if found["whole"] else number
    return {key: _filled(item, slots) for key, item in found.items()}


def _written(slot: Slot, *, plain: bool) -> str:
    """A value as text; one that would read as a reference is none that can be filled in."""
    if "{{" in slot.value:
        raise ValueError("a reference is no value")
    return re.sub("[,_]", "", slot.value) if plain else slot.value
