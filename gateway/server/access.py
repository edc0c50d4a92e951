"""Which key a request comes with, and what a listener lets it ask for."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from gateway.gateway import Gateway
from gateway.keys import Keyring, require
from gateway.server.doors import is_loopback
from gateway.server.guests import NOBODY, Guests
from gateway.server.others import models_named
from schemas.bookkeeping import ApiKey
from schemas.errors import AccessError, ConfigError, NoRouteError, ScopeError
from schemas.gateway import Listener, RateLimits

LOOK_S = 1.0
"""How long "there is no key yet" is believed."""
_MOST_NAMES = 2_000
_LONGEST_NAME = 500
_TOKEN = ApiKey(id="", name="", hash="0" * 64, scopes=("admin",), limits=RateLimits())
"""Who comes with the server's own token: its administrator, who is no user."""


class Access:
    """The keys of one listener.

    Args:
        listener: Says whether a key is needed.
        keyring: Where they are; None: nobody has one.
        token: The server's own, which may do everything; empty: none is set; None: this server knows none.
    """

    def __init__(self, listener: Listener, keyring: Keyring | None, token: str | None = None) -> None:
        self._listener = listener
        self._keyring = keyring
        self._token = token.encode() if token else None
        self._danger = "spend your money" if token is None else "run your tools and spend your money"
        self._advice = "" if token is None else "--token (or ENGINE_SERVE_TOKEN) sets a token; "
        self._mode = listener.keys
        self._open_until = 0.0
        self._looking: asyncio.Event | None = None

    async def check(self) -> None:
        """Refuse to open a port to others without keys. Raises ConfigError; StoreError."""
        listener = self._listener
        if is_loopback(listener.host) or listener.keys == "required":
            return
        danger = self._danger
        place = f"{listener.host}:{listener.port}"
        if listener.keys == "none":
            hint = f"drop keys: none of listener {listener.name!r}, or let it listen on 127.0.0.1"
            raise ConfigError(f"whoever reaches {place} could {danger}: API keys are needed there", hint=hint)
        if self._token is None and (self._keyring is None or not await self._keyring.any()):
            raise ConfigError(
                f"whoever reaches {place} could {danger}, and there is no API key yet",
                hint=f"{self._advice}engine keys create NAME makes one (in the same --store), or listen on 127.0.0.1",
            )

    async def key(self, secret: str | None) -> ApiKey | None:
        """Return the key of a request; None where none is needed.

        Raises:
            AccessError: One is needed and there is none, or a wrong one.
            ScopeError: It is not for this listener.
            StoreError: The keys cannot be looked up.
        """
        if self._token is not None:
            if secret and hmac.compare_digest(_bytes(secret), self._token):
                return _TOKEN
            if self._keyring is None and self._mode != "none":
                raise AccessError("a token is needed", hint="send Authorization: Bearer <token>")
        if self._keyring is None or self._mode == "none" or (self._mode == "auto" and await self._is_open()):
            return None
        key = await self._keyring.find(secret)
        if key.listeners:
            require(key, listener=self._listener.name)
        return key

    async def _is_open(self) -> bool:
        """Whether nobody has a key yet, and only this machine gets here. Once there is one, it stays shut."""
        if self._token is not None or not is_loopback(self._listener.host):
            self._mode = "required"
            return False
        while time.monotonic() >= self._open_until:
            if self._looking is not None:  # one looks for all who come at the same time
                await self._looking.wait()
            elif await self._is_shut():
                return False
            if self._mode == "required":
                return False
        return True

    async def _is_shut(self) -> bool:
        """Look into the store whether there is a key by now. Raises StoreError."""
        assert self._keyring is not None
        looking = self._looking = asyncio.Event()
        try:
            if await self._keyring.any():
                self._mode = "required"
                return True
            self._open_until = time.monotonic() + LOOK_S
            return False
        finally:
            self._looking = None
            looking.set()


class Names:
    """The names of models that a listener's clients may ask for.

    Args:
        listener: Says which.
        gateway: Knows which there are.
        guests: Knows those that are assistants.
    """

    def __init__(self, listener: Listener, gateway: Gateway, guests: Guests = NOBODY) -> None:
        self._gateway = gateway
        self._guests = guests
        self._listener = listener
        self._known: dict[str, bool] = {}

    def asked(self, name: str, key: ApiKey | None) -> str:
        """Return the name that is really asked: the client's, or the listener's default in its place.

        Raises:
            NoRouteError: Nothing has that name, or not on this listener.
            ScopeError: The key may not ask for it.
        """
        _check_length(name)
        default = self._listener.default_model
        if self._listener.always is not None:
            name = self._listener.always
        elif default is not None and (not name or not self._knows(name)):
            name = default
        elif self._listener.models and not any(fnmatchcase(name, pattern) for pattern in self._listener.models):
            raise self._not_here(name)
        elif name and self._guests.names() and not self._knows(name):
            raise self._unknown(name)
        if key is not None and key.models:
            require(key, model=name)
        return name

    def check_others(self, asked: str, key: ApiKey | None, body: Mapping[str, Any]) -> None:
        """Hold what a body names beside its model (``others``) to the same lists. Cost: nothing where there are none.

        Args:
            asked: The name asked for; a name of its provider's may also be allowed as ``provider/name``.
            key: Who asks.
            body: The request.

        Raises:
            ScopeError: A further model is not allowed.
        """
        if not (self._listener.models or self._listener.always or (key is not None and key.models)):
            return
        provider = asked.partition("/")[0]
        for name in models_named(body):
            if name != asked and not self.offered(key, (name, f"{provider}/{name}")):
                raise ScopeError(
                    f"the request also names {name[:120]!r}, which is not allowed here",
                    hint="leave it out of the body; fallbacks are the gateway's own matter",
                    details={"model": name[:120]},
                )

    def offered(self, key: ApiKey | None, names: Sequence[str]) -> list[str]:
        """Return those of the names that may be asked for with this key."""
        only = self._listener.models if self._listener.always is None else (self._listener.always,)
        patterns = [only, key.models if key is not None else ()]
        return [name for name in names if all(not each or _among(each, name) for each in patterns)]

    def _knows(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = self._guests.knows(name) or self._resolves(name)
            if len(self._known) < _MOST_NAMES:
                self._known[name] = known
        return known

    def _resolves(self, name: str) -> bool:
        try:
            return bool(self._gateway.resolve(name))
        except NoRouteError:
            return False

    def _unknown(self, name: str) -> NoRouteError:
        """Why nothing is called that, where there are assistants beside the models."""
        try:
            self._gateway.resolve(name)
        except NoRouteError as exc:
            near = [*get_close_matches(name, self._guests.names(), n=2, cutoff=0.6), *exc.details.get("near", ())][:3]
            known = f"assistants: {', '.join(self._guests.names())}; {exc.hint}"
            hint = f"did you mean {' or '.join(near)}?" if near else known
            return NoRouteError(exc.message, hint=hint, details={**exc.details, "near": near})
        return self._not_here(name)

    def _not_here(self, name: str) -> NoRouteError:
        near = get_close_matches(name, self._listener.models, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"models: {', '.join(self._listener.models)}"
        return NoRouteError(
            f"no model is called {name[:120]!r} on this listener", hint=hint, details={"name": name[:120], "near": near}
        )


def _check_length(name: str) -> None:
    if len(name) > _LONGEST_NAME:
        raise NoRouteError(f"no model has a name of {len(name):,} characters", details={"name": name[:120]})


def _bytes(secret: str) -> bytes:
    """A secret's bytes as they were sent: heads are read as Latin-1."""
    return secret.encode("latin-1", "replace")


def _among(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
