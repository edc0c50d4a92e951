"""What stands before and behind the models on a call's way: filters, and answers that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.attempt import CallContext
from gateway.cache import Keeping, Place
from gateway.exchange import ClientCall
from gateway.filters.base import Facts
from gateway.routing import Route
from schemas.bookkeeping import AnswerCache
from schemas.errors import StoreError
from schemas.model import ModelRequest

if TYPE_CHECKING:
    from gateway.filters import Chain, Filters


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
                listener="" if context.screened else context.listener,
                key=context.key,
                request_id=context.request_id,
                run_id=context.run_id or "",
            )
        )

    def door(self, asked: str, context: CallContext) -> Chain | None:
        """Return the filters that a listener names, for a call that somebody else than a model answers."""
        if not self.filters:
            return None
        return self.filters.named(
            Facts(
                asked=asked,
                agent=context.agent,
                listener=context.listener,
                key=context.key,
                request_id=context.request_id,
            )
        )

    def shelf(self, name: str, context: CallContext) -> Shelf | None:
        """Return where answers of a name are kept for a caller; None where none are."""
        if self.answers is None or not self.keeping.covers(name):
            return None
        return Shelf(self.answers, self.keeping, f"{context.key}\0{context.listener}")


class Shelf:
    """The place of one answer: as the provider gave it to the request that it was sent, behind all filters.

    So what filters take out of requests is in no key and in no answer that is kept. A store that is away is as one
    that kept nothing.

    Args:
        answers: Where answers are kept.
        keeping: For how long.
        who: Whose they are.
    """

    def __init__(self, answers: AnswerCache, keeping: Keeping, who: str) -> None:
        self._answers = answers
        self._keeping = keeping
        self._who = who
        self._place: Place | None = None

    async def take(self, asked: ClientCall | ModelRequest) -> bytes | None:
        """Return the answer that was kept, if there is one and the client takes it.

        Args:
            asked: The request as filters let it through.
        """
        if isinstance(asked, ClientCall):
            place = self._keeping.of_call(asked, self._who)
        else:
            place = self._keeping.of_request(asked, self._who)
        self._place = place
        if place is not None and place.take:
            with suppress(StoreError):
                return await self._answers.get(place.key)
        return None

    async def keep(self, answer: bytes) -> None:
        """Keep an answer to the request that was looked for, unless it is too large."""
        place = self._place
        if place is not None and place.ttl_s > 0 and self._keeping.fits(answer):
            with suppress(StoreError):
                await self._answers.put(place.key, answer, place.ttl_s)
