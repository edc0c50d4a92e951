"""Drives one run from the terminal: its events into a sink, its questions to the person, Ctrl-C into a cancel."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import FrameType

import anyio
from rich.console import Console

from engine.cli.approve import Approver
from engine.cli.failure import error_line
from engine.cli.terminal import moves_cursor, somebody_is_here
from engine.handle import RunHandle
from engine.sinks import AnswerWriter, JsonView, LineView, QuietView, Sink
from engine.sinks.live import LiveView
from schemas.errors import from_info
from schemas.events import LoggedRecord
from schemas.live import LiveEvent
from schemas.plan import Plan
from schemas.result import RunResult

CANCELLED = 130
ASKED = 11


def make_sink(*, json: bool, quiet: bool) -> Sink:
    """Return the view for these streams: stdout for the answer (or JSON), stderr for everything else."""
    if json:
        return JsonView(sys.stdout)
    answer = AnswerWriter(sys.stdout, live=sys.stdout.isatty())
    if quiet:
        return QuietView(answer)
    if moves_cursor(sys.stderr):
        return LiveView(Console(stderr=True), answer)
    return LineView(sys.stderr, answer)


async def drive(opening: AbstractAsyncContextManager[RunHandle], sink: Sink, preview: Callable[[Plan], str]) -> int:
    """Run to the end and return the exit code: 0 for an answer, 11 where the planner asks something instead.

    Cancellation: Ctrl-C once cancels the run, which then ends with a partial answer; twice ends the program at once.
    """
    async with opening as run:
        try:
            asked = await _watch(run, sink, preview)
        finally:
            sink.close()
        return exit_code_of(await run.result(), asked=asked)


async def _watch(run: RunHandle, sink: Sink, preview: Callable[[Plan], str]) -> bool:
    """Show a run to its end; return whether its answer is a question."""
    asked = False
    async with anyio.create_task_group() as group:
        approver = Approver(run, sink, Console(stderr=True), preview, here=somebody_is_here())
        group.start_soon(heed_signals, run.cancel)
        group.start_soon(approver.serve)
        async for item in run.events():
            _hand_on(item, sink, approver)
            asked = asked or (isinstance(item, LoggedRecord) and _asks(item))
        group.cancel_scope.cancel()
    return asked


def _asks(record: LoggedRecord) -> bool:
    return record.event.kind == "answer" and record.event.source in ("question", "refusal")


def _hand_on(item: LoggedRecord | LiveEvent, sink: Sink, approver: Approver) -> None:
    if not isinstance(item, LoggedRecord):
        sink.on_live(item)
        return
    sink.on_record(item)
    if item.event.kind == "approval_requested":
        approver.on_requested(item.event)
    elif item.event.kind == "approval_answered":
        approver.on_answered(item.event.approval_id)


def exit_code_of_end(records: Sequence[LoggedRecord]) -> int:
    """Return the exit code of a recorded run, 1 for one that has no end."""
    end = records[-1].event
    if end.kind != "run_ended":
        return 1
    ended = RunResult(run_id=records[-1].run_id, status=end.status, answer="", error=end.error)
    return exit_code_of(ended, asked=any(map(_asks, records)))


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


async def heed_signals(cancel: Callable[[str], Awaitable[None]]) -> None:
    """Cancel on the first signal; the next one ends the program, also while the loop is too busy to hear the first."""
    if sys.platform == "win32" or not _in_main_thread():
        return
    interrupted = False
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _leave_at_second(signal.getsignal(number)))
            async for received in signals:
                interrupted = True
                if sys.stderr.isatty():
                    print("\ncancelling; Ctrl-C again leaves at once", file=sys.stderr)
                await cancel("interrupted" if received == signal.SIGINT else "terminated")
                await anyio.sleep_forever()
    finally:
        if interrupted:  # the second signal may come while the program is already on its way out
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _leave)


def _leave_at_second(
    receive: Callable[[int, FrameType | None], object] | int | None,
) -> Callable[[int, FrameType | None], None]:
    """Return a handler that hands the first signal on and leaves at the next, which needs no event loop."""

    def handle(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, _leave)
        atexit.register(_heed_no_more)
        if callable(receive):
            receive(number, frame)

    return handle


def _heed_no_more() -> None:
    """Let nothing change the exit code while the interpreter takes itself down: it gives signals their default back."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def _in_main_thread() -> bool:
    try:
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))
    except ValueError:
        return False
    return True


def _leave(_number: int, _frame: object) -> None:
    """End the program at once: no cleanup but the cursor, which a live view may have hidden."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")
    os._exit(CANCELLED)
