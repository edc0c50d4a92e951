"""Characters that a server cut in two: a surrogate pair whose halves stand in two events of a stream.

Some servers write each token as escaped UTF-16 and end an event between the halves of an emoji. Strict JSON readers
refuse that; here the halves meet again, and one that stays alone becomes U+FFFD.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    rb"\\\\|\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})(?P<pair>\\u[dD][c-fC-F][0-9a-fA-F]{2})?(?P<end>\"?)"
    rb"|\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
)
_LOST = rb"\ufffd"


class Halves:
    """Joins them over the events of one stream."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def joined(self, data: bytes) -> bytes:
        r"""Return an event's JSON with whole characters only; the first half at the end of a string is held back.

        >>> halves = Halves()
        >>> halves.joined(rb'{"text": "a\ud83d"}'), halves.joined(rb'{"text": "\ude00b"}')
        (b'{"text": "a"}', b'{"text": "\\ud83d\\ude00b"}')
        """
        if rb"\ud" not in data and rb"\uD" not in data:
            return data
        return _TOKEN.sub(self._whole, data)

    def _whole(self, match: re.Match[bytes]) -> bytes:
        if match["low"]:
            held, self._held = self._held, b""
            return held + match[0] if held else _LOST
        if not match["high"] or match["pair"]:
            return match[0]
        if not match["end"]:
            return _LOST
        self._held = rb"\u" + match["high"]
        return match["end"]
