"""What one attempt of a call asks of people; while it waits for an answer, its deadline stands still."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

import anyio

from schemas.planning import StepCall

Ask = Callable[[StepCall, str, int, dict[str, Any] | None], Awaitable[Any]]
"""(call, question, how often it was asked before by this attempt, JSON Schema of the answer) → the answer."""


class Asked:
    """The questions of one attempt.

    Args:
        call: The call that asks.
        ask: Takes a question to the run.
        scope: The attempt's deadline; None without one.
    """

    def __init__(self, call: StepCall, ask: Ask, scope: anyio.CancelScope | None) -> None:
        self._call = call
        self._ask = ask
        self._scope = scope
        self._counts: Counter[str] = Counter()
        self._waiting = 0
        self._since = self._left_s = 0.0
        self.waited_s = 0.0

    async def ask(self, question: str, answer_schema: dict[str, Any] | None) -> Any:
        """Ask, and return the answer.

        Cancellation: the question stays open as long as the step; asked again, it is the same one.

        Raises:
            ElicitationDeclinedError: There will be no answer.
        """
        nth = self._counts[question]
        self._counts[question] += 1
        try:
            with self._standing_still():
                return await self._ask(self._call, question, nth, answer_schema)
        except anyio.get_cancelled_exc_class():
            self._counts[question] -= 1
            raise

    @contextmanager
    def _standing_still(self) -> Generator[None]:
        """Let no second of the deadline pass; several questions at once are one wait."""
        if self._waiting == 0:
            self._since = anyio.current_time()
            if self._scope is not None:
                self._left_s, self._scope.deadline = self._scope.deadline - self._since, float("inf")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                now = anyio.current_time()
                self.waited_s += now - self._since
                if self._scope is not None:
                    self._scope.deadline = now + self._left_s
