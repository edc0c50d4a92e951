"""Bodies that a server packed although it was not asked to.

Source: RFC 9110 section 8.4.1; RFC 1950 to 1952.
"""

from __future__ import annotations

import zlib
from typing import Any

_MOST_AT_ONCE = 2**20
_PIECE = 16_384  # zlib copies what it leaves of a piece: of a large one, with little at a time taken, again and again
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unpacking:
    """Unpacks one body, at most a mebibyte at a time: a small body may hold a very large one.

    Args:
        coding: The value of ``Content-Encoding``.

    Raises:
        ValueError: It is none that is known here.
    """

    def __init__(self, coding: str) -> None:
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(f"content-encoding {coding!r} was not asked for and is not known")
        self._deflated = coding == "deflate"
        self._stream: Any = None
        self._packed = b""
        self._at = 0
        self._more = False

    def feed(self, data: bytes) -> None:
        """Take packed bytes, once ``take`` has nothing more."""
        self._packed, self._at = data, 0

    def take(self) -> bytes:
        """Return what comes next; nothing if more bytes are needed for that.

        Raises:
            ValueError: The bytes can't be unpacked.
        """
        while self._more or self._at < len(self._packed):
            piece = self._packed[self._at : self._at + _PIECE]
            stream = self._stream
            if stream is None:
                stream = self._stream = zlib.decompressobj(self._window(piece))
            try:
                data = stream.decompress(piece, _MOST_AT_ONCE)
            except zlib.error:
                raise ValueError("its encoding is broken") from None
            self._at += len(piece) - len(stream.unconsumed_tail) - len(stream.unused_data)
            self._more = len(data) == _MOST_AT_ONCE and not stream.eof  # it may hold on to what had no room
            if stream.eof:
                self._stream = None  # a gzip file may follow another
            if data:
                return data
        return b""

    def end(self) -> None:
        """Note that there are no more bytes.

        Raises:
            ValueError: There should be.
        """
        if self._stream is not None:
            raise ValueError("its encoding breaks off")

    def _window(self, piece: bytes) -> int:
        if not self._deflated:
            return _GZIP
        return _ZLIB if piece[0] & 0x0F == 8 else _RAW  # some servers leave zlib's frame out
