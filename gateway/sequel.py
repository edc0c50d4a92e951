"""How an answer that broke off goes on with another model's: unseen where that one says the same, else anew.

Models asked for the same at temperature 0, or two deployments of one model, begin alike. So the new answer is held
against what the client has already; as long as it repeats that, nothing is sent, and from where it goes further, only
what is new. At the first word that differs the client is told that the answer begins anew, and gets all of it.
"""

from __future__ import annotations

from schemas.model import ModelChunk, Restart, TextDelta


class Sequel:
    """Follows the text of one answer through its restarts; ``feed`` sees every chunk of every attempt."""

    def __init__(self) -> None:
        self._shown = ""
        self._parts: list[str] = []
        self._plain = True
        self._again: str | None = None
        self._reason = ""

    @property
    def pending(self) -> bool:
        """Whether the new answer has not yet said all that the client has."""
        return self._again is not None

    def begin_anew(self, reason: str) -> list[ModelChunk]:
        """Note that another answer begins; return what tells the client, if it must be told at once."""
        self._shown += "".join(self._parts)
        self._parts = []
        self._reason = reason
        if self._plain and self._shown:
            self._again = ""
            return []
        return self._told()

    def feed(self, chunk: ModelChunk) -> list[ModelChunk]:
        """Return the chunks to send in place of one."""
        if self._again is None:
            self._note(chunk)
            return [chunk]
        if chunk.kind == "reasoning":
            return []  # thinking that nobody needs to see again
        if chunk.kind != "text" or chunk.refusal or chunk.annotations:
            return [*self._diverged(), *self.feed(chunk)]
        self._again += chunk.text
        if self._shown.startswith(self._again) and self._shown != self._again:
            return []
        if self._again.startswith(self._shown):
            more, self._again = self._again[len(self._shown) :], None
            self._parts = [more]
            return [TextDelta(text=more)] if more else []
        return self._diverged()

    def finish(self) -> list[ModelChunk]:
        """Return what is to be sent before the end of the answer: it may be shorter than the one that broke off."""
        return self._diverged() if self._again is not None else []

    def _diverged(self) -> list[ModelChunk]:
        text, self._again = self._again or "", None
        told = self._told()
        self._parts = [text]
        return [*told, TextDelta(text=text)] if text else told

    def _told(self) -> list[ModelChunk]:
        self._shown, self._plain, self._again = "", True, None
        return [Restart(reason=self._reason)]

    def _note(self, chunk: ModelChunk) -> None:
        if chunk.kind == "text":
            self._parts.append(chunk.text)
        elif chunk.kind == "tool_call":
            self._plain = False
