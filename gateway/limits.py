"""One gate: the calls at once, and the requests and tokens a minute, of a key, a listener, a model or a provider.

A gate counts and says how long to wait; ``gateway.lines`` lets calls through, each through all of its gates together.
Time is passed in, so that nothing here needs a clock.

The minute is a sliding one: in no 60 s are more calls started, or more tokens counted, than the limit says. Up to
``EXACT`` starts are remembered one by one; beyond that, starts within a 256th of the minute are remembered together
under the time of their last. So memory is bounded at any rate, the limit holds in every window, and a place may only
come free up to 0.24 s late. (A bucket that leaks, such as GCRA, needs less memory, but lets twice the limit through in
some minutes: a full bucket at once, then a minute's refill.)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from schemas.gateway import RateLimits

WINDOW_S = 60.0
EXACT = 256
_TOGETHER_S = WINDOW_S / EXACT
_NEWEST_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider said beside an answer of what it still takes; None where it did not say.

    Attributes:
        requests, tokens: How many are left.
        requests_reset_s, tokens_reset_s: Seconds until there are more.
    """

    requests: int | None = None
    requests_reset_s: float | None = None
    tokens: int | None = None
    tokens_reset_s: float | None = None


@dataclass(slots=True, eq=False)
class Starts:
    """Calls that started together, as far as a gate's minute is concerned.

    Attributes:
        began: When the first of them started.
        until: When the last of them leaves the minute; ``counted`` is whether it did not yet.
    """

    began: float
    until: float
    calls: int
    tokens: int
    counted: bool = True


@dataclass(slots=True)
class Ahead:
    """What is let through before a call: of the places at once, and of the minute."""

    running: int = 0
    calls: int = 0
    tokens: int = 0


_NOTHING = Ahead()


