"""How a result stands in a prompt: whole, as a small model's summary, or as a handle and a preview. Pure.

One rule for every prompt that results go into (planner, ReAct turn, executor model, synthesizer). It never touches what
a step is called with: an argument ``{{1}}`` is always the whole value. A model that is shown less than the whole is
told so, with the shape of the value and how to refer to its parts, so that it can hand on what it cannot read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, cast

from engine.dag.state import RunState
from engine.dag.step import StepState
from schemas.fence import terse
from schemas.result import ArtifactRef
from schemas.settings import Results

BYTES_PER_TOKEN = 4  # as gateway.estimate counts
_PLANNER_TOKENS = 500
_SHOWN_KEYS = 12
_DEPTH = 4
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the views of one prompt keep to.

    Attributes:
        settings: The configured policy and sizes.
        summaries: Whether ``auto`` may ask for a summary: a model of that role is configured. A planner, who refers to
            results more than it reads them, asks for none.
        whole_tokens: Up to here ``auto`` shows a result whole.
        for_people: Values are for a person to read: their beginning, without a word about references.
    """

    settings: Results = field(default_factory=Results)
    summaries: bool = False
    whole_tokens: int | None = None
    for_people: bool = False

    def for_planner(self) -> Rules:
        """Return the rules of a planner, which refers to results more than it reads them."""
        return replace(self, whole_tokens=min(_PLANNER_TOKENS, self.settings.whole_tokens), summaries=False)

    @property
    def whole_bytes(self) -> int:
        """Up to so many bytes ``auto`` shows a result whole."""
        tokens = self.settings.whole_tokens if self.whole_tokens is None else self.whole_tokens
        return tokens * BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True)
class View:
    """A result as a prompt shows it; ``wanted`` says that a summary is to be made and the preview stands in for it."""

    text: str
    kind: Literal["whole", "summary", "preview"] = "whole"
    wanted: bool = False


def view(state: RunState, step: StepState, rules: Rules) -> View:
    """Return how the result of a done step is shown.

    Cost: O(size shown) for results kept as artifacts, O(size) for the others.
    """
    value = state.graph.values.get(step.id)
    if rules.for_people:
        return View(_beginning(value, rules.whole_bytes))
    artifact = step.result.artifact if step.result is not None else None
    policy = step.spec.view or rules.settings.view
    room = _room(rules, policy)
    too_long = room is not None and artifact is not None and artifact.size_bytes > room
    text = None if too_long else _text(value, room)
    if text is not None:
        return View(text)
    if policy in ("summary", "auto") and step.id in state.summaries:
        return View(summarized(step.id, value, artifact, state.summaries[step.id]), "summary")
    wanted = policy == "summary" or (policy == "auto" and _asks(value, artifact, rules))
    return View(preview(step.id, value, rules.settings.preview_tokens, artifact), "preview", wanted)


def summarized(step_id: str, value: Any, artifact: ArtifactRef | None, summary: str) -> str:
    """Return a summary with the handle of what it is of."""
    return f"{handle(step_id, value, artifact)}\nIts summary:\n{summary}"


def _room(rules: Rules, policy: str) -> int | None:
    """Up to how many bytes a result is shown whole; None where it always is."""
    match policy:
        case "whole":
            return None
        case "summary":
            return rules.settings.summary_tokens * BYTES_PER_TOKEN
        case "preview":
            return rules.settings.preview_tokens * BYTES_PER_TOKEN
        case _:
            return rules.whole_bytes


def _beginning(value: Any, max_chars: int) -> str:
    text = head(value, max_chars + 1)
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"


def _asks(value: Any, artifact: ArtifactRef | None, rules: Rules) -> bool:
    """Whether ``auto`` asks for a summary: the result is longer than any prompt shows whole."""
    most = rules.settings.whole_tokens * BYTES_PER_TOKEN
    return rules.summaries and (artifact.size_bytes > most if artifact is not None else _text(value, most) is None)


def _text(value: Any, room: int | None) -> str | None:
    """Return a value as terse JSON, or None where it has more bytes than there is room."""
    if room is None:
        return terse(value)
    text = head(value, room + 1)
    return text if len(text) <= room and (text.isascii() or len(text.encode("utf-8", "replace")) <= room) else None


