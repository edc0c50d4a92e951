"""How alike a new plan is to one that failed, so that the same thing is not tried twice.

Compared are the calls still to do: tool and input, references to finished steps replaced by their values, references
to other steps still to do by what those call. So ids, order, descriptions and rationales do not count. The same
failed call again is never less than ``SAME``; once every failed call is gone or changed, the likeness stays below it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from engine.dag.build import in_dependency_order
from engine.dag.refs import Reference, follow, parse
from schemas.errors import StepInputError
from schemas.plan import Step

SAME = 0.9
_BELOW = 0.89
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Call:
    """What a step calls, made comparable.

    Attributes:
        tool: The tool.
        key: Tool and input in a canonical text: equal keys are the same call.
        words: Words of the input (character bigrams for Chinese, Japanese and Korean), with counts.
        failed: Whether this call failed.
    """

    tool: str
    key: str
    words: Mapping[str, int]
    failed: bool = False


def calls(
    steps: Sequence[Step], lookup: Callable[[str], Any], failed: Mapping[str, Mapping[str, Any] | None] | None = None
) -> list[Call]:
    """Return the comparable calls of steps.

    Args:
        steps: The steps still to do.
        lookup: Gives a finished step's result, or raises KeyError.
        failed: Ids of failed steps, with the input they were called with.
    """
    broken = failed or {}
    digests: dict[str, str] = {}

    def known(value: Any) -> Any:
        if isinstance(value, str):
            return known_text(value) if "{{" in value else _normal(value)
        if isinstance(value, dict):
            return {key: known(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, (list, tuple)):
            return [known(item) for item in cast("list[Any]", value)]
        return value

    def known_text(text: str) -> Any:
        parts = [part if isinstance(part, str) else target(part) for part in parse(text)]
        return parts[0] if len(parts) == 1 else parts

    def target(reference: Reference) -> Any:
        if reference.step_id in digests:
            return {"of": digests[reference.step_id], "path": reference.path}
        try:
            return _normal_value(follow(reference, lookup(reference.step_id)))
        except (KeyError, StepInputError):
            return {"path": reference.path}

    found: list[Call] = []
    for step in in_dependency_order(steps):
        sent = broken.get(step.id)
        tool_input = known(step.tool_input or {}) if sent is None else _normal_value(dict(sent))
        described = [_normal(step.tool), tool_input, known(step.foreach)]
        key = json.dumps(described, ensure_ascii=False, sort_keys=True, default=str)
        digests[step.id] = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
        found.append(Call(step.tool, key, _words(key), step.id in broken))
    return found


def similarity(new: Sequence[Call], failed: Sequence[Call]) -> float:
    """Return how alike two sets of calls are, 0 to 1.

    Cost: O(new × failed) word comparisons.
    """
    if not new or not failed:
        return 1.0 if not new and not failed else 0.0
    base = (_coverage(new, failed) + _coverage(failed, new)) / 2
    keys = {call.key for call in new}
    broken = [call for call in failed if call.failed]
    if any(call.key in keys for call in broken):
        return max(SAME, base)
    return min(_BELOW, base) if broken else base


def _coverage(some: Sequence[Call], others: Sequence[Call]) -> float:
    keys = {call.key for call in others}
    return sum(1.0 if call.key in keys else max(_likeness(call, other) for other in others) for call in some) / len(
        some
    )


def _likeness(one: Call, other: Call) -> float:
    if one.key == other.key:
        return 1.0
    shared = sum(min(count, other.words.get(word, 0)) for word, count in one.words.items())
    total = sum(one.words.values()) + sum(other.words.values()) - shared
    overlap = shared / total if total else 1.0
    return overlap if one.tool == other.tool else overlap / 2


def _words(text: str) -> Counter[str]:
    return Counter(words(text))


def words(text: str) -> list[str]:
    """Return the words of a text; runs of Chinese, Japanese or Korean as character bigrams.

    >>> words("Paris 東京都")
    ['paris', '東京', '京都']
    """
    found: list[str] = []
    for word in _WORD.findall(_normal(text)):
        if _CJK.search(word):
            found.extend(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        else:
            found.append(word)
    return found


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _normal_value(value: Any) -> Any:
    if isinstance(value, str):
        return _normal(value)
    if isinstance(value, dict):
        return {key: _normal_value(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_normal_value(item) for item in cast("list[Any]", value)]
    return value
