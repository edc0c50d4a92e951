"""Plano's own configuration, read into ours. Which files are meant is told here; what reads them is loaded for one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

_VERSION = re.compile(r"v?0\.\d+([.-].*)?")
_THEIRS = ("llm_providers", "prompt_targets", "model_aliases", "prompt_guards", "ratelimits", "overrides")


def is_plano(raw: Mapping[str, Any]) -> bool:
    """Whether a file is written for Plano: by keys that only its format has.

    >>> is_plano({"version": "v0.3.0", "listeners": []}), is_plano({"listeners": [{"name": "a", "port": 1}]})
    (True, False)
    """
    if "version" in raw and _VERSION.fullmatch(str(raw["version"]).strip()):
        return True
    listeners = raw.get("listeners")
    if isinstance(listeners, dict):
        return True
    entries = cast("list[Any]", listeners) if isinstance(listeners, list) else []
    typed = any(isinstance(entry, dict) and "type" in entry for entry in entries)
    return typed or any(key in raw for key in _THEIRS)