def head(value: Any, max_chars: int) -> str:
    """Return the first characters of a value's JSON without writing the rest.

    >>> head([1, 2, 3], 5)
    '[1,2,'
    """
    if isinstance(value, str):
        return json.dumps(value[:max_chars], ensure_ascii=False)[: max_chars if len(value) > max_chars else None]
    written: list[str] = []
    size = 0
    for piece in _ENCODER.iterencode(value):
        written.append(piece)
        size += len(piece)
        if size > max_chars:
            break
    return "".join(written)[:max_chars] if size > max_chars else "".join(written)


def preview(step_id: str, value: Any, tokens: int, artifact: ArtifactRef | None = None) -> str:
    """Return a handle, the value's shape, and the beginning of its text.

    >>> print(preview("2", {"rows": [{"id": 1}] * 900}, 8))
    {{2}} is an object, too long to be shown whole; refer to it as {{2}}, to parts as {{2.rows[0].id}}.
    Its shape: {"rows": [900 × {"id": number}]}
    It begins: {"rows":[{"id":1},{"id":1},{"id"…
    """
    begins = head(value, tokens * BYTES_PER_TOKEN)
    if not begins.isascii():
        begins = begins.encode("utf-8", "replace")[: tokens * BYTES_PER_TOKEN].decode("utf-8", "ignore")
    return f"{handle(step_id, value, artifact)}\nIt begins: {begins}…"


def handle(step_id: str, value: Any, artifact: ArtifactRef | None = None) -> str:
    """Return how to refer to a value that is not shown whole, its size, and its shape."""
    size = f" of {artifact.size_bytes:,} bytes (artifact {artifact.sha256[:12]})" if artifact is not None else ""
    path = _some_path(value)
    parts = f", to parts as {{{{{step_id}{path}}}}}" if path else ""
    told = f"{{{{{step_id}}}}} is {_kind(value)}{size}, too long to be shown whole; "
    shape = f"\nIts shape: {sketch(value)}" if path else ""
    return f"{told}refer to it as {{{{{step_id}}}}}{parts}.{shape}"


def sketch(value: Any, depth: int = _DEPTH) -> str:
    """Return the shape of a value: keys, lengths, kinds; a list is told by its first item.

    >>> sketch({"total": 2, "rows": [{"id": 1, "name": "a"}, {"id": 2}]})
    '{"total": number, "rows": [2 × {"id": number, "name": text}]}'
    """
    if isinstance(value, dict):
        return _sketch_object(cast("dict[str, Any]", value), depth)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return "[]" if not items else f"[{len(items)} × {sketch(items[0], depth - 1)}]" if depth > 0 else "[…]"
    if isinstance(value, str):
        return "text" if len(value) < 100 else f"text of {len(value):,} characters"
    return "null" if value is None else "true/false" if isinstance(value, bool) else "number"


def _sketch_object(members: dict[str, Any], depth: int) -> str:
    if depth <= 0:
        return "{…}"
    shown = [f"{_key(key)}: {sketch(part, depth - 1)}" for key, part in islice(members.items(), _SHOWN_KEYS)]
    more = [f"and {len(members) - _SHOWN_KEYS} more"] if len(members) > _SHOWN_KEYS else []
    return "{" + ", ".join(shown + more) + "}"


def _key(key: str) -> str:
    return json.dumps(key[:80], ensure_ascii=False)


def _some_path(value: Any) -> str:
    """A path to some part of a value, as an example."""
    return "".join(islice(_path(value), _DEPTH))


def _path(value: Any) -> Iterator[str]:
    at = value
    while True:
        if isinstance(at, dict) and at:
            members = cast("dict[str, Any]", at)
            key = max(islice(members, _SHOWN_KEYS), key=lambda name: isinstance(members[name], (dict, list)))
            yield f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
            at = members[key]
        elif isinstance(at, list) and at:
            yield "[0]"
            at = cast("list[Any]", at)[0]
        else:
            return


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(cast('list[Any]', value)):,}"
    return "an object" if isinstance(value, dict) else "a text" if isinstance(value, str) else "a value"
