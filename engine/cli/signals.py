"""Ctrl-C and SIGTERM: once is heard, twice is obeyed."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import anyio

CANCELLED = 130
TERMINATED = 143


async def heed_signals(cancel: Callable[[str], Awaitable[None]], leave: Callable[[], None] | None = None) -> None:
    """Cancel on the first signal; the next one ends the program, also while the loop is too busy to hear the first.

    Args:
        cancel: Is told why.
        leave: What SIGTERM does instead, before the program ends at once: a machine that goes down cancels nothing.
    """
    if sys.platform == "win32" or not _in_main_thread():
        return
    interrupted = False
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _leave_at_second(signal.getsignal(number)))
            async for received in signals:
                interrupted = True
                if received == signal.SIGTERM and leave is not None:
                    leave()
                    os._exit(TERMINATED)
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
