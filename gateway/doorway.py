"""What stands before and behind the models on a call's way: filters, and answers that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.attempt import CallContext
from gateway.cache import Keeping, Place
from gateway.exchange import ClientCall
from gateway.filters import Chain, Facts, Filters
from gateway.routing import Route
from schemas.bookkeeping import AnswerCache
from schemas.errors import StoreError
from schemas.model import ModelRequest


@dataclass(frozen=True, slots=True)
class Doorway:
    """What all calls of a gateway pass.

    Attributes:
        filters: The configured ones; None where there are none.
        keeping: Which answers are kept.
        answers: Where; None: nowhere.
    """

    filters: Filters | None
    keeping: Keeping
    answers: AnswerCache | None

    def chain(self, asked: str, routes: Sequence[Route], context: CallContext) -> Chain | None:
        """Return the filters of one call; None where none looks at it."""
        if not self.filters:
            return None
        return self.filters.chain(
            Facts(
                asked=asked,
                models=tuple(route.model.ref for route in routes),
                agent=context.agent,
                listener=context.listener,
                key=context.key,
                request_id=context.request_id,
                run_id=context.run_id or "",
            )
        )

    def shelf(self, asked: ClientCall | ModelRequest, context: CallContext) -> Shelf | None:
        """Return where the answer to a request is kept; None where it is not."""
        if self.answers is None or not self.keeping.is_on:
            return None
        who = f"{context.key}\0{context.listener}"
        if isinstance(asked, ClientCall):
            place = self.keeping.of_call(asked, who)
        else:
            place = self.keeping.of_request(asked, who)
        return None if place is None else Shelf(self.answers, self.keeping, place)


class Shelf:
    """The place of one answer. A store that is away is as one that kept nothing."""

    def __init__(self, answers: AnswerCache, keeping: Keeping, place: Place) -> None:
        self._answers = answers
        self._keeping = keeping
        self._place = place

    async def take(self) -> bytes | None:
        """Return the answer that was kept, if there is one and the client takes it."""
        if self._place.take:
            with suppress(StoreError):
                return await self._answers.get(self._place.key)
        return None

    async def keep(self, answer: bytes) -> None:
        """Keep an answer, unless it is too large."""
        if self._place.ttl_s > 0 and self._keeping.fits(answer):
            with suppress(StoreError):
                await self._answers.put(self._place.key, answer, self._place.ttl_s)
