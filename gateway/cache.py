"""Which answers may be kept and given again: the same request, word for word, of the same key.

Opt-in by the model's name. An answer is found again only by everything that could have made it another: the request's
whole body (but what only names the caller), its format, the headers that switch features on, who asks, and the
configuration that answers. What has effects at the provider is never kept.

Source: what makes requests differ, OpenAI's and Anthropic's API references; ``no-store``, ``no-cache``, ``max-age``:
RFC 9111, section 5.2.1.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from gateway.exchange import ClientCall
from schemas.gateway import CacheSettings
from schemas.model import ModelRequest

CONTROL = "x-engine-cache"
"""Header of a request: ``no-store`` (do not keep), ``no-cache`` (do not take), ``max-age=SECONDS`` (keep no longer)."""
_NAMES_CALLER = frozenset({"user", "metadata", "safety_identifier", "prompt_cache_key"})
_FEATURES = ("anthropic-version", "anthropic-beta", "openai-beta")
_HAS_EFFECTS = ("background", "previous_response_id", "conversation", "container", "mcp_servers")
_OWN_TOOLS = frozenset({"function", "custom", ""})
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer of one request is kept.

    Attributes:
        key: 64 hex digits.
        take: Whether a kept answer will do.
        ttl_s: For how long the new answer is kept; 0: not at all.
    """

    key: str
    take: bool
    ttl_s: float


class Keeping:
    """Says of each request whether, where and for how long its answer is kept.

    Args:
        settings: For which models, and how long.
        version: Of whatever else decides the answer (roles, aliases, filters): another version finds nothing.
    """

    def __init__(self, settings: CacheSettings, version: str = "") -> None:
        self._settings = settings
        self._version = version

    def of_call(self, call: ClientCall, who: str) -> Place | None:
        """Return the place of a client's request, or None: its answer is never kept.

        Args:
            call: The request.
            who: Whose answers these are: the key's id and the listener's name.
        """
        control = call.headers.get(CONTROL, "").lower()
        body = call.parsed
        if not self.covers(call.model) or "no-store" in control or has_effects(call.format, body):
            return None
        features = [call.headers.get(name, "") for name in _FEATURES]
        asked = {name: value for name, value in body.items() if name not in _NAMES_CALLER}
        longest = _MAX_AGE.search(control)
        ttl_s = min(self._settings.ttl_s, float(longest[1])) if longest else self._settings.ttl_s
        return Place(self._key([call.format, who, features, asked]), "no-cache" not in control, ttl_s)

    def of_request(self, request: ModelRequest, who: str) -> Place | None:
        """Return the place of a neutral request; its deadline and what is told for the record do not matter."""
        if not self.covers(request.model):
            return None
        asked = request.model_dump(mode="json", exclude={"deadline_s", "form", "cache_prefix"})
        return Place(self._key(["neutral", who, asked]), True, self._settings.ttl_s)

    def fits(self, answer: bytes) -> bool:
        """Whether an answer is small enough to be kept."""
        return len(answer) <= self._settings.max_bytes

    def covers(self, model: str) -> bool:
        """Whether any answers of a name are kept; when not, nothing else here need be asked."""
        return any(fnmatchcase(model, pattern) for pattern in self._settings.models)

    def _key(self, parts: Sequence[Any]) -> str:
        written = json.dumps([self._version, *parts], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(written.encode()).hexdigest()


def has_effects(wire: str, body: Mapping[str, Any]) -> bool:
    """Whether a request does more at the provider than answer: it is stored there, or its tools act there.

    >>> has_effects("chat", {"tools": [{"type": "function"}]}), has_effects("chat", {"store": True})
    (False, True)
    """
    stored = body.get("store", wire == "responses")  # the Responses API keeps what it is not told to forget
    if stored or any(body.get(name) for name in _HAS_EFFECTS) or body.get("web_search_options") is not None:
        return True
    tools = body.get("tools")
    return any(_acts(tool) for tool in cast("list[Any]", tools)) if isinstance(tools, list) else False


def _acts(tool: object) -> bool:
    """Whether a tool is the provider's own: functions are only asked for, and run at the client's."""
    kind = cast("dict[str, Any]", tool).get("type", "") if isinstance(tool, dict) else ""
    return kind not in _OWN_TOOLS
