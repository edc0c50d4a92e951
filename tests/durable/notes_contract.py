"""What every keeper of notes must do. Its test class inherits this and gives the fixture ``notes``."""

from __future__ import annotations

import pytest

from schemas.stores import Notes


async def lines(notes: Notes, kind: str, key: str | None = None, after: int = 0) -> list[tuple[str, str]]:
    """What was noted."""
    return [(note.key, note.line) for note in await notes.load(kind, key, after)]


@pytest.mark.anyio
class NotesContract:
    """Inherit as ``class TestX(NotesContract)``."""

    async def test_lines_come_back_in_order(self, notes: Notes) -> None:
        """Lines of a kind come back oldest first, all of them or one key's; kinds do not see each other."""
        await notes.add("a", [("x", "1"), ("y", "2")], keep=9)
        await notes.add("b", [("x", "no")], keep=9)
        await notes.add("a", [("x", "é😀\\u2028'%")], keep=9)
        assert await lines(notes, "a") == [("x", "1"), ("y", "2"), ("x", "é😀\\u2028'%")]
        assert await lines(notes, "a", "x") == [("x", "1"), ("x", "é😀\\u2028'%")]
        assert await lines(notes, "c") == await lines(notes, "a", "z") == []

    async def test_only_what_is_new_is_read(self, notes: Notes) -> None:
        """A reader that was there before reads on from its position."""
        await notes.add("a", [("x", "1"), ("x", "2")], keep=9)
        (first, second) = await notes.load("a")
        assert first.position < second.position
        assert await lines(notes, "a", after=second.position) == []
        await notes.add("a", [("y", "3")], keep=9)
        assert await lines(notes, "a", after=first.position) == [("x", "2"), ("y", "3")]
        assert await lines(notes, "a", "x", after=first.position) == [("x", "2")]

    async def test_a_key_keeps_its_newest_lines(self, notes: Notes) -> None:
        """What is beyond the most lines of a key goes, oldest first; other keys are left alone."""
        await notes.add("a", [("y", "0")], keep=2)
        await notes.add("a", [("x", str(number)) for number in range(5)], keep=2)
        await notes.add("b", [("y", "1"), ("y", "2")], keep=1)
        assert await lines(notes, "a") == [("y", "0"), ("x", "3"), ("x", "4")]
        assert await lines(notes, "b") == [("y", "2")]

    async def test_a_kind_keeps_its_newest_keys(self, notes: Notes) -> None:
        """What is beyond the most keys goes whole, the one that was not added to for longest first."""
        for key in ("x", "y", "x", "z"):
            await notes.add("a", [(key, "1")], keep=9, keys=2)
        assert await lines(notes, "a") == [("x", "1"), ("x", "1"), ("z", "1")]

    async def test_nothing_is_added(self, notes: Notes) -> None:
        """No lines are no write."""
        await notes.add("a", [], keep=1, keys=1)
        assert await notes.load("a") == []

    async def test_a_key_is_dropped_whole(self, notes: Notes) -> None:
        """Dropping a key removes all its lines, and nothing of other keys and kinds."""
        await notes.add("a", [("x", "1"), ("y", "2"), ("x", "3")], keep=9)
        await notes.add("b", [("x", "4")], keep=9)
        assert await notes.drop("a", "x") == 1
        assert await notes.drop("a", "x") == 0
        assert (await lines(notes, "a"), await lines(notes, "b")) == ([("y", "2")], [("x", "4")])

    async def test_what_is_old_is_dropped(self, notes: Notes) -> None:
        """Only keys that nothing was added to for so long go; without an age all of a kind do."""
        await notes.add("a", [("x", "1"), ("y", "2")], keep=9)
        await notes.add("b", [("x", "3")], keep=9)
        assert await notes.drop("a", older_s=3600) == 0
        assert await notes.drop("a") == 2
        assert (await lines(notes, "a"), await lines(notes, "b")) == ([], [("x", "3")])
