"""``reduce`` as a tool: declared, so that planners see it. In a plan the scheduler merges by itself; a call from
elsewhere (a ReAct turn) gets the same merge of the values as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.dag import reduce as reducers
from schemas.errors import StepInputError, ToolArgumentsError
from schemas.protocols import ToolContext
from schemas.tool import ToolSpec


class Reduce:
    """Merges values (implements ``schemas.protocols.Tool``)."""

    spec: ToolSpec = reducers.SPEC

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Return the merged value.

        Raises:
            ToolArgumentsError: The reducer cannot take a value.
        """
        del context
        given = list(reducers.sources(arguments["values"]))
        try:
            return reducers.merge(given, arguments.get("by") or "append", arguments.get("key"))
        except StepInputError as exc:
            raise ToolArgumentsError(exc.message, hint=exc.hint) from exc
