"""Requests out of the bytes of a connection: llhttp (httptools) reads them, in size.

Source: RFC 9112 (sections 2 to 7), RFC 9110 section 7.8 (Upgrade); https://llhttp.org.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

from gateway.server.answering import Answering, Message
from schemas.errors import EngineError, RequestError, RequestHeadError

if TYPE_CHECKING:
    from gateway.server.connection import Connection

HEAD_BYTES = 64 * 1024
MOST_AHEAD = 256
"""Requests that may wait behind the one that is answered: each takes far more room than its bytes."""
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class Parsing:
    """What is read of one connection.

    No upgrade is made, and none is waited for: a head that asks for one is read as if it did not, so that its body is
    a body (Java's client asks with every first request), and never the next request.

    Args:
        connection: Is told what comes.

    Attributes:
        bare: Bytes that came since a head, or a piece of a body, was whole.
    """

    def __init__(self, connection: Connection) -> None:
        self.bare = 0
        self._connection = connection
        self._parser: Any = HttpRequestParser(self)
        # what comes behind a last request is left unread, and does not spoil its answer
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._newest: Answering | None = None
        self._moved = False
        self._refusal: EngineError | None = None

    @property
    def unfinished(self) -> Answering | None:
        """The request whose body is being read."""
        return None if self._newest is None or self._newest.whole else self._newest

    def read(self, data: bytes) -> EngineError | None:
        """Read; return what is wrong: it is no request, or a head, or what follows a body, is too large."""
        self._moved = False
        self.bare += len(data)
        try:
            while data:
                data = self._fed(data)
        except HttpParserError:
            return self._refusal or RequestError("what came is no request", hint="this port speaks HTTP/1.1")
        if self._moved:
            self.bare = 0
        return _too_large() if self.bare > HEAD_BYTES else None

    def stop(self) -> None:
        """Let go of what holds on to this."""
        self._newest = self._parser = None

    def _fed(self, data: bytes) -> bytes:
        """Read; return what is to be read next. Raises HttpParserError."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as exc:
            method = self._parser.get_method()
            if method == b"CONNECT":
                raise HttpParserError("this is no proxy") from None
            first = b"%b %b HTTP/%b\r\n" % (method, self._url, self._parser.get_http_version().encode())
            lines = [b"%b: %b\r\n" % (name, value) for name, value in self._headers if name != b"upgrade"]
            return b"%b%b\r\n%b" % (first, b"".join(lines), data[exc.args[0] :])
        return b""

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._connection.head_begins()
        self._url, self._headers, self._newest = b"", [], None

    def on_url(self, url: bytes) -> None:
        """Keep what is asked for."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head; what follows a body is left out."""
        if self._newest is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Have the request answered. Raises HttpParserError: its head is too large, or asks for no path."""
        if self._parser.should_upgrade():
            return
        self._moved = True
        if self.bare > HEAD_BYTES and len(self._url) + sum(len(n) + len(v) for n, v in self._headers) > HEAD_BYTES:
            self._refusal = _too_large()
            raise HttpParserError(self._refusal.message)
        if self._connection.ahead > MOST_AHEAD:
            raise HttpParserError("too many requests are sent ahead")
        version = self._parser.get_http_version()
        path, raw_path, query = _target(self._url)
        scope: Message = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": self._parser.get_method().decode(),
            "scheme": "http",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self._connection.client,
            "server": self._connection.server,
            "extensions": self._connection.extensions,
        }
        keeps = version == "1.1" and self._parser.should_keep_alive()
        self._newest = Answering(scope, self._connection, keeps=keeps)
        self._connection.asked(self._newest)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of a body; of a large one no more than is wanted."""
        self._moved = True
        if self._newest is not None and not self._newest.take(body):
            self._connection.pause()

    def on_message_complete(self) -> None:
        """Note that a request is whole."""
        if self._newest is not None:
            self._newest.end()
            self._connection.whole()


def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Return (path, the same as it was written, query) of what a request asks for. Raises HttpParserError: of none."""
    raw, _, query = url.partition(b"?")
    if not raw.startswith(b"/") or b"#" in url:
        parsed = parse_url(url)
        raw, query = parsed.path or b"/", parsed.query or b""
    path = raw.decode("ascii")
    return unquote(path) if "%" in path else path, raw, query


def _too_large() -> RequestHeadError:
    return RequestHeadError(f"the request's head is larger than {HEAD_BYTES:,} bytes")
