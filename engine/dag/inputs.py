"""What a step was called with, as a prompt tells it beside the results it came from."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

from engine.dag.refs import find_references
from schemas.planning import PastStep

_LONGER_CHARS = 40


def told_input(past: PastStep, shown: Container[str]) -> dict[str, Any]:
    """Return a step's input; as it was planned where whole results stand in it that are shown themselves.

    A text that three steps were called with would else stand in the prompt four times.

    Args:
        past: The step.
        shown: Ids of the steps whose results stand in the same prompt.
    """
    planned = past.step.tool_input or {}
    if past.input is None or past.input == planned:
        return planned
    references = find_references(planned)
    saved = len(_json(past.input)) - len(_json(planned))
    known = references and all(one.step_id in shown for one in references)
    return planned if known and saved > _LONGER_CHARS else past.input


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
