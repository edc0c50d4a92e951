"""API keys at the door: from a secret to the key it stands for, and what that key may do.

A secret is ``ek-``, 256 random bits and a checksum, so that one that was not copied whole is told from a wrong one
without a look-up. Only its SHA-256 is kept: that many random bits need no slow hash. What stands in the store is looked
at again after a second, so that what one process revokes, another refuses soon.

Source: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/ (prefix and checksum).
"""

from __future__ import annotations

import hmac
import secrets
import string
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256

import anyio
import structlog

from schemas.bookkeeping import ApiKey, KeyStore
from schemas.errors import AccessError, ScopeError, StoreError

PREFIX = "ek-"
FRESH_S = 1.0
"""How long what was found is believed."""
PATIENCE_S = 0.5
"""How long a known key waits for a store that does not answer; then it goes on as it was known."""
AWAY_S = 300.0
"""How long known keys go on to be taken while the store is away; nobody can revoke them in it meanwhile."""
MOST_KNOWN, MOST_REFUSED = 20_000, 2_000

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECK = 43, 6  # 62 ** 43 > 2 ** 256, 62 ** 6 > 2 ** 32
_log = structlog.get_logger(__name__)


def new_secret() -> str:
    """Return a fresh secret of 256 random bits."""
    body = PREFIX + _base62(secrets.randbits(256), _RANDOM)
    return body + _checksum(body)


