"""Drives one run from the terminal: its events into a sink, its questions to the person, Ctrl-C into a cancel."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

import anyio
from rich.console import Console

from engine.api import Engine
from engine.cli.approve import Approver, commands_for
from engine.cli.failure import error_line
from engine.cli.preview import preview
from engine.cli.signals import CANCELLED, heed_signals
from engine.cli.storage import Place
from engine.cli.terminal import moves_cursor, somebody_is_here
from engine.driven import DrivenRun
from engine.sinks import AnswerWriter, JsonView, LineView, QuietView, Sink
from engine.sinks.live import LiveView
from engine.sinks.sentences import asked_text, parked_text
from engine.sinks.words import one_line, shortened
from schemas.driving import RunParked
from schemas.errors import RunParkedError, from_info
from schemas.events import ApprovalRequested, LoggedRecord
from schemas.plan import Plan
from schemas.result import RunResult
from schemas.stores import RunStore

ASKED = 11
LONGEST_QUESTION = 120


def make_sink(*, json: bool, quiet: bool, past: bool = False) -> Sink:
    """Return the view for these streams: stdout for the answer (or JSON), stderr for everything else.

    ``past``: what is shown happened before, and its time is told by its events.
    """
    if json:
        return JsonView(sys.stdout)
    answer = AnswerWriter(sys.stdout, live=sys.stdout.isatty())
    if quiet:
        return QuietView(answer)
    if moves_cursor(sys.stderr):
        return LiveView(Console(stderr=True), answer, past=past)
    return LineView(sys.stderr, answer)


@dataclass(frozen=True, slots=True)
class Seat:
    """From where a run is driven: the engine, and where the run lives.

    Attributes:
        engine: Drives it.
        store: Where it lives.
        place: Where that is.
        json, quiet: How it is shown.
    """

    engine: Engine
    store: RunStore
    place: Place
    json: bool = False
    quiet: bool = False

    @property
    def parks(self) -> bool:
        """Whether a run that waits for a person is let go: nobody is here to answer, and it can be gone on with."""
        return self.place.durable and not somebody_is_here()

    def preview(self, plan: Plan) -> str:
        """Return a plan as a person decides on it."""
        return preview(plan, self.engine.tools.specs(), self.engine.estimate(plan))


async def drive(seat: Seat, opening: AbstractAsyncContextManager[DrivenRun], *, known: int = 0) -> int:
    """Drive a run to its end and return the exit code: 0 for an answer, 11 for a question back, 12 for a parked run.

    A run that is parked until a time is waited for, and gone on with.

    Args:
        seat: From where.
        opening: Begins or claims it.
        known: Events that it had before; views count them and write nothing about them.

    Cancellation: Ctrl-C once cancels the run, which then ends with a partial answer; twice ends the program at once.
    SIGTERM leaves a run that outlives this process as it is, to be resumed; any other is cancelled.
    """
    sink = make_sink(json=seat.json, quiet=seat.quiet)
    try:
        while True:
            async with opening as run:
                asked = await _watch(seat, run, sink, known)
                parked = run.parked
                result = await run.result() if parked is None else None
            if parked is None or parked.until is None or parked.reason == "approval":
                break
            known = await _waited(seat, run, sink, parked.until)
            opening = seat.engine.resume(run.run_id, park=seat.parks)
    finally:
        sink.close()
    if result is not None:
        return exit_code_of(result, asked=asked)
    pending = await run.pending()
    print(parked_line(run.run_id, parked or RunParked(reason="approval"), pending, seat.place.flags), file=sys.stderr)
    return RunParkedError.exit_code


async def _watch(seat: Seat, run: DrivenRun, sink: Sink, known: int) -> bool:
    """Show a run to its end; return whether its answer is a question."""
    asked = False
    async with anyio.create_task_group() as group:
        here = somebody_is_here()
        approver = Approver(run, sink, Console(stderr=True), seat.preview, here=here, parks=seat.parks)
        group.start_soon(heed_signals, run.cancel, _leaver(seat, run.run_id, sink))
        group.start_soon(approver.serve)
        async with aclosing(run.events(0 if known else None)) as items:
            async for item in items:
                if isinstance(item, LoggedRecord) and item.seq <= known:
                    sink.recall(item)
                    approver.recall(item)
                elif isinstance(item, LoggedRecord):
                    sink.on_record(item)
                    approver.on_record(item)
                    asked = asked or asks(item)
                else:
                    sink.on_live(item)
        group.cancel_scope.cancel()
    return asked


async def _waited(seat: Seat, run: DrivenRun, sink: Sink, until: float) -> int:
    """Wait until a run is due, or cancelled here; return how many events it then has."""
    due = anyio.Event()

    async def cancel(reason: str) -> None:
        await run.cancel(reason)
        due.set()

    async with anyio.create_task_group() as group:
        group.start_soon(heed_signals, cancel, _leaver(seat, run.run_id, sink))
        with anyio.move_on_after(max(0.0, until - await seat.store.now())):
            await due.wait()
        group.cancel_scope.cancel()
    return (await seat.store.summary(run.run_id)).head


def _leaver(seat: Seat, run_id: str, sink: Sink) -> Callable[[], None] | None:
    """Return what leaves a run as it is; None where it would be lost."""
    if not seat.place.durable:
        return None

    def leave() -> None:
        sink.close()
        print(f"left as it is; engine runs resume {run_id}{seat.place.flags} goes on", file=sys.stderr, flush=True)

    return leave


def parked_line(run_id: str, parked: RunParked, pending: Sequence[ApprovalRequested], flags: str = "") -> str:
    """Return what a parked run waits for, and the command that answers it.

    Of a step in doubt the command that lists the answers: none of them is the usual one.
    """
    if not pending:
        return one_line(f"run {run_id} is {parked_text(parked)}; engine runs resume {run_id}{flags} goes on")
    first, *more = pending
    told = f"run {run_id} is parked: {shortened(asked_text(first), LONGEST_QUESTION)}"
    rest = f" ({len(more)} more: engine runs show {run_id}{flags})" if more else ""
    how = (
        f"engine runs show {run_id}{flags} has the answers"
        if first.subject == "in_doubt"
        else (f"to answer: {commands_for(first, run_id, flags)[0]}")
    )
    return f"{told}; {how}{rest}"


def asks(record: LoggedRecord) -> bool:
    """Whether an answer is a question back, or a refusal: nothing was answered."""
    return record.event.kind == "answer" and record.event.source in ("question", "refusal")


def exit_code_of_end(records: Sequence[LoggedRecord]) -> int:
    """Return the exit code of a recorded run, 1 for one that has no end."""
    end = records[-1].event
    if end.kind != "run_ended":
        return 1
    ended = RunResult(run_id=records[-1].run_id, status=end.status, answer="", error=end.error)
    return exit_code_of(ended, asked=any(map(asks, records)))


def exit_code_of(result: RunResult, *, asked: bool = False) -> int:
    """Return the exit code of a run that ended, and say on stderr why it failed.

    Args:
        result: How it ended.
        asked: Whether its answer is the planner's question: nothing was answered, and a script must know.
    """
    if result.status == "completed":
        return ASKED if asked else 0
    if result.status == "cancelled":
        return CANCELLED
    if result.error is None:
        print(error_line("the run failed"), file=sys.stderr)
        return 1
    error = from_info(result.error)
    print(error_line(error.message, error.hint), file=sys.stderr)
    return error.exit_code
