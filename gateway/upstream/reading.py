"""One answer of HTTP/1.1, taken out of its bytes by llhttp (httptools), however they are cut. Pure.

Source: RFC 9112.
"""

from __future__ import annotations

from collections.abc import Mapping

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.upstream.unpacking import Unpacking

HEAD_BYTES = 65_536
"""The largest head, interim answers before it counted in; and trailers, or whatever else is no body, in one go."""


class Reading:
    """Reads one answer; llhttp calls it back, and holds on to it until ``_parser`` is let go of.

    Attributes:
        status, headers: Of the answer, once it is ``headed``; names in lower case.
        chunks: Of the body, as they came; whoever takes them sets ``size``, which is theirs together, to 0.
        headed: Whether the head is there.
        sized: Whether the head says where the body ends; else the connection's end is its end.
        keeps: Whether the connection may be used again, as the head says.
        ended: Whether the whole answer is there.
        surplus: Whether something came behind it, which belongs to nobody.
        unpacking: For a packed body.
    """

    __slots__ = (
        "_bare",
        "_head_size",
        "_parser",
        "chunks",
        "ended",
        "headed",
        "headers",
        "keeps",
        "size",
        "sized",
        "status",
        "surplus",
        "unpacking",
    )

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.chunks: list[bytes] = []
        self.size = 0
        self.headed = self.sized = self.keeps = self.ended = self.surplus = False
        self.unpacking: Unpacking | None = None
        self._bare = self._head_size = 0
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    @property
    def heard(self) -> bool:
        """Whether a single byte came."""
        return self.headed or self._bare > 0

    def parse(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            ValueError: They are no HTTP, or nothing that is understood here. No more can be read.
        """
        assert self._parser is not None
        size = self.size
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as exc:
            if not self.ended:
                raise _reason(exc) from None
            self.surplus = True
        self._bare = 0 if self.size > size else self._bare + len(data)
        if self._bare > HEAD_BYTES and not self.ended:
            raise _too_large()

    def on_message_begin(self) -> None:
        """An answer begins; after one that counts, nothing may come."""
        self.surplus = self.headed

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head; what follows a body is left out. Raises ValueError: there are too many."""
        if self.headed:
            return
        self._head_size += len(name) + len(value) + 4  # and what stands between and after
        if self._head_size > HEAD_BYTES:
            raise _too_large()
        key, said = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self.headers
        assert isinstance(headers, dict)
        headers[key] = f"{headers[key]}, {said}" if key in headers else said

    def on_headers_complete(self) -> None:
        """Look at the head; that of an interim answer is forgotten.

        Raises:
            ValueError: The status is none, or the body is packed in a way that is not known.
        """
        if self.headed or self._parser is None:
            return
        self.status = self._parser.get_status_code()
        if self.status < 100 or self.status == 101:  # what follows would be in another protocol
            raise ValueError(f"status {self.status} is no answer")
        headers = self.headers
        if self.status < 200:
            self.headers = {}
            return
        self.headed = True
        self.keeps = self._parser.should_keep_alive()
        coded = headers.get("transfer-encoding", "").lower()
        if coded:
            self._coded(coded)
        self.sized = "content-length" in headers or coded == "chunked" or self.status in (204, 304)
        packed = headers.get("content-encoding", "").strip().lower()
        if packed and packed != "identity":
            self.unpacking = Unpacking(packed)

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body until somebody wants it."""
        if not self.surplus:
            self.chunks.append(data)
            self.size += len(data)

    def on_message_complete(self) -> None:
        """Note the end of an answer that is not an interim one."""
        self.ended = self.headed

    def _coded(self, coded: str) -> None:
        """Look at how the body is framed. Raises ValueError: in a way that is not known."""
        assert self._parser is not None
        if coded not in ("chunked", "identity"):
            raise ValueError(f"transfer-encoding {coded!r} was not asked for and is not known")
        if self._parser.get_http_version() != "1.1":
            self.keeps = False  # HTTP/1.0 knows no chunks: something between here and there does not know them


def _reason(exc: Exception) -> ValueError:
    """Return what a callback raised, else what llhttp says."""
    return exc.__context__ if isinstance(exc.__context__, ValueError) else ValueError(str(exc))


def _too_large() -> ValueError:
    return ValueError(f"its headers are larger than {HEAD_BYTES:,} bytes")
