"""How many tokens a request has: as its provider counts them, where it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from gateway.attempt import CallContext, Lane
from gateway.directory import Directory
from gateway.doorway import Doorway
from gateway.exchange import ClientCall
from gateway.routing import Model
from schemas.errors import ConfigError, ModelError, ModelRequestError

PATIENCE_S = 10.0
"""How long a count is waited for; then an estimate has to do."""


class Counting:
    """Asks providers to count.

    Args:
        directory: What names stand for.
        doorway: Filters, which see what leaves here too.
        lane: Gives the provider of a model.
    """

    def __init__(self, directory: Directory, doorway: Doorway, lane: Callable[[Model], Lane]) -> None:
        self._directory = directory
        self._doorway = doorway
        self._lane = lane

    async def count(self, call: ClientCall, context: CallContext) -> tuple[dict[str, Any], Model] | None:
        """Return the answer of the provider that a call of the Messages API would go to first, and its model.

        Nothing is counted to a budget: providers count for free.

        Returns:
            None where that provider does not count, or does not answer: an estimate has to do.

        Raises:
            NoRouteError: Nothing has that name.
            ModelRequestError: The provider says that the request is none.
            FilterBlockedError, FilterFailedError: A filter stopped it.
        """
        routes = self._directory.resolve(call.model)
        model = routes[0].model
        relayer = self._lane(model).relayer
        if relayer is None:
            return None
        chain = self._doorway.chain(call.model, routes, context)
        if chain is not None:
            call = call.changed(await chain.request("messages", call.parsed))
        try:
            said = await relayer.count(model.name, call.naming(model.name), call.headers, timeout_s=PATIENCE_S)
            counted: Any = None if said is None else json.loads(said)
        except ModelRequestError:
            raise
        except (ModelError, ConfigError, ValueError):
            return None
        if not isinstance(counted, dict) or "input_tokens" not in counted:
            return None
        return cast("dict[str, Any]", counted), model
