"""What a gateway keeps beside its budgets: API keys, counted usage, cached answers. Each store keeps all three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import Field

from schemas.accounts import Period
from schemas.gateway import RateLimits
from schemas.result import Record, Usage

UsageField = Literal["day", "key", "provider", "model", "agent", "role", "run_id"]
DAY = r"^\d{4}-\d\d-\d\d$"


class ApiKey(Record):
    """One key, as it is kept: never the secret itself.

    Attributes:
        id: Short, public, unique: ``k_`` and 10 characters.
        name: For people; unique among keys that are not revoked.
        hash: SHA-256 of the secret, in hex. The secret has 256 random bits, so no slow hash is needed.
        hint: The secret's first and last characters, for lists.
        models: Names it may ask for, ``*`` for any text; empty: all.
        listeners: Where it may be used; empty: everywhere.
        scopes: What it may do beside calling models: ``usage`` (read its own), ``runs`` (count its calls to anybody's
            runs, as agents do), ``admin`` (read everybody's, and all the others).
        agent: Whose calls these are, for budgets and usage.
        usd, tokens, per, zone: Its own budget; None for no cap.
        limits: Its own rate limits; None: those of ``gateway.key_limits``.
        created_at, expires_at, revoked_at: Unix time.
        previous_hash, previous_until: After a rotation the old secret goes on to be taken until then.
    """

    id: str
    name: str
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    hint: str = ""
    models: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()
    scopes: tuple[Literal["usage", "runs", "admin"], ...] = ()
    agent: str | None = None
    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=1)
    per: Period = "month"
    zone: str = "UTC"
    limits: RateLimits | None = None
    created_at: float = 0.0
    expires_at: float | None = None
    revoked_at: float | None = None
    previous_hash: str | None = None
    previous_until: float | None = None


class UsageLine(Record):
    """What calls of one kind used, to be added to what is counted; also one row of an answer.

    Attributes:
        day: ``YYYY-MM-DD`` in UTC on which the calls ended; like the other names empty where it was not asked for.
        key: The key's id; empty without one.
        provider, model: Who answered; a failed call names the last that was tried.
        agent, role, run_id: For whom, where known.
        usage: Calls, tokens, and the cost of the calls with a known price; None when not one of them has one.
        cost_nano_usd: The same cost exactly, in billionths of a USD: sums are of these.
        unpriced_calls: Calls whose price nobody knows; they are in no cost.
        failed_calls: Calls that ended in an error (they may have cost something).
        cached_answers: Calls answered from the gateway's own cache; they cost nothing and are in no other number.
    """

    day: str = ""
    key: str = ""
    provider: str = ""
    model: str = ""
    agent: str = ""
    role: str = ""
    run_id: str = ""
    usage: Usage = Usage()
    cost_nano_usd: int = 0
    unpriced_calls: int = 0
    failed_calls: int = 0
    cached_answers: int = 0


class UsageQuery(Record):
    """What to add up.

    Attributes:
        by: One row for each different value of these; none: one row of everything.
        since, until: Days (``YYYY-MM-DD``), both included.
        key, model, agent, run_id: Only these; a model by its name, or as ``provider/model``.
        most: At most so many rows, the costliest first; None: all of them, in the order of ``by``.
    """

    by: tuple[UsageField, ...] = ("day", "model")
    since: str | None = Field(default=None, pattern=DAY)
    until: str | None = Field(default=None, pattern=DAY)
    key: str | None = None
    model: str | None = None
    agent: str | None = None
    run_id: str | None = None
    most: int | None = Field(default=None, ge=1)


class KeyStore(Protocol):
    """API keys. What one process changes, another sees with its next look."""

    async def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises ConflictError: its id, its secret, or its name among those not revoked is taken."""
        ...

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, or this previous one (revoked and expired keys too), or None."""
        ...

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        ...

    async def change(self, key: ApiKey) -> None:
        """Replace the key of the same id. Raises NotFoundError, and ConflictError as ``add``."""
        ...


class UsageBook(Protocol):
    """Counted usage: sums that only grow, by day, key, model, agent, role and run."""

    async def add(self, lines: Sequence[UsageLine], *, batch: str | None = None) -> None:
        """Add to the sums, all lines or none.

        Args:
            lines: What to add; of ``usage`` its counts, of costs ``cost_nano_usd``.
            batch: A name of the caller's for these lines: added again under it within a day (nobody knew whether it
                had been written), they count once.
        """
        ...

    async def read(self, query: UsageQuery) -> list[UsageLine]:
        """Return the sums, ordered by the fields asked for; no rows where nothing was counted."""
        ...


class AnswerCache(Protocol):
    """Kept answers. An answer that is too old is never returned."""

    async def get(self, key: str) -> bytes | None:
        """Return the answer, or None."""
        ...

    async def put(self, key: str, answer: bytes, ttl_s: float) -> None:
        """Keep an answer for so many seconds, in place of an older one."""
        ...

    async def clear(self) -> int:
        """Forget all answers and return how many there were."""
        ...
