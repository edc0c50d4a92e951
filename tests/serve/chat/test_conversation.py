"""What is remembered of conversations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.durable.notes import MemoryNotes
from engine.serve.chat.conversation import Conversations, Ids, digest, ids_of
from engine.serve.chat.intent import Thread

pytestmark = pytest.mark.anyio
HERE = Thread("clerk", "ann", "c1", said=(("user", "hi"),))


def kept(ttl_s: float = 60.0) -> Conversations:
    return Conversations(MemoryNotes(), "clerk", ttl_s)


@pytest.mark.parametrize(
    ("headers", "body", "ids"),
    [
        ({"x-engine-conversation": "c1"}, {"metadata": {"chat_id": "no"}}, Ids("c1")),
        ({"x-openwebui-chat-id": "c1"}, {}, Ids("c1", whole=True)),
        ({}, {"metadata": {"conversation_id": "c1"}}, Ids("c1")),
        ({}, {"chat_id": "c1"}, Ids("c1")),
        ({"x-engine-conversation": "a/b/c"}, {}, Ids("a/b/c", "a/b")),
        ({"x-engine-conversation": "c2", "x-engine-parent-conversation": "c1"}, {}, Ids("c2", "c1")),
        ({"x-engine-conversation": " "}, {"metadata": {"chat_id": True}}, Ids()),
    ],
)
async def test_ids(headers: dict[str, str], body: dict[str, object], ids: Ids) -> None:
    """A conversation is named by a header or a field of the body; a branch by its path or its parent."""
    assert ids_of(headers, body) == ids


async def test_turns_and_the_run_come_back() -> None:
    """What was said, replied and begun is known again, to the same user only."""
    store = kept()
    await store.begun(HERE, "r1")
    await store.spoken(HERE, "hello", "r1", waits=False)
    known = await store.recall("ann", "c1")
    assert (known.turns, known.run_id, known.begun_by) == ((("user", "hi"), ("assistant", "hello")), "r1", "hi")
    assert not (await store.recall("ben", "c1")).known


async def test_a_message_whose_reply_was_lost_is_a_turn() -> None:
    """A server that died between a message and its reply left the message: it stands where it was said."""
    store = kept()
    await store.begun(HERE, "r1")
    assert (await store.recall("ann", "c1")).turns == (("user", "hi"),)
    next_one = replace(HERE, said=(("user", "and you?"),))
    await store.begun(next_one, "r2")
    await store.spoken(next_one, "fine", "r2", waits=False)
    known = await store.recall("ann", "c1")
    assert known.turns == (("user", "hi"), ("user", "and you?"), ("assistant", "fine"))
    assert known.lost == ((1, "r1"),)


async def test_places_are_found_without_an_id() -> None:
    """A client without an id is found by what was said, spaces aside; not by another's same words."""
    store, said = kept(), (("user", "pay  it"),)
    await store.spoken(Thread("clerk", "ann", said=said), "Approve?", "r1", waits=True)
    assert await store.marked("clerk", "ann", (("user", "pay it"), ("assistant", " Approve? "))) == ["r1"]
    assert await store.marked("clerk", "ben", (("user", "pay it"), ("assistant", "Approve?"))) == []
    assert digest("clerk", "", said) != digest("other", "", said)


async def test_old_conversations_are_forgotten() -> None:
    """A conversation that nobody went on with for its time is gone, whole."""
    store = kept(ttl_s=0.0)
    await store.spoken(HERE, "hello", "", waits=False)
    assert not (await store.recall("ann", "c1")).known


async def test_a_branch_is_forgotten_with_its_parent() -> None:
    """Forgetting a conversation tells its branches, so that they can be forgotten, too."""
    store = kept()
    await store.spoken(Thread("clerk", "ann", "c1/x", "c1", (("user", "hi"),)), "hello", "", waits=False)
    assert await store.children("ann", "c1") == ["c1/x"]
    assert [await store.forget("ann", "c1/x"), await store.forget("ann", "c1/x")] == [True, False]


async def test_long_texts_are_cut() -> None:
    """A huge reply is kept by its ends."""
    store = kept()
    await store.spoken(HERE, "a" * 100_000, "", waits=False)
    (_, (_, text)) = (await store.recall("ann", "c1")).turns
    assert len(text) < 33_000
    assert "68,000 characters" in text
