"""A scripted HTTP server on 127.0.0.1 for driving the real SDKs, down to single bytes.

with WireServer([Reply(body=b"{}")]) as server:      # one reply a request, in order
    ...  server.url, server.requests

with WireServer(lambda request, path: say(request, path, "hello")) as server:
    ...                                              # a reply worked out from each request (see replies.py)
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_TICK_S = 0.01


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gets back.

    Attributes:
        body: All of it; ``split`` and ``drop_after`` say how it goes out.
        split: Bytes a write; 0 sends all at once.
        pause_s: Seconds between writes.
        delay_s: Seconds before the status line.
        drop_after: The connection is cut after this many bytes of the body.
        hold: After the body the reply stays unfinished until the client leaves.
        reset: The connection is reset before a single byte.
    """

    body: bytes = b""
    status: int = 200
    content_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    split: int = 0
    pause_s: float = 0.0
    delay_s: float = 0.0
    drop_after: int | None = None
    hold: bool = False
    reset: bool = False

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it is written."""
        body = self.body if self.drop_after is None else self.body[: self.drop_after]
        size = self.split or max(1, len(body))
        for start in range(0, len(body), size):
            yield body[start : start + size]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came; header names in lower case."""

    path: str
    json: dict[str, Any]
    headers: Mapping[str, str]


Script = Callable[[dict[str, Any], str], Reply]


class WireServer:
    """The server; its thread and connections end with the ``with`` block.

    Args:
        script: Replies in the order of the requests, or a function of (request body, path). A request too many is
            answered with status 500.
    """

    def __init__(self, script: Sequence[Reply] | Script) -> None:
        self._replies = None if callable(script) else iter(script)
        self._script = script if callable(script) else self._in_order
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.wire = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_TICK_S,), daemon=True)
        self.requests: list[Recorded] = []
        self.left_at: list[float] = []
        self.connections = 0
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """Base URL without a path; OpenAI's format lives under ``/v1`` of it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> WireServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_left(self, timeout_s: float = 2.0) -> float | None:
        """Return when (``time.monotonic``) a client first left an unfinished reply, or None if none did."""
        until = time.monotonic() + timeout_s
        while not self.left_at and time.monotonic() < until:
            time.sleep(_TICK_S)
        return self.left_at[0] if self.left_at else None

    def take(self, request: Recorded) -> Reply:
        """Record a request and return its reply."""
        with self._lock:
            self.requests.append(request)
            return self._script(request.json, request.path)

    def _in_order(self, request: dict[str, Any], path: str) -> Reply:
        assert self._replies is not None
        return next(self._replies, Reply(b'{"error": {"message": "no reply is left in the script"}}', status=500))


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    wire: WireServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is part of the script, not an error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.wire.connections += 1
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self) -> None:
        """Serve requests until the client leaves or the server stops."""
        self.close_connection = False
        while not self.close_connection and self._readable():
            self.handle_one_request()

    def do_POST(self) -> None:
        """Answer as scripted."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parsed = json.loads(body) if body else {}
        reply = self.server.wire.take(
            Recorded(self.path, parsed, {name.lower(): value for name, value in self.headers.items()})
        )
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif self._waits(reply.delay_s):
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        unfinished = reply.drop_after is not None or reply.hold
        try:
            self.send_response(reply.status)
            if reply.content_type is not None:
                self.send_header("content-type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in reply.pieces():
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                if reply.pause_s and not self._waits(reply.pause_s):
                    return
            if reply.hold:
                self._waits(3600)
            if not unfinished:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self._left()
        self.close_connection = self.close_connection or unfinished

    def _waits(self, seconds: float) -> bool:
        """Wait, and return whether the client is still there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.server.wire.stopping.is_set():
            if select.select([self.connection], [], [], _TICK_S)[0]:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    self._left()
                    return False
                time.sleep(_TICK_S)
        return not self.server.wire.stopping.is_set()

    def _left(self) -> None:
        self.server.wire.left_at.append(time.monotonic())
        self.close_connection = True

    def _readable(self) -> bool:
        """Wait for the next request of a kept connection."""
        while not self.server.wire.stopping.is_set():
            try:
                if select.select([self.connection], [], [], _TICK_S)[0]:
                    return bool(self.connection.recv(1, socket.MSG_PEEK))
            except OSError:
                return False
        return False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is the base class's
        """Say nothing."""
