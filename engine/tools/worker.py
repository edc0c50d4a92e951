"""The other side of ``isolate="process"``: reads one call from standard input, writes its result to standard output."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from collections.abc import Callable
from typing import Any

from engine.tools.failures import tool_failure
from engine.tools.signature import read_signature
from engine.tools.values import to_json
from schemas.errors import EngineError


def main() -> None:
    """Serve one call."""
    order: dict[str, Any] = json.load(sys.stdin)
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the function or its children print is not the result
    sys.stdout = sys.stderr
    with reply:
        json.dump(perform(order), reply)


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """Import the function, call it, and return ``{"value": …}`` or ``{"error": …}``."""
    try:
        function = _load(order)
        args, kwargs = read_signature(function).bind(order["arguments"])
        return {"value": to_json(function(*args, **kwargs))}
    except BaseException as exc:  # SystemExit of the tool is an answer too
        error: EngineError = tool_failure(order["tool"], exc)
        return {"error": error.to_info().model_dump(mode="json")}


def _load(order: dict[str, Any]) -> Callable[..., Any]:
    if order["script"]:
        found: Any = runpy.run_path(order["script"], run_name="__mp_main__")[order["name"]]
    else:
        found = importlib.import_module(order["module"])
        for part in order["name"].split("."):
            found = getattr(found, part)
    return getattr(found, "function", found)
