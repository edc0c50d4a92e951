"""Which model answered a conversation last, so that it stays there and the provider's prompt cache goes on to pay.

A provider's cache holds the beginning of a conversation for minutes; another model, or another provider of the same
model, would read all of it again at the full price.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from schemas.model import ModelRequest

MOST = 10_000
"""Conversations remembered; the one that was quiet longest is forgotten first."""
_LOOKED_AT = 8
_LONGEST = 100


class Affinity:
    """The memory of one process.

    Args:
        keep_s: For how long after its last answer a conversation stays; 0: no conversation does.
        clock: Seconds, going forward only.
    """

    def __init__(self, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._last: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def of(self, session: str) -> str | None:
        """Return the model (``provider/model``) that answered last, or None."""
        found = self._last.get(session) if session else None
        if found is None or found[1] < self._clock():
            return None
        return found[0]

    def note(self, session: str, ref: str) -> None:
        """Note who answered."""
        if not session or self._keep_s <= 0:
            return
        self._last[session] = ref, self._clock() + self._keep_s
        self._last.move_to_end(session)
        while len(self._last) > MOST:
            self._last.popitem(last=False)


def session_of(body: Mapping[str, Any]) -> str:
    """Return what the calls of one conversation share, from a client's body: what it says itself, else its beginning.

    Clients of stateless formats send the whole conversation each time; its system text and its first question stay.
    """
    said = body.get("previous_response_id") or body.get("prompt_cache_key") or _user_session(body)
    if isinstance(said, str) and said:
        return short(said)
    turns = body.get("messages") or body.get("input") or ""
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    if isinstance(turns, list):
        listed = cast("list[Any]", turns)
        first = listed[:_LOOKED_AT]
        roles = [cast("dict[str, Any]", turn).get("role") if isinstance(turn, dict) else "" for turn in first]
        turns = listed[: _beginning(roles)]
    return _digest([body.get("system") or body.get("instructions"), turns])


def short(said: str) -> str:
    """Return what somebody calls a conversation, at a length that may be remembered."""
    return said if len(said) <= _LONGEST else _digest(said)


def session_of_request(request: ModelRequest) -> str:
    """Return the same for a neutral request: a run's calls share their stable prefix."""
    first = _beginning([message.role for message in request.messages[:_LOOKED_AT]])
    most = max(1, min(request.cache_prefix or first, first))
    return _digest([message.model_dump(mode="json") for message in request.messages[:most]])


def _beginning(roles: Sequence[object]) -> int:
    """Return how many messages are there from the first call on: up to the first of a person."""
    return next((at for at, role in enumerate(roles, 1) if role == "user"), 1)


def _user_session(body: Mapping[str, Any]) -> object:
    """Some clients name their session in the metadata (``session_id``)."""
    metadata = body.get("metadata")
    return cast("dict[str, Any]", metadata).get("session_id") if isinstance(metadata, dict) else None


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value, ensure_ascii=False).encode(errors="replace"), digest_size=12).hexdigest()
