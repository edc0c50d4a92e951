"""Who asks: the key a request came with, and whose runs it may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from gateway.keys import require
from gateway.server.guests import VISIT
from gateway.server.visit import Visit
from schemas.bookkeeping import ApiKey
from schemas.errors import NotFoundError, RequestFieldError, ScopeError
from schemas.runs import RunSummary


class Summarizing(Protocol):
    """Whoever knows runs: a store, or who reads it for many."""

    async def summary(self, run_id: str) -> RunSummary:
        """Return one run's summary. Raises NotFoundError, StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a key, with the server's token, or on this machine without either.

    Attributes:
        user: Whose runs theirs are; empty: nobody's in particular.
        sees_all: Whether other users' runs are theirs to see and to move on.
    """

    user: str
    sees_all: bool

    def owner(self, asked: str) -> str:
        """Return whose a new run is, where a client says so.

        Raises:
            RequestFieldError: It names somebody else, and may not.
        """
        if self.sees_all:
            return asked or self.user
        if asked and asked != self.user:
            raise RequestFieldError(f"user: the runs of this key are {self.user!r}'s", hint="leave it out")
        return self.user

    def by(self, asked: str) -> str:
        """Return who speaks to a run: the key's name; an administrator may name for whom."""
        if not self.sees_all or not asked or asked == self.user:
            return self.user
        return f"{asked} (by {self.user})" if self.user else asked

    async def check(self, store: Summarizing, run_id: str) -> None:
        """Return if a run is theirs to see.

        Raises:
            NotFoundError: There is none, or it is another user's; the two are not told apart.
            StoreError: The store cannot be read.
        """
        if not self.sees_all and (await store.summary(run_id)).user != self.user:
            raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")


def caller_of(key: ApiKey | None) -> Caller:
    """Return who came with a key; without one (only where none is needed) everything is allowed."""
    if key is None:
        return Caller("", sees_all=True)
    return Caller(key.name, sees_all="admin" in key.scopes)


def caller(request: Request) -> Caller:
    """Return who sent a request."""
    visit: Visit | None = request.scope.get(VISIT)
    return caller_of(None if visit is None else visit.key)


def check_name(request: Request, name: str) -> None:
    """Return if a request's key and listener allow runs of an assistant, or of the engine itself.

    Raises:
        ScopeError: They do not.
    """
    visit: Visit | None = request.scope.get(VISIT)
    if visit is None:
        return
    if visit.key is not None:
        require(visit.key, model=name)
    if not visit.desk.names.offered(visit.key, [name]):
        raise ScopeError(f"listener {visit.desk.listener.name!r} does not offer {name!r}")
