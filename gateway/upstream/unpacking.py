"""Bodies that a server packed although it was not asked to.

Source: RFC 9110 section 8.4.1; RFC 1950 to 1952.
"""

from __future__ import annotations

import zlib
from typing import Any

_MOST_AT_ONCE = 2**20
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
        self._left = b""

    def feed(self, data: bytes) -> None:
        """Take packed bytes."""
        self._left += data

    def take(self) -> bytes:
        """Return what comes next; nothing if more bytes are needed for that.

        Raises:
            ValueError: The bytes can't be unpacked.
        """
        while self._left:
            stream = self._stream
            if stream is None:
                stream = self._stream = zlib.decompressobj(self._window())
            try:
                data = stream.decompress(self._left, _MOST_AT_ONCE)
            except zlib.error:
                raise ValueError("its encoding is broken") from None
            self._left = stream.unconsumed_tail
            if stream.eof:
                self._left, self._stream = stream.unused_data, None  # a gzip file may follow another
            if data:
                return data
        return b""

    def _window(self) -> int:
        if not self._deflated:
            return _GZIP
        return _ZLIB if self._left[0] & 0x0F == 8 else _RAW  # some servers leave zlib's frame out
