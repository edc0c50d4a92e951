"""The thinking in a chat completion, put together from its pieces.

Source: recorded replies of DeepSeek, Groq, Mistral and OpenRouter ("Reasoning tokens").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.model import ReasoningDelta, ReasoningPart


class Thoughts:
    """Thinking as it comes: plain text of some field, or details, each of which has to go back whole."""

    def __init__(self) -> None:
        self._thoughts: list[dict[str, Any]] = []
        self._ended = 0

    def add(self, thought: Mapping[str, Any]) -> Iterator[ReasoningDelta]:
        """Take a piece in and yield what it adds; a piece of another thought ends the one before."""
        key = _text_key(thought)
        text = thought.get(key) or ""
        last = self._thoughts[-1] if len(self._thoughts) > self._ended else None
        if last is not None and text and _repeats(last, thought):
            before = last["text"].removesuffix(text)
            if before:  # of a thought that was another's
                last["text"] = before
                yield from self.end()
                self._thoughts.append(dict(thought))
            else:
                self._thoughts[-1] = dict(thought)
            return
        if last is not None and _same(last, thought):
            grown = (last.get(key) or "") + text
            last.update({name: value for name, value in thought.items() if value is not None} | {key: grown})
        else:
            yield from self.end()
            self._thoughts.append(dict(thought))
        if text:
            yield ReasoningDelta(text=text)

    def end(self) -> Iterator[ReasoningDelta]:
        """Yield what has to go back with the last thought: it is complete."""
        if self._ended < len(self._thoughts):
            self._ended = len(self._thoughts)
            yield ReasoningDelta(text="", data=_part(self._thoughts[-1]).data)

    def parts(self) -> Iterator[ReasoningPart]:
        """Yield the thoughts so far."""
        return map(_part, self._thoughts)


def _text_key(thought: Mapping[str, Any]) -> str:
    return next((key for key in ("text", "summary") if isinstance(thought.get(key), str)), "text")


def _repeats(last: Mapping[str, Any], thought: Mapping[str, Any]) -> bool:
    """Whether a detail tells in full, now with its signature, what came piece by piece as plain text."""
    return "type" in thought and "field" in last and str(last.get("text")).endswith(str(thought.get("text")))


def _same(last: Mapping[str, Any], thought: Mapping[str, Any]) -> bool:
    return "data" not in thought and all(last.get(name) == thought.get(name) for name in ("field", "type", "index"))


def _part(thought: Mapping[str, Any]) -> ReasoningPart:
    """Keep in ``data`` what ``chat.requests`` needs to send the thinking back."""
    text = thought.get("text") or thought.get("summary") or ""
    kept = {"field": thought["field"]} if "field" in thought else thought
    return ReasoningPart(text=text, data=json.dumps(kept))
