"""The circuit breaker: a model that keeps failing is left out for a while, then probed by one call.

Pure: the time is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

THRESHOLD = 3
COOLDOWN_S = 5.0
LONGEST_COOLDOWN_S = 30.0


@dataclass(slots=True)
class Breaker:
    """The state of one model. A failure is a whole call that gave up on the model, retries included.

    After ``THRESHOLD`` failures in a row it opens for ``COOLDOWN_S``; then one call at a time may probe the model.
    A probe that fails opens it for twice as long (at most ``LONGEST_COOLDOWN_S``); any success closes it.
    """

    failures: int = 0
    open_until: float = 0.0
    probing_until: float = 0.0

    @property
    def open(self) -> bool:
        """Whether the model is left out but for probes."""
        return self.failures >= THRESHOLD

    def ready(self, now: float) -> bool:
        """Whether a call may go to the model: it is closed, or it is time for a probe and nobody is probing."""
        return self.failures < THRESHOLD or (now >= self.open_until and now >= self.probing_until)

    def begin(self, now: float, longest_s: float) -> None:
        """Note that a call goes to the model; of an open one it is the probe, for at most ``longest_s`` seconds."""
        if self.failures >= THRESHOLD:
            self.probing_until = now + longest_s

    def succeed(self) -> None:
        """Close it: the model answered."""
        self.failures = 0
        self.open_until = self.probing_until = 0.0

    def fail(self, now: float) -> None:
        """Count a failure and open it if there were enough."""
        self.failures += 1
        self.probing_until = 0.0
        if self.failures >= THRESHOLD:
            cooldown = COOLDOWN_S * 2 ** min(self.failures - THRESHOLD, 10)
            self.open_until = now + min(LONGEST_COOLDOWN_S, cooldown)

    def give_up(self) -> None:
        """Note that a call ended without telling whether the model works: cancelled, or its own request was bad."""
        self.probing_until = 0.0
