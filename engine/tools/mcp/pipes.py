"""The pipes to a server's process: one JSON-RPC message a line each way, and an end that leaves no process behind.

The SDK has such a transport; this one differs where a plan depends on it: reading costs O(bytes) also for a message of
many megabytes, what is no message is noted and skipped, stderr goes to the log and its last words into the reason of a
failure, and processes that the server leaves behind are ended with it.

Source: the order of the shutdown (close stdin, wait, terminate, kill) is that of the MCP specification, 2025-11-25,
Lifecycle, Shutdown, stdio.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any

import anyio
import structlog
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage

from engine.tools.mcp.base import Launch
from schemas.errors import ToolUnavailableError

MAX_MESSAGE_BYTES = 160 * 1024 * 1024
"""Longest message; more than the largest result a run may keep, and an end to a server that never stops."""

_FLUSH_S = 0.5
_LEAVE_S = 2.0
_TERMINATE_S = 1.0
_EXIT_CODE_S = 0.3
_GONE = (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)
_LINE_CHARS = 1000
_TAIL = 20
_MOST_NOTED = 5

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


class Pipes:
    """A server's process with its pipes (``open`` is a transport for the SDK's client).

    Attributes:
        closed: Set when the server is gone or has closed its output.
    """

    def __init__(self, launch: Launch) -> None:
        self.closed = anyio.Event()
        self._launch = launch
        self._log = structlog.get_logger("engine.mcp").bind(server=launch.name)
        self._stderr: deque[str] = deque(maxlen=_TAIL)
        self._reason = ""
        self._noted = 0
        self._noise = ""

    @property
    def reason(self) -> str:
        """Why there is no connection, on one line; what the server said last, where that is all there is to say."""
        return self._with_words(self._reason or "it is gone")

    def silence(self, seconds: float) -> str:
        """Say that it did not answer, on one line."""
        return self._with_words(f"it did not answer within {seconds:g} s")

    def calling(self) -> AbstractContextManager[None]:
        """Count a call: here nothing depends on it."""
        return nullcontext()

    def broke_off(self) -> str:
        """Say that the answer to a call broke off."""
        return self.reason

    def _with_words(self, reason: str) -> str:
        if self._stderr:
            return f"{reason}: {telling(self._stderr)}"
        return f"{reason}; it wrote what is no MCP message: {self._noise}" if self._noise else reason

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Streams]:
        """Start the process and hand out its messages; leaving ends it with all it has started.

        Cancellation: the process is ended all the same, within about 3.5 s if it resists.

        Raises:
            ToolUnavailableError: It cannot be started.
        """
        process = await self._start()
        incoming, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        sent, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        written = anyio.Event()
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        async with anyio.create_task_group() as group:
            group.start_soon(self._receive, process, process.stdout, incoming)
            group.start_soon(self._send, process.stdin, outgoing, written)
            group.start_soon(_read_lines, process.stderr, self._heard)
            try:
                yield received, sent
            finally:
                with anyio.CancelScope(shield=True):
                    received.close()
                    sent.close()
                    with anyio.move_on_after(_FLUSH_S):
                        await written.wait()
                    await _end(process)
                    for stream in (incoming, outgoing):
                        stream.close()
                group.cancel_scope.cancel()

    async def _start(self) -> Process:
        launch = self._launch
        try:
            return await anyio.open_process(
                launch.command, env=dict(launch.env), cwd=launch.cwd, start_new_session=True
            )
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise ToolUnavailableError(f"'{launch.command[0]}' cannot be started: {why}") from exc

    async def _receive(
        self, process: Process, stdout: ByteReceiveStream, to: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        async with to:
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                await _read_lines(stdout, lambda line: self._deliver(line, to))
            self._reason = self._reason or await _exit_reason(process)
            self.closed.set()

    async def _deliver(self, line: bytes | None, to: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        if line is None:
            self._reason = f"it sent a message of more than {MAX_MESSAGE_BYTES // 1024 // 1024} MB"
            raise anyio.ClosedResourceError
        if not line.strip():
            return
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self._note(line)
            return
        await to.send(SessionMessage(message))

    def _note(self, line: bytes) -> None:
        """Remember and log what a server wrote to stdout that is no message; a chatty one is not logged for ever."""
        self._noted += 1
        self._noise = self._noise or _printable(line)[:200]
        if self._noted <= _MOST_NOTED:
            self._log.info("an MCP server wrote what is no message to its stdout", line=_printable(line))

    async def _heard(self, line: bytes | None) -> None:
        text = _printable(line or b"")
        if text:
            self._stderr.append(text)
            self._log.info(text)

    async def _send(
        self, stdin: ByteSendStream, messages: MemoryObjectReceiveStream[SessionMessage], written: anyio.Event
    ) -> None:
        try:
            async with messages:
                async for item in messages:
                    text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                    await stdin.send(text.encode("utf-8", "replace") + b"\n")
        except _GONE:
            self._reason = self._reason or "it no longer reads what it is sent"
            self.closed.set()
        finally:
            written.set()


async def _read_lines(stream: ByteReceiveStream, take: Callable[[bytes | None], Any]) -> None:
    """Hand on each line, and None for one that is too long (what follows of it is dropped)."""
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            chunk = await stream.receive()
        except _GONE:
            if parts:
                await take(b"".join(parts))
            return
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            await take(b"".join((*parts, piece)) if size <= MAX_MESSAGE_BYTES else None)
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > MAX_MESSAGE_BYTES and parts:
            await take(None)
            parts = []


async def _exit_reason(process: Process) -> str:
    """Say how a process whose output has ended went."""
    if not await _within(_EXIT_CODE_S, lambda: process.returncode is not None):
        return "it closed its output"
    code = process.returncode or 0
    if code >= 0:
        return f"it ended with exit code {code}"
    with suppress(ValueError):
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it was ended by signal {-code}"


async def _end(process: Process) -> None:
    """Close its stdin and let it go; terminate, then kill, what is left of it and of what it started."""
    if process.stdin is not None:
        with suppress(*_GONE):
            await process.stdin.aclose()
    await _within(_LEAVE_S, lambda: process.returncode is not None)
    _signal(process, "SIGTERM")
    if not await _within(_TERMINATE_S, lambda: not _alive(process)):
        _signal(process, "SIGKILL")
        await _within(_TERMINATE_S, lambda: not _alive(process))
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            with suppress(*_GONE):
                await stream.aclose()
    # A process that fled its group may hold a pipe for ever; asyncio then never closes its own end of it, and anyio
    # offers no way to say so. On trio there is nothing to close.
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:
        with suppress(PermissionError):
            transport.close()


def _signal(process: Process, name: str) -> None:
    """Signal the server's process group: it began a session of its own, so the group's id is its own."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(process.pid, getattr(signal, name))
        elif process.returncode is None:
            process.kill()


def _alive(process: Process) -> bool:
    """Whether anything of the process group is left."""
    gone = process.returncode is not None  # reading it also reaps the process
    if sys.platform == "win32":
        return not gone
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return not gone
    return True


async def _within(seconds: float, done: Callable[[], bool]) -> bool:
    """Wait for a condition nobody announces; tell whether it came true in time."""
    pause = 0.005
    with anyio.move_on_after(seconds):
        while not done():
            await anyio.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True
    return done()


def telling(lines: Iterable[str]) -> str:
    """Return the last of a server's words that says what is wrong: no advice of its launcher's.

    >>> telling(["error: no such package", "hint: look it up"])
    'error: no such package'
    """
    words = [*lines]
    said = [line for line in words if not line.lower().startswith(("hint:", "note:", "help:"))]
    return (said or words)[-1]


def _printable(line: bytes) -> str:
    text = "".join(char if char.isprintable() else " " for char in line[:_LINE_CHARS].decode("utf-8", "replace"))
    return " ".join(text.split())
