"""Optional request parameters that a server refuses: learnt once, then left out or renamed.

Compatible servers differ in what they know (``stream_options``, ``parallel_tool_calls``, ``max_completion_tokens``),
and so do models of one provider (reasoning models take no ``temperature``). A static table would be out of date with
the next model; a refused request costs one round trip and no tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.providers.failures import Failure
from gateway.remembered import Remembered

_OPTIONAL: Mapping[str, str | None] = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
    "stream_options": None,
    "parallel_tool_calls": None,
    "temperature": None,
    "top_p": None,
    "top_k": None,
    "seed": None,
    "frequency_penalty": None,
    "presence_penalty": None,
    "reasoning_effort": None,
    "thinking": None,
    "verbosity": None,
    "user": None,
    "service_tier": None,
    "prompt_cache_key": None,
    "include": None,
    "reasoning": None,
}
_REFUSAL = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|unknown|unexpected|extra|not permitted|forbidden|"
    r"not allowed|not available|deprecated",
    re.I,
)


class Quirks:
    """What each model of one provider was seen to refuse.

    Args:
        known: What all of them are known to refuse.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        self._learnt = Remembered[str, set[str]]()
        self._refused = Remembered[str, set[str]]()

    def apply(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request without what this model refuses, and with other names where there are any."""
        refused = self._refused.get(model, self._known)
        sent = {name: value for name, value in body.items() if name not in refused}
        for name in refused & body.keys():
            other = _OPTIONAL.get(name)
            if other is not None and other not in body:
                sent[other] = body[name]
        return sent

    def learn(self, model: str, sent: Mapping[str, Any], failure: Failure) -> bool:
        """Take note of a refusal and return whether the request is worth sending again without the parameter.

        Each parameter is learnt once a model, so a server that refuses everything ends in its own error.
        """
        if failure.status not in (400, 422) or _REFUSAL.search(failure.wording) is None:
            return False
        learnt = self._learnt.get(model, set())
        name = next(_named(failure, sent), None)
        if name is None or name in learnt or _OPTIONAL[name] in learnt:
            return False
        learnt = self._learnt[model] = {*learnt, name}
        self._refused[model] = learnt | {known for known in self._known if _OPTIONAL.get(known) not in learnt}
        return True


def _named(failure: Failure, sent: Mapping[str, Any]) -> Iterator[str]:
    """Yield the optional parameters of the request that a refusal is about."""
    for name in _OPTIONAL:
        about = name in failure.params or re.search(rf"\b{name}\b", failure.message) is not None
        if name in sent and about:
            yield name
