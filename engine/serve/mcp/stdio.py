"""The server over stdin and stdout, for a client that starts it: nothing but MCP's messages is written there.

The SDK has such a transport; its reader is a thread that only the next line ends, so that a server which is told to
stop by a signal would hang. Here the thread is left behind, and tools that print write to standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from threading import Thread
from typing import TextIO

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage

from engine.api import Engine
from engine.serve.drives import Drives
from engine.serve.mcp.server import make_server
from engine.serve.mcp.watch import Runs
from engine.tools.stdout import guard_stdout

MAX_LINE_BYTES = 16 * 1024 * 1024
_CHUNK = 65_536

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


async def serve_stdio(engine: Engine, *, most: int, drives: bool, grace_s: float) -> None:
    """Serve an engine until its client closes stdin, or until SIGTERM or SIGINT; runs under way are then let go.

    Args:
        engine: Entered by the caller, who also leaves it.
        most: Runs driven at once.
        drives: Whether runs are driven in this process.
        grace_s: How long they may go on when it stops.
    """
    driving = Drives(engine, most=most, drives=drives)
    server = make_server(Runs(driving))
    with guard_stdout() as out:
        async with driving.going(grace_s), anyio.create_task_group() as group:
            group.start_soon(_stopped, group.cancel_scope)
            await _speak(server, out)
            group.cancel_scope.cancel()


async def _speak(server: Server, out: TextIO) -> None:
    async with _streams(out) as (received, sent):
        await server.run(received, sent, server.create_initialization_options())


async def _stopped(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


@asynccontextmanager
async def _streams(out: TextIO) -> AsyncGenerator[Streams]:
    """Hand out the client's messages, and take those to it; a line that is no message is handed on as its error."""
    incoming, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    sent, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        lines, heard = anyio.create_memory_object_stream[bytes](100)
        group.start_soon(_receive, heard, incoming)
        group.start_soon(_send, outgoing, out)
        _Reader(lines).start()
        try:
            yield received, sent
        finally:
            sent.close()
            received.close()
            group.cancel_scope.cancel()


class _Reader(Thread):
    """Reads lines from stdin for as long as the process lives; nobody waits for it."""

    def __init__(self, lines: MemoryObjectSendStream[bytes]) -> None:
        super().__init__(name="mcp stdin", daemon=True)
        self._lines = lines
        self._token = anyio.lowlevel.current_token()
        self._fd = os.dup(sys.stdin.fileno())

    def run(self) -> None:
        """Read until the end."""
        rest = b""
        try:
            while chunk := os.read(self._fd, _CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    self._hand_on(line)
                if len(rest) > MAX_LINE_BYTES:
                    break
            if rest:
                self._hand_on(rest)
            anyio.from_thread.run_sync(self._lines.close, token=self._token)
        except (OSError, RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return  # the event loop is gone: nobody listens any more

    def _hand_on(self, line: bytes) -> None:
        if line.strip():
            anyio.from_thread.run(self._lines.send, line, token=self._token)


async def _receive(
    heard: MemoryObjectReceiveStream[bytes], to: MemoryObjectSendStream[SessionMessage | Exception]
) -> None:
    async with to, heard:
        async for line in heard:
            try:
                await to.send(SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False)))
            except ValueError as exc:
                await to.send(exc)


async def _send(messages: MemoryObjectReceiveStream[SessionMessage], out: TextIO) -> None:
    async with messages:
        async for item in messages:
            text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            await anyio.to_thread.run_sync(_write, out, text)


def _write(out: TextIO, text: str) -> None:
    out.write(text + "\n")
    out.flush()