class Gate:
    """Counts what goes through; anybody may look how long the next call has to wait.

    Args:
        kind: Whose it is: ``model``, ``provider``, ``listener`` or ``key``.
        name: Which one.
        limits: A limit of None is none.

    Attributes:
        running: Calls that went in and did not come out.
        waiting: Calls in line that need this gate.
        started: Calls that ever went in.
    """

    __slots__ = (
        "_calls",
        "_minute",
        "_parallel",
        "_paused_until",
        "_requests",
        "_tokens",
        "_told",
        "_told_at",
        "_told_until",
        "_used",
        "counts",
        "kind",
        "limits",
        "name",
        "running",
        "started",
        "took_s",
        "waiting",
    )

    def __init__(self, kind: str, name: str, limits: RateLimits) -> None:
        self.kind, self.name = kind, name
        self.running = self.waiting = self.started = 0
        self.took_s = 0.0
        self._minute: deque[Starts] = deque()
        self._calls = self._used = 0
        self._paused_until = 0.0
        self._told, self._told_at, self._told_until = 0, 0, 0.0
        self.set(limits)

    def __repr__(self) -> str:
        return f"<Gate {self.kind} {self.name}: {self.running} running, {self.waiting} waiting>"

    def set(self, limits: RateLimits) -> None:
        """Change the limits; what went through stays counted where it was."""
        self.limits = limits
        self._parallel = inf if limits.max_parallel is None else limits.max_parallel
        self._requests = inf if limits.requests_per_minute is None else limits.requests_per_minute
        self._tokens = inf if limits.tokens_per_minute is None else limits.tokens_per_minute
        self.counts = limits.requests_per_minute is not None or limits.tokens_per_minute is not None

    def wait_s(self, tokens: int, now: float, ahead: Ahead = _NOTHING) -> float:
        """Return the seconds until a call may go in: 0 for now, infinity until another one comes out.

        Args:
            tokens: What it is expected to read and write.
            now: The time, by the clock of ``enter``.
            ahead: What goes in before it.
        """
        if self.running + ahead.running >= self._parallel:
            return inf
        return self.minute_wait_s(tokens, now, ahead)

    def minute_wait_s(self, tokens: int, now: float, ahead: Ahead = _NOTHING) -> float:
        """Return the seconds until the minute has room, no pause holds, and the provider takes calls again."""
        wait = self._window_wait_s(ahead.calls + 1, ahead.tokens + tokens, now) if self.counts else 0.0
        if self._paused_until > now:
            wait = max(wait, self._paused_until - now)
        if self._told_until > now and self.started + ahead.calls - self._told_at >= self._told:
            wait = max(wait, self._told_until - now)
        return wait

    def enter(self, tokens: int, now: float) -> Starts | None:
        """Let a call in, room or not; None when no minute is counted."""
        self.running += 1
        self.started += 1
        if not self.counts:
            return None
        self._calls += 1
        self._used += tokens
        minute = self._minute
        if len(minute) >= EXACT:
            newest = minute[-1]
            if now - newest.began < _TOGETHER_S:
                newest.until = now + WINDOW_S
                newest.calls += 1
                newest.tokens += tokens
                return newest
        starts = Starts(now, now + WINDOW_S, 1, tokens)
        minute.append(starts)
        return starts

    def correct(self, starts: Starts, more: int) -> None:
        """Count more tokens (or fewer, below 0) for a call that went in: what it used is known now."""
        if starts.counted:
            starts.tokens += more
            self._used += more

    def leave(self, took_s: float) -> None:
        """Let a call out, which was inside for so long."""
        self.running -= 1
        self.took_s += _NEWEST_WEIGHT * (took_s - self.took_s) if self.took_s else took_s

    def counted(self, now: float) -> tuple[int, int, float]:
        """Return (calls, tokens) that the last 60 s counted, and the seconds until they are all forgotten."""
        self._window_wait_s(0, 0, now)
        return self._calls, self._used, max(0.0, self._minute[-1].until - now) if self._minute else 0.0

    def idle(self, now: float) -> bool:
        """Whether nothing is remembered here that a fresh gate would not know."""
        quiet = not self._minute or self._minute[-1].until <= now
        return quiet and not self.running and not self.waiting and max(self._paused_until, self._told_until) <= now

    def pause(self, until: float) -> None:
        """Let nobody in before a time: the provider asked for it (429 with Retry-After)."""
        self._paused_until = max(self._paused_until, until)

    def heed(self, quota: Quota, number: int, now: float) -> None:
        """Let no more in than the provider says are left, until it says there are more.

        What was sent after the call that was answered is not in its number yet, so it is taken off: there may be room
        for more than we send, never for less. Of tokens only an empty quota is heeded: our estimates are no measure
        of theirs.

        Args:
            quota: What it said.
            number: ``started`` after the answered call went in; what an older call is told is no longer true.
            now: The time.
        """
        if number < self._told_at:
            return
        self._told_at, self._told, self._told_until = number, 0, 0.0
        if quota.requests is not None and quota.requests_reset_s is not None:
            self._told, self._told_until = quota.requests, now + quota.requests_reset_s
        if quota.tokens is not None and quota.tokens <= 0 and quota.tokens_reset_s is not None:
            until = now + quota.tokens_reset_s
            empty = self._told <= 0 and self._told_until > now
            self._told, self._told_until = 0, max(until, self._told_until) if empty else until

    def expected_wait_s(self, tokens: int, now: float, ahead: Ahead) -> float:
        """Return the seconds after which a call would go in if nobody else came: for a client that asks when to.

        A minute that is full several times over is waited for as often; calls at once are assumed to take as long
        as those before.
        """
        rounds = max(ahead.calls // self._requests, (ahead.tokens + tokens - 1) // self._tokens, 0)
        within = Ahead(
            0, int(ahead.calls % self._requests), int(ahead.tokens % self._tokens) if rounds else ahead.tokens
        )
        wait = rounds * WINDOW_S + self.minute_wait_s(tokens, now, within)
        over = self.running + ahead.calls + 1 - self._parallel
        return max(wait, over / self._parallel * self.took_s) if over > 0 else wait

    def _window_wait_s(self, calls: int, tokens: int, now: float) -> float:
        """Seconds until enough starts have left the minute; a call over the whole limit waits for all of them."""
        minute = self._minute
        while minute and minute[0].until <= now:
            gone = minute.popleft()
            gone.counted = False
            self._calls -= gone.calls
            self._used -= gone.tokens
        calls_over, tokens_over = self._calls + calls - self._requests, self._used + tokens - self._tokens
        wait = 0.0
        if calls_over > 0 or tokens_over > 0:
            for starts in minute:
                wait = starts.until - now
                calls_over -= starts.calls
                tokens_over -= starts.tokens
                if calls_over <= 0 and tokens_over <= 0:
                    break
        return wait


@dataclass(slots=True, eq=False)
class Place:
    """A call's place behind its gates; given back once.

    Attributes:
        gates: All that it went through.
        tokens: What it counts for in their minutes.
        since: When it went in.
        number: The how-manieth call of its first gate, the model's, it is.
    """

    gates: tuple[Gate, ...]
    tokens: int
    since: float
    starts: list[Starts | None]
    number: int
    left: bool = False

    def leave(self, now: float, tokens: int | None = None) -> bool:
        """Give it back, and return whether somebody waits for it; ``tokens`` is what was used."""
        if self.left:
            return False
        self.left = True
        more = 0 if tokens is None else tokens - self.tokens
        waited_for = False
        for gate, starts in zip(self.gates, self.starts, strict=True):
            gate.leave(now - self.since)
            if more and starts is not None:
                gate.correct(starts, more)
            waited_for = waited_for or gate.waiting > 0
        return waited_for


def let_in(gates: tuple[Gate, ...], tokens: int, now: float) -> Place:
    """Let a call through all of its gates, room or not."""
    starts = [gate.enter(tokens, now) for gate in gates]
    return Place(gates, tokens, now, starts, gates[0].started)
