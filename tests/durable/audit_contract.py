"""What every keeper of an audit trail must do. Test classes inherit this and give the fixture ``store``."""

from __future__ import annotations

from typing import Any, cast

import pytest

from schemas.audit import AuditBook, AuditEntry, AuditQuery
from schemas.care import Retention
from schemas.errors import ConflictError
from schemas.events import Answer, CancelRequested, LoggedEvent, RunEnded, RunStarted
from schemas.stores import RunStore, StoreCare

ENDED: list[LoggedEvent] = [
    RunStarted(task="pay \ud800", mode="plan", user="ann"),
    CancelRequested(reason="no", by="bob", through="http"),
    Answer(text="x"),
    RunEnded(status="cancelled"),
]


def act(about: str = "app", **fields: Any) -> AuditEntry:
    """Return one of several acts."""
    return AuditEntry.model_validate({"at": 0.0, "what": "key", "about": about, "act": "created", **fields})


async def told(book: AuditBook, **query: Any) -> list[AuditEntry]:
    """What the trail says."""
    return [one.entry for one in await book.read(AuditQuery(**query))]


@pytest.mark.anyio
class AuditContract:
    """Inherit as ``class TestX(AuditContract)``."""

    async def test_acts_come_back_in_one_chain(self, store: RunStore) -> None:
        """Acts come back whole and in order, each with its time, place and digest; nothing is broken."""
        book = store.audit_book
        await book.add([act("é\x00\ud800'%", input={"usd": 5, "n": [None, 1e300]}), act("two", by="ann")])
        await book.add([act("three", at=5.0)])
        first, second, third = await told(book)
        assert (first.about, first.input) == ("é\x00\ud800'%", {"usd": 5, "n": [None, 1e300]})
        assert [one.seq for one in (first, second, third)] == [1, 2, 3]
        assert (first.at > 1e9, third.at) == (True, 5.0)
        assert len({first.digest, second.digest, third.digest}) == 3
        assert await book.faults() == []

    async def test_what_is_asked_for(self, store: RunStore) -> None:
        """By kind, by whom, about what, by time, beyond a place, and not all at once."""
        book = store.audit_book
        await book.add([act("a", by="ann", at=10.0), act("b", what="budget", at=20.0), act("c", at=30.0)])
        assert [one.about for one in await told(book, what=("budget",))] == ["b"]
        assert [one.about for one in await told(book, by="ann")] == ["a"]
        assert [one.about for one in await told(book, about="c")] == ["c"]
        assert [one.about for one in await told(book, since=20.0, until=30.0)] == ["b"]
        assert [one.number for one in await book.read(after=1, limit=1)] == [2]

    async def test_a_removed_run_stays_in_it(self, store: RunStore) -> None:
        """A run that is removed leaves its account, with the digests it had, who removed it, and by what."""
        await store.append("r", 0, ENDED)
        await store.delete("r", by="eve", through="terminal")
        started, cancelled, removed = await told(store.audit_book, run="r")
        assert (started.what, started.reason, started.user) == ("started", "pay \ud800", "ann")
        assert (cancelled.by, cancelled.seq) == ("bob", 2)
        assert (removed.what, removed.by, removed.through, removed.seq) == ("removed", "eve", "terminal", 4)
        assert len({started.digest, cancelled.digest, removed.digest}) == 3
        assert await store.audit_book.faults() == []

    async def test_what_is_refused_leaves_nothing(self, store: RunStore) -> None:
        """A removal that does not happen tells nothing."""
        await store.append("r", 0, ENDED[:1])
        with pytest.raises(ConflictError):
            await store.append("r", 0, ENDED)
        with pytest.raises(Exception, match="no run"):
            await store.delete("other")
        assert await told(store.audit_book) == []


@pytest.mark.anyio
class KeptAuditContract(AuditContract):
    """The same of stores that outlive the process: what goes by age, and what a tamperer does."""

    async def test_it_outlives_its_runs(self, store: RunStore) -> None:
        """Runs that are pruned leave their accounts; the beginning goes by an age of its own, and the chain holds."""
        care = cast("StoreCare", store)
        await store.append("r", 0, ENDED)
        assert (await care.prune(Retention(older_than_s=0.0))).runs == ("r",)
        await store.audit_book.add([act("old", at=10.0), act("young"), act("old, but after it", at=20.0)])
        removed = (await told(store.audit_book, run="r"))[-1]
        assert (removed.what, removed.through) == ("removed", "retention")
        await care.prune(Retention(audit_older_than_s=3_600.0))
        assert len(await told(store.audit_book)) == 6, "what is young keeps what comes after it"
        await store.audit_book.add([act("last")])
        assert (await store.audit_book.began(), await store.audit_book.faults()) == (0, [])

    async def test_the_chain_goes_on_where_it_was_cut(self, store: RunStore) -> None:
        """What is too old goes from the beginning; a dry run says how much; what is left still proves itself."""
        care, book = cast("StoreCare", store), store.audit_book
        await book.add([act("a", at=10.0), act("b", at=20.0), act("c")])
        last = (await told(book, about="c"))[0]
        keep = Retention(audit_older_than_s=3_600.0)
        for done in (await care.prune(keep, dry_run=True), await care.prune(keep)):
            assert done.audit_entries == 2
        await book.add([act("d")])
        assert [one.seq for one in await told(book)] == [3, 4]
        assert (await told(book, about="c")) == [last]
        assert (await book.began(), await book.faults(), (await care.stats()).audit_entries) == (2, [], 2)
        await care.prune(Retention(audit_older_than_s=0.0))
        await book.add([act("e")])
        assert [(one.seq, one.about) for one in await told(book)] == [(5, "e")]

    async def test_what_was_changed_or_taken_out_is_found(self, store: RunStore) -> None:
        """An entry that somebody rewrote, and one that somebody took out, are each told by a check."""
        book = store.audit_book
        await book.add([act(str(number)) for number in range(5)])
        await self.tamper(store, "UPDATE audit SET body = replace(body, 'created', 'revoked') WHERE n = 2")
        await self.tamper(store, "DELETE FROM audit WHERE n = 4")
        found = [fault.message for fault in await cast("StoreCare", store).check() if fault.code == "audit"]
        assert found[0] == "entry 2 of the audit trail is not what was written"
        assert found[1] == "entry 4 of the audit trail is missing"

    async def tamper(self, store: RunStore, sql: str) -> None:
        """Change the table behind the store's back."""
        raise NotImplementedError
