"""A real HTTP server on loopback, in a thread of its own, for tests of tools that speak HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Sent:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to answer: a body in one piece or in many; ``length`` stands in place of the true Content-Length."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    length: int | None = None


@dataclass
class Server:
    """Where it listens, and what it was sent."""

    port: int
    requests: list[Sent]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


@contextmanager
def serving(answer: Callable[[Sent], Answer]) -> Generator[Server]:
    """Serve until the block ends."""
    requests: list[Sent] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its base's name
            """Say nothing."""

        def _answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size)
            sent = Sent(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            requests.append(sent)
            made = answer(sent)
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            if isinstance(made.body, bytes):
                self.send_header("Content-Length", str(len(made.body) if made.length is None else made.length))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(made.body)
                self.close_connection = True
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in made.body:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _answer  # noqa: N815 -- http.server's names

    server = _Quiet(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Server(server.server_address[1], requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
