"""Blocking functions in daemon threads."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
import time

import anyio
import pytest

from engine.tools.threads import run_in_thread

pytestmark = pytest.mark.anyio
word = contextvars.ContextVar("word", default="none")


async def test_the_result_comes_back_and_context_goes_along() -> None:
    """The function sees the caller's context variables, in another thread that is a daemon."""
    word.set("set")
    seen = await run_in_thread(lambda: (word.get(), threading.current_thread().daemon))
    assert seen == ("set", True)


async def test_what_the_function_raises_is_raised() -> None:
    """An exception reaches the caller, SystemExit too, and the thread serves on."""
    for error in (KeyError("x"), SystemExit(2)):
        with pytest.raises(type(error)):
            await run_in_thread(lambda error=error: (_ for _ in ()).throw(error))
    assert await run_in_thread(lambda: 1) == 1


async def test_threads_are_used_again() -> None:
    """One call after another does with few threads: one that has just ended may not be idle yet."""
    names = {await run_in_thread(threading.get_ident) for _ in range(20)}
    assert len(names) < 10


async def test_giving_up_is_immediate_and_the_end_is_told() -> None:
    """B38: at a deadline the thread is abandoned at once, and an event tells when it has ended."""
    release, told = threading.Event(), list[anyio.Event]()
    began = time.monotonic()
    with anyio.move_on_after(0.05):
        await run_in_thread(lambda: release.wait(5), abandoned=told.append)
    assert time.monotonic() - began < 0.2
    assert not told[0].is_set()
    release.set()
    with anyio.fail_after(2):
        await told[0].wait()


def test_an_abandoned_thread_never_delays_the_exit() -> None:
    """A process ends at once though a tool still blocks."""
    code = (
        "import anyio, time; from engine.tools.threads import run_in_thread\n"
        "async def main():\n"
        "    with anyio.move_on_after(0.05): await run_in_thread(lambda: time.sleep(60))\n"
        "anyio.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=20, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_thread_that_outlives_its_event_loop_does_no_harm() -> None:
    """A later event loop gets a thread that works."""
    release = threading.Event()

    async def give_up() -> None:
        with anyio.move_on_after(0.02):
            await run_in_thread(lambda: release.wait(5))

    async def again() -> int:
        with anyio.fail_after(2):
            return await run_in_thread(lambda: 7)

    anyio.run(give_up)
    release.set()
    time.sleep(0.05)
    assert anyio.run(again) == 7
