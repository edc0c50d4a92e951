"""Waiting in line: every call goes through all of its gates at once, or holds nothing while it waits.

Who goes next is decided without waiting, and anew whenever a place comes free or a minute has room:

- Keys take turns, one call each; the calls of one key that go through the same gates go in the order they came.
- A call that only one gate keeps out closes that gate to everybody after it: nobody overtakes there, however small.
- A call that several gates keep out closes none, so that one busy model does not hold up its provider, its listener,
  or the other models of its key. So that it is not passed over for ever, the call that has waited longest, from
  ``ELDER_S`` on, is asked first and keeps what it needs where there is room (a place at once only when nothing makes
  it wait that long anyway): one place of each of its gates, of one call at a time, and no longer than until one of
  the calls in its way ends.

Because nothing is held while waiting, no two calls can wait for each other.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NoReturn

import anyio
from anyio import current_time

from gateway.limits import Ahead, Gate, Place, let_in
from gateway.retry import PATIENCE_S
from schemas.errors import ModelTimeoutError, RateLimitError

ELDER_S = 5.0
_SOON_S = 1.0


@dataclass(slots=True, eq=False)
class _Waiter:
    gates: tuple[Gate, ...]
    tokens: int
    since: float
    number: int
    turn: str
    called: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope | None = None
    latest: float = inf
    look: float = inf
    place: Place | None = None

    def due(self, look: float) -> None:
        """Set the time at which it looks again by itself."""
        self.look = look
        if self.scope is not None:
            self.scope.deadline = min(look, self.latest)


_Line = deque[_Waiter]


class Lines:
    """The calls in line. For one event loop; the time is anyio's."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, dict[tuple[Gate, ...], _Line]] = OrderedDict()
        self._all: dict[int, _Waiter] = {}
        self._called: _Line = deque()
        self._number = 0

    async def wait(
        self,
        gates: tuple[Gate, ...],
        tokens: int,
        deadline: float | None,
        *,
        turn: str = "",
        wait_s: float | None = None,
    ) -> Place:
        """Wait in line for a place.

        Args:
            gates: All it needs.
            tokens: Estimate of what the call will read and write.
            deadline: Latest time to wait until, on anyio's clock; None for no limit (but the patience of a retry).
            turn: With whom it takes turns: the key's id, or the run's.
            wait_s: Longest wait in line. None: as long as the deadline allows.

        Raises:
            RateLimitError: There is no room in time: of what is known for certain (a minute, a pause) said at once,
                else after ``wait_s``. ``details`` name the ``gate``, and ``retry_after_s`` says when there could be.
            ModelTimeoutError: The deadline came first.

        Cancellation: the place in line is given up, nothing is taken.
        """
        now = current_time()
        self._number += 1
        waiter = _Waiter(gates, tokens, now, self._number, turn)
        waiter.latest = min(inf if deadline is None else deadline, inf if wait_s is None else now + wait_s)
        self._join(waiter)
        try:
            await self._stand(waiter, inf if deadline is None else deadline)
        except BaseException:
            if waiter.place is not None:
                waiter.place.leave(current_time(), 0)
                self.serve(current_time())
            raise
        finally:
            if waiter.place is None:
                self._give_up(waiter)
            else:
                self._go(waiter)
        assert waiter.place is not None
        return waiter.place

    async def _stand(self, waiter: _Waiter, deadline: float) -> None:
        """Wait until the waiter was let in. Raises as ``wait``."""
        self.serve(current_time())
        while waiter.place is None:
            now = current_time()
            if now >= waiter.latest or (waiter.look < inf and waiter.look > _patience(waiter)):
                self._refuse(waiter, now, deadline)
            with anyio.CancelScope(deadline=min(waiter.look, waiter.latest)) as waiter.scope:
                await waiter.called.wait()
            waiter.scope = None
            if waiter.place is None:
                self.serve(current_time())

    def _refuse(self, waiter: _Waiter, now: float, deadline: float) -> NoReturn:
        waits = [(gate.expected_wait_s(waiter.tokens, now, self._ahead(waiter, gate)), gate) for gate in waiter.gates]
        wait_s, gate = max(waits, key=lambda one: one[0])
        where = gate.name if gate.kind == "model" else f"{gate.kind} {gate.name}"
        if now >= deadline:
            raise ModelTimeoutError(
                f"the line for {where} did not move on before the deadline",
                hint="raise max_parallel or the limits a minute, or the time limit",
                details={"model": waiter.gates[0].name, "gate": gate.kind},
            )
        raise RateLimitError(
            f"the limits of {where} leave no room in time",
            hint="come back later, or raise the limits",
            details={"model": waiter.gates[0].name, "gate": gate.kind, "retry_after_s": wait_s},
        )

    def _ahead(self, waiter: _Waiter, gate: Gate) -> Ahead:
        """What goes through a gate before a waiter: all before it of its own turn, and as many of every other's."""
        mine = sum(other.number < waiter.number for other in self._at(gate, waiter.turn))
        ahead = Ahead()
        for turn in self._turns:
            most = mine if turn == waiter.turn else mine + 1
            for other in list(self._at(gate, turn))[:most]:
                ahead.calls += 1
                ahead.tokens += other.tokens
        return ahead

    def _at(self, gate: Gate, turn: str) -> Iterator[_Waiter]:
        for gates, line in self._turns.get(turn, {}).items():
            if gate in gates:
                yield from line

    def _join(self, waiter: _Waiter) -> None:
        self._all[waiter.number] = waiter
        self._turns.setdefault(waiter.turn, {}).setdefault(waiter.gates, deque()).append(waiter)
        for gate in waiter.gates:
            gate.waiting += 1

    def _drop(self, waiter: _Waiter) -> None:
        del self._all[waiter.number]
        lines = self._turns[waiter.turn]
        line = lines[waiter.gates]
        line.remove(waiter)  # mostly the first
        if not line:
            del lines[waiter.gates]
            if not lines:
                del self._turns[waiter.turn]
        for gate in waiter.gates:
            gate.waiting -= 1

    def _give_up(self, waiter: _Waiter) -> None:
        self._drop(waiter)
        if any(gate.waiting for gate in waiter.gates):
            self.serve(current_time())

    def serve(self, now: float) -> None:
        """Let in everybody there is room for, in order. Cost: O(lines), times the calls let in."""
        if not self._turns:
            return
        closed: dict[Gate, _Waiter] = {}
        kept: dict[Gate, Ahead] = {}
        self._ask_elder(now, closed, kept)
        served = True
        while served:
            served = False
            for turn in list(self._turns):
                if self._serve_turn(turn, now, closed, kept):
                    served = True

    def _ask_elder(self, now: float, closed: dict[Gate, _Waiter], kept: dict[Gate, Ahead]) -> None:
        """Let the call in that has waited longest, or keep for it what it needs."""
        elder = next(iter(self._all.values()))
        if now - elder.since < ELDER_S:
            return
        waits = [gate.wait_s(elder.tokens, now) for gate in elder.gates]
        if max(waits) <= 0:
            self._let_in(elder, now)
            return
        soon = all(wait <= _SOON_S or wait == inf for wait in waits)
        for gate, wait in zip(elder.gates, waits, strict=True):
            if wait > 0:
                closed[gate] = elder
            else:
                kept[gate] = Ahead(running=soon, calls=1, tokens=elder.tokens)
        elder.due(_look(waits, now))

    def _serve_turn(self, turn: str, now: float, closed: dict[Gate, _Waiter], kept: dict[Gate, Ahead]) -> bool:
        """Let one call of a key in, which then is the last to have its next turn; False: there is room for none."""
        lines = self._turns.get(turn)
        if lines is None:
            return False
        firsts = [line[0] for line in lines.values()]
        if len(firsts) > 1:
            firsts.sort(key=lambda waiter: waiter.number)
        for waiter in firsts:
            gates = waiter.gates
            before = [closed[gate] for gate in gates if gate in closed]
            if before:
                if waiter not in before:
                    waiter.due(inf)  # whoever closed it looks
                continue
            waits = [
                gate.wait_s(waiter.tokens, now, kept[gate]) if gate in kept else gate.wait_s(waiter.tokens, now)
                for gate in gates
            ]
            shut = [gate for gate, wait in zip(gates, waits, strict=True) if wait > 0]
            if not shut:
                self._let_in(waiter, now)
                return True
            if len(shut) == 1:
                closed[shut[0]] = waiter
            waiter.due(_look(waits, now))
        return False

    def _let_in(self, waiter: _Waiter, now: float) -> None:
        waiter.place = let_in(waiter.gates, waiter.tokens, now)
        self._drop(waiter)
        self._called.append(waiter)
        if len(self._called) == 1:
            waiter.called.set()
        if waiter.turn in self._turns:
            self._turns.move_to_end(waiter.turn)

    def _go(self, waiter: _Waiter) -> None:
        """Wake the next that was let in: trio would wake them in any order, and they go in that of the line."""
        self._called.remove(waiter)
        if self._called:
            self._called[0].called.set()


def _look(waits: Sequence[float], now: float) -> float:
    """When a call may have room by itself; never, if others have to come out first: then they look."""
    return now + max(waits)


def _patience(waiter: _Waiter) -> float:
    return waiter.since + PATIENCE_S if waiter.latest == inf else waiter.latest
