"""Filters of kind ``python``: a function of the user's own.

``(body, facts)`` in; a body, ``Block``, ``Annotate`` or None out. Of a streamed answer it sees each event as it comes.
An async function is awaited; a blocking one runs beside the event loop and is abandoned when it is late.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from gateway.filters.base import Facts, Looked, RunInThread, Verdict
from gateway.filters.member import UnreadableError
from gateway.filters.verdicts import checked, one_by_one
from gateway.wire.base import SseEvent

Function = Callable[[dict[str, Any], Facts], Any]


class PythonFilter:
    """Asks a function (implements ``BodyFilter``).

    Args:
        function: The function.
        in_thread: Runs it, where it is not async.
    """

    def __init__(self, function: Function, in_thread: RunInThread) -> None:
        self._function = function
        self._in_thread = in_thread
        call = getattr(function, "__call__", None)  # noqa: B004 -- an instance whose __call__ is async
        self._async = inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(call)

    async def body(self, body: dict[str, Any], facts: Facts) -> Verdict:
        """Decide on a body. Raises what the function raises.

        Raises:
            UnreadableError: The function gave back what is no verdict.
        """
        if self._async:
            return checked(await self._function(body, facts), body)
        return checked(await self._blocking(body, facts), body)

    async def events(self, events: list[SseEvent], facts: Facts) -> Looked:
        """Decide on events, one by one. Raises as ``body``."""
        return await one_by_one(self.body, events, facts)

    async def _blocking(self, body: dict[str, Any], facts: Facts) -> Any:
        def call() -> Any:
            try:
                return self._function(body, facts)
            except Exception:
                raise
            except BaseException as exc:  # SystemExit, or StopIteration's like: a failed filter, not the end of us
                raise UnreadableError(f"it raised {type(exc).__name__}") from None

        result = await self._in_thread(call)
        return await result if inspect.isawaitable(result) else result
