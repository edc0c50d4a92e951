"""The texts of one answer on their way through the filters on text, each text by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from gateway.filters.base import Blocked, Encoding, Kind, Scanner
from gateway.filters.formats.base import Channel
from gateway.filters.formats.slots import Slot
from gateway.filters.jsonstrings import JsonStrings
from gateway.filters.member import Member


class Row:
    """The scanners of one text, one behind the other (implements ``Scanner``).

    Args:
        row: Each with the filter it belongs to. One that fails is left out from then on, where that is allowed.
    """

    def __init__(self, row: list[tuple[Member, Scanner]]) -> None:
        self._row = row

    @property
    def held(self) -> str:
        """What is taken in and not given on, as far as one filter holds it."""
        return "".join(scanner.held for _, scanner in self._row)

    def feed(self, text: str) -> str:
        """Return what can be given on. Raises FilterBlockedError, FilterFailedError."""
        for place in tuple(self._row):
            if not text:
                break
            text = self._step(place, text, over=False)
        return text

    def finish(self) -> str:
        """Return what was held back. Raises as ``feed``."""
        text = ""
        for place in tuple(self._row):
            text = self._step(place, text, over=True)
        return text

    def _step(self, place: tuple[Member, Scanner], text: str, *, over: bool) -> str:
        member, scanner = place
        began = perf_counter()
        try:
            given = scanner.feed(text) if text else ""
            return given + scanner.finish() if over else given
        except Blocked as exc:
            raise member.blocked("output", exc.block) from None
        except Exception as exc:
            member.failed("output", exc)
            self._row.remove(place)
            return scanner.held
        finally:
            member.took("output", began)


class Texts:
    """What the texts of one answer go through (implements ``gateway.filters.formats.base.Scan``).

    Args:
        members: The filters, in the order in which they see answers.

    Attributes:
        changed: Whether any text was changed, or held back, since this was last set to False.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._open: dict[Channel, Scanner | None] = {}
        self.changed = False

    @property
    def channels(self) -> list[Channel]:
        """The texts that have begun and not ended, oldest first."""
        return list(self._open)

    def grow(self, channel: Channel, kind: Kind, encoding: Encoding, text: str, *, fixed: bool = False) -> str:
        """Take more of a text in and return what may be sent of it now. Raises as ``Row.feed``."""
        if channel not in self._open:
            self._open[channel] = self._scanner(kind, encoding, fixed)
        scanner = self._open[channel]
        if scanner is None:
            return text
        new = scanner.feed(text)
        self.changed = self.changed or new != text
        return new

    def finish(self, channel: Channel) -> str:
        """End a text and return what was held back of it. Raises as ``Row.feed``."""
        scanner = self._open.pop(channel, None)
        return "" if scanner is None else scanner.finish()

    def whole(self, slots: Iterator[Slot]) -> None:
        """Rewrite whole texts in their places. Raises as ``Row.feed``."""
        for slot in slots:
            text = slot.text
            scanner = self._scanner(slot.kind, slot.encoding, slot.fixed) if text else None
            if scanner is None:
                continue
            new = scanner.feed(text) + scanner.finish()
            if new != text:
                slot.put(new)
                self.changed = True

    def reset(self) -> None:
        """Forget the texts that have begun: the answer begins anew."""
        self._open.clear()

    def _scanner(self, kind: Kind, encoding: Encoding, fixed: bool) -> Scanner | None:
        row = self._row(kind, encoding, fixed)
        if not row:
            return None
        return JsonStrings(lambda: Row(self._row(kind, encoding, fixed))) if encoding == "json" else Row(row)

    def _row(self, kind: Kind, encoding: Encoding, fixed: bool) -> list[tuple[Member, Scanner]]:
        made = (
            (member, member.session.scanner(kind, encoding, fixed))
            for member in self._members
            if member.session is not None
        )
        return [(member, scanner) for member, scanner in made if scanner is not None]
