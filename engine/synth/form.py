"""Whether a text is JSON of a wished form."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.dag.validate import faults
from schemas.model import OutputSchema

_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_MOST = 5


@dataclass(frozen=True, slots=True)
class Formed:
    """A text held to a form.

    Attributes:
        text: The JSON, without a fence around it.
        problems: What is wrong with it, one line each; empty: it is as wished.
    """

    text: str
    problems: Sequence[str] = ()


def formed(text: str, output: OutputSchema) -> Formed:
    """Hold a text to a form.

    >>> formed('```json\\n{"n": 1}\\n```', OutputSchema(name="o", json_schema={"type": "object"}))
    Formed(text='{"n": 1}', problems=())
    >>> formed("[1]", OutputSchema(name="json_object", json_schema={})).problems
    ('$: expected an object',)
    """
    fenced = _FENCE.match(text)
    inner = (fenced[1] if fenced is not None else text).strip()
    try:
        value: Any = json.loads(inner, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        return Formed(inner, (f"it is no JSON: {exc}",))
    if not output.json_schema:
        return Formed(inner, () if isinstance(value, dict) else ("$: expected an object",))
    found = faults(output.json_schema, value)
    return Formed(inner, tuple(f"{path}: {message}" for path, message in found[:_MOST]))


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")
