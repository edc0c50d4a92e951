"""A server of bytes: what it sends need not be HTTP, and how it leaves is scripted too.

with RawServer(b"HTTP/1.1 200 OK\\r\\n…", leave="reset") as server:      # the same bytes for every request
    ...  server.url
"""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import struct
import threading
from typing import Literal

_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
Leave = Literal["close", "reset", "stay"]


class RawServer:
    """One connection at a time; reads a request, sends its bytes, and leaves.

    Args:
        sent: All that it says.
        leave: Whether the connection is then closed, reset, or kept until the client leaves.

    Attributes:
        sent, leave: As above; they may be changed between requests.
    """

    def __init__(self, sent: bytes = b"", leave: Leave = "close") -> None:
        self.sent = sent
        self.leave: Leave = leave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Base URL without a path."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                _read_request(connection)
                connection.sendall(self.sent)
                if self.leave == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif self.leave == "stay":
                    connection.recv(1)


def _read_request(connection: socket.socket) -> None:
    taken = b""
    while b"\r\n\r\n" not in taken:
        taken += connection.recv(65_536)
    head, _, body = taken.partition(b"\r\n\r\n")
    length = int(found[1]) if (found := _LENGTH.search(head)) else 0
    while len(body) < length:
        body += connection.recv(65_536)


def answer(
    body: bytes,
    content_type: str = "application/json",
    *,
    status: str = "200 OK",
    length: int | None = None,
    **more: str,
) -> bytes:
    """Return an HTTP answer; a wrong ``length`` may be told, and further headers given."""
    told = len(body) if length is None else length
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
    head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {told}\r\n{extra}\r\n"
    return head.encode() + body


def chunked(*chunks: bytes, content_type: str = "text/event-stream", end: bool = True) -> bytes:
    """Return an answer in chunks; without its ``end`` it breaks off."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + (b"0\r\n\r\n" if end else b"")


def packed(body: bytes, content_type: str = "application/json", *, spoil: bool = False, cut: int = 0) -> bytes:
    """Return a gzip answer, with a byte spoilt or some cut off its end."""
    data = bytearray(gzip.compress(body))
    if spoil:
        data[12:16] = b"\xff\xff\xff\xff"
    return answer(bytes(data[: len(data) - cut]), content_type, content_encoding="gzip")