def hash_of(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256, in hex."""
    return sha256(secret.encode()).hexdigest()


def hint_of(secret: str) -> str:
    """Return what lists show of a secret: enough to tell one's own keys apart, and nothing to guess the rest by."""
    return f"{secret[: len(PREFIX) + 4]}…{secret[-4:]}"


def well_formed(secret: str) -> bool:
    """Whether a text is a whole secret, as ``new_secret`` writes them: no typo, nothing cut off."""
    whole = len(secret) == len(PREFIX) + _RANDOM + _CHECK and secret.startswith(PREFIX) and secret.isascii()
    return whole and _checksum(secret[:-_CHECK]) == secret[-_CHECK:]


def require(key: ApiKey, *, listener: str = "", model: str = "", scope: str = "") -> None:
    """Hold a call to what its key may do; what is left empty is not asked for.

    Args:
        listener: Where the call came in.
        model: The name it asks for, as it stands in the request.
        scope: ``usage``, or ``admin`` (which may all that ``usage`` may).

    Raises:
        ScopeError: The key may not.
    """
    if listener and key.listeners and not _among(key.listeners, listener):
        raise ScopeError(f"the API key {key.name!r} is not for listener {listener!r}", hint=_listed(key.listeners))
    if model and key.models and not _among(key.models, model):
        raise ScopeError(
            f"the API key {key.name!r} may not ask for model {model!r}",
            hint=_listed(key.models),
            details={"model": model},
        )
    if scope and scope not in key.scopes and "admin" not in key.scopes:
        raise ScopeError(f"the API key {key.name!r} lacks the scope {scope!r}", details={"scope": scope})


@dataclass(slots=True)
class _Known:
    """What the store said of one secret.

    Attributes:
        digest: The secret's SHA-256.
        key: None: it stands for none, or for one that was revoked.
        until: Unix time from which it is no longer taken.
        told: When the store said so; ``look`` is when it is asked again (both by the monotonic clock).
    """

    digest: bytes
    key: ApiKey | None
    until: float
    told: float
    look: float


class Keyring:
    """Finds keys by their secrets. Belongs to one event loop.

    Cost: about 2 µs for a key that was seen in the last second, one look-up in the store otherwise.

    Args:
        store: Where the keys are.
        now: Gives Unix time.
        clock: Gives seconds that never go back.
        fresh_s: How long what was found is believed.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        self._fresh_s = fresh_s
        self._known: dict[bytes, _Known] = {}
        self._refused: dict[bytes, _Known] = {}
        self._asking: dict[bytes, anyio.Lock] = {}
        self._away = False

    async def find(self, secret: str | None) -> ApiKey:
        """Return the key a secret stands for.

        The time it takes tells nothing of a secret: it is hashed first, and its hash is looked for. A key that was
        taken lately is also taken while the store is away.

        Raises:
            AccessError: There is none, it stands for no key or for one that was revoked (the two are not told
                apart), or it expired.
            StoreError: The store is away, and the key was not seen lately.
        """
        if not secret:
            raise AccessError("an API key is needed", hint="send it as Authorization: Bearer … (or as x-api-key)")
        digest = sha256(secret.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known.look:
            return self._taken(known, digest)
        if not well_formed(secret):
            raise AccessError("the API key is not valid", hint="was it copied whole? Its check characters do not fit")
        return self._taken(await self._looked_up(digest), digest)

    async def any(self) -> bool:
        """Whether there is, or was, a key at all: who revoked the last one did not mean to let everybody in.

        Raises:
            StoreError: The store is away.
        """
        return bool(await self._store.keys())

    def __len__(self) -> int:
        """How many secrets' hashes it remembers, right ones and wrong ones."""
        return len(self._known) + len(self._refused)

    def _taken(self, known: _Known, digest: bytes) -> ApiKey:
        """Return the key, if it is still taken. Raises AccessError."""
        if known.key is None or not hmac.compare_digest(known.digest, digest):
            raise AccessError("the API key is not valid", hint="engine keys list shows those there are")
        if self._now() >= known.until:
            on = datetime.fromtimestamp(known.until, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise AccessError(f"the API key expired on {on}", hint="engine keys create, or rotate, makes another")
        return known.key

    async def _looked_up(self, digest: bytes) -> _Known:
        """Ask the store, once for all who ask at the same moment."""
        known = self._known.get(digest)
        lock = self._asking.get(digest)
        if lock is not None and known is not None and self._clock() < known.told + 1.5 * self._fresh_s:
            return known  # somebody is asking; until he knows more, a moment longer
        if lock is None:
            lock = self._asking[digest] = anyio.Lock()
        try:
            async with lock:
                found = self._known.get(digest) or self._refused.get(digest)
                if found is None or self._clock() >= found.look:
                    found = await self._asked(digest, self._known.get(digest))
        finally:
            if not lock.statistics().tasks_waiting:
                self._asking.pop(digest, None)
        return found

    async def _asked(self, digest: bytes, known: _Known | None) -> _Known:
        try:
            if known is None:
                return self._keep(digest, await self._store.find(digest.hex()))
            with anyio.move_on_after(PATIENCE_S):
                return self._keep(digest, await self._store.find(digest.hex()))
        except StoreError:
            if known is None or self._clock() > known.told + AWAY_S:
                raise
        return self._believed(known)

    def _believed(self, known: _Known) -> _Known:
        """Go on with what was known before the store went away. Raises StoreError."""
        if self._clock() > known.told + AWAY_S:
            raise StoreError("the store of the API keys does not answer", details={"retryable": True})
        known.look = self._clock() + self._fresh_s
        if not self._away:
            self._away = True
            _log.warning("the store of the API keys is away: keys that were seen lately go on to be taken")
        return known

    def _keep(self, digest: bytes, key: ApiKey | None) -> _Known:
        told = self._clock()
        self._away = False
        if key is None or key.revoked_at is not None:
            self._known.pop(digest, None)
            known = _Known(digest, None, 0.0, told, told + self._fresh_s)
            _bounded(self._refused, MOST_REFUSED)[digest] = known
            return known
        self._refused.pop(digest, None)
        before = self._known.pop(digest, None)
        if before is not None and before.key == key:
            key = before.key  # the same object while nothing changed: whoever keeps something by it need not look again
        assert key is not None
        known = _Known(digest, key, _until(key, digest.hex()), told, told + self._fresh_s)
        _bounded(self._known, MOST_KNOWN)[digest] = known
        return known


def valid(key: ApiKey, now: float) -> bool:
    """Whether a key is taken at a Unix time: neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _until(key: ApiKey, key_hash: str) -> float:
    """From when on the secret with this hash is no longer taken."""
    ends = [at for at in (key.expires_at,) if at is not None]
    if not hmac.compare_digest(key_hash, key.hash):
        previous = key.previous_hash is not None and hmac.compare_digest(key_hash, key.previous_hash)
        ends.append((key.previous_until or 0.0) if previous else 0.0)
    return min(ends, default=float("inf"))


def _bounded(entries: dict[bytes, _Known], most: int) -> dict[bytes, _Known]:
    """Make room for one more: the oldest goes."""
    if len(entries) >= most:
        del entries[next(iter(entries))]
    return entries


@lru_cache(4_096)
def _among(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]")) for pattern in patterns)


def _listed(names: Sequence[str]) -> str:
    return f"it is for {', '.join(names)}"


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK)


def _base62(number: int, digits: int) -> str:
    """Return a number in so many digits.

    >>> _base62(61, 3)
    '00z'
    """
    found = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        found = _DIGITS[digit] + found
    return found
