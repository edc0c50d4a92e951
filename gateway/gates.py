"""Which gates a call goes through: those of its model, its provider, its listener and its key."""

from __future__ import annotations

from anyio import current_time

from gateway.limits import Gate, Place, Quota, let_in
from gateway.lines import Lines
from gateway.routing import Model
from schemas.bookkeeping import ApiKey
from schemas.gateway import RateLimits
from schemas.settings import Settings

MOST_WAYS = 10_000
_NO_LIMITS = RateLimits()


class Gates:
    """The gates of a gateway, and the calls in line before them. For one event loop; the time is anyio's.

    Args:
        settings: The limits of listeners, providers and models, and of keys that have none of their own.
    """

    def __init__(self, settings: Settings) -> None:
        self._listeners = {listener.name: listener.limits for listener in settings.listeners}
        self._key_limits = settings.gateway.key_limits
        self._gates: dict[tuple[str, str], Gate] = {}
        self._ways: dict[tuple[str, str, str], tuple[ApiKey | None, tuple[Gate, ...]]] = {}
        self._lines = Lines()

    def of(self, model: Model, key: ApiKey | None = None, listener: str = "") -> tuple[Gate, ...]:
        """Return the gates of a call, the model's first; those that limit nothing are left out.

        Args:
            model: Whom it is sent to.
            key: Whose call it is.
            listener: The name of the listener it came in by.
        """
        whose = "" if key is None else key.id
        way = self._ways.get((model.ref, whose, listener))
        if way is not None and way[0] is key:
            return way[1]
        if len(self._ways) >= MOST_WAYS:
            self._forget()
        gates = self._found(model, key, listener)
        self._ways[model.ref, whose, listener] = key, gates
        return gates

    def enter(self, gates: tuple[Gate, ...], tokens: int, now: float) -> Place | None:
        """Let a call in if there is room and nobody waits before it; else None.

        Args:
            gates: From ``of``.
            tokens: Estimate of what it will read and write.
            now: The time.
        """
        for gate in gates:
            if gate.waiting or gate.wait_s(tokens, now) > 0:
                return None
        return let_in(gates, tokens, now)

    async def wait(
        self,
        gates: tuple[Gate, ...],
        tokens: int,
        deadline: float | None,
        *,
        turn: str = "",
        wait_s: float | None = None,
    ) -> Place:
        """Let a call in as soon as there is room and its turn has come (``Lines.wait``)."""
        place = self.enter(gates, tokens, current_time())
        return place or await self._lines.wait(gates, tokens, deadline, turn=turn, wait_s=wait_s)

    def leave(self, place: Place, tokens: int | None, now: float) -> None:
        """Give a place back, once; ``tokens`` corrects the estimate by what was used."""
        if place.leave(now, tokens):
            self._lines.serve(now)

    def pause(self, place: Place, seconds: float) -> None:
        """Start nothing more on the call's model for so many seconds: the provider asked for it."""
        place.gates[0].pause(current_time() + seconds)

    def heed(self, place: Place, quota: Quota) -> None:
        """Take what the provider said beside the answer to a call of what its model still takes."""
        place.gates[0].heed(quota, place.number, current_time())

    def of_key(self, key: ApiKey) -> Gate | None:
        """Return the gate of a key whose calls came through lately, if it limits anything."""
        return self._gates.get(("key", key.id))

    def known(self) -> list[Gate]:
        """Return the gates that calls went through lately."""
        return list(self._gates.values())

    def _found(self, model: Model, key: ApiKey | None, listener: str) -> tuple[Gate, ...]:
        settings = model.settings
        own = RateLimits(
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
            max_parallel=settings.max_parallel,
        )
        others = [
            ("provider", model.provider.name, model.provider.limits),
            ("listener", listener, self._listeners.get(listener, _NO_LIMITS)),
        ]
        if key is not None:
            others.append(("key", key.id, key.limits or self._key_limits))
        first = self._gate("model", model.ref, own)
        return first, *(self._gate(*other) for other in others if limited(other[2]))

    def _forget(self) -> None:
        """Forget gates that nobody went through lately: there may be more keys than fit in memory."""
        now = current_time()
        self._ways.clear()
        for name in [name for name, gate in self._gates.items() if gate.idle(now)]:
            del self._gates[name]

    def _gate(self, kind: str, name: str, limits: RateLimits) -> Gate:
        gate = self._gates.get((kind, name))
        if gate is None:
            gate = self._gates[kind, name] = Gate(kind, name, limits)
        elif gate.limits != limits:
            gate.set(limits)
        return gate


def limited(limits: RateLimits) -> bool:
    """Whether limits limit anything."""
    return not limits.requests_per_minute is limits.tokens_per_minute is limits.max_parallel is None
