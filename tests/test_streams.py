"""Live text: generations rise, offsets add up, and a board gives any reader exactly what it lacks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.streams import GENERATIONS_AN_EVENT, Board, Cursor, Position, Streams
from schemas.driving import RunClaimed
from schemas.errors import RequestError
from schemas.events import Answer, LoggedEvent, LoggedRecord, PlanAccepted, RunStarted, StepEnded
from schemas.live import LiveEvent, LiveReset, LiveText
from schemas.plan import Plan
from schemas.result import StepResult


def record(seq: int, event: LoggedEvent) -> LoggedRecord:
    return LoggedRecord("r", seq, 0.0, event)


def text(at: int, words: str, generation: int = 1, stream: str = "answer") -> LiveText:
    return LiveText(stream=stream, offset=at, text=words, generation=generation)


def test_offsets_add_up_and_generations_rise() -> None:
    """B60: each piece says where it begins; a reset, and a writing after a later event, begin a higher generation."""
    head, seen = [2], list[Any]()
    streams = Streams(lambda: head[0], seen.append)
    streams.text("plan", "ab")
    streams.text("plan", "")
    streams.text("plan", "c")
    streams.reset("plan", "again")
    streams.reset("plan", "nothing was written since")
    streams.text("plan", "d")
    head[0] = 5
    streams.close("plan")
    streams.text("plan", "e")
    first, later = 2 * GENERATIONS_AN_EVENT, 5 * GENERATIONS_AN_EVENT
    assert [(item.kind, item.generation, getattr(item, "offset", None)) for item in seen] == [
        ("text", first, 0),
        ("text", first, 2),
        ("reset", first + 1, None),
        ("text", first + 1, 0),
        ("text", later, 0),
    ]


def test_a_cursor_is_one_short_word() -> None:
    """A cursor comes back from its text as it was, whatever a stream is called."""
    cursor = Cursor(7, {"answer": Position(3, 9), "1[0];:%": Position(0, 1)})
    assert Cursor.parse(str(cursor)) == cursor
    assert str(cursor).isascii()
    assert " " not in str(cursor)


@pytest.mark.parametrize("wrong", ["", "x", "-1", "1;", "1;a:1", "1;a:1:x", "1;a:1:2:3", "٣", "9" * 30])
def test_what_is_no_cursor_is_said(wrong: str) -> None:
    """Text that is no place in a run is a RequestError that shows it."""
    with pytest.raises(RequestError, match="no place in a run"):
        Cursor.parse(wrong)


def test_a_reader_gets_what_it_lacks() -> None:
    """B60: from the character on where it broke off, a reset where the text began anew, all where it has nothing."""
    board = Board()
    for item in (text(0, "hel"), text(1, "ello"), text(9, "a gap is left out")):
        board.put(item)
    assert list(board.since(Cursor())) == [text(0, "hello")]
    assert list(board.since(Cursor(0, {"answer": Position(1, 2)}))) == [text(2, "llo")]
    assert list(board.since(Cursor(0, {"answer": Position(1, 5)}))) == []
    assert list(board.since(Cursor(0, {"answer": Position(2, 1)}))) == []
    reset = LiveReset(stream="answer", generation=1)
    assert list(board.since(Cursor(0, {"answer": Position(0, 2)}))) == [reset, text(0, "hello")]


def test_an_event_closes_what_it_holds() -> None:
    """B60: text is not sent after the event that holds it whole, and late pieces of it are ignored."""
    board, cursor = Board(), Cursor()
    old = 2 * GENERATIONS_AN_EVENT
    for stream in ("plan", "1", "answer"):
        board.put(text(0, "x", old, stream))
    for item in board.since(cursor):
        cursor.advance(item)
    for seq, event, left in (
        (3, PlanAccepted(revision=1, plan=Plan(goal="g", steps=())), {"1", "answer"}),
        (4, StepEnded(step_id="1", result=StepResult(status="done")), {"answer"}),
        (5, Answer(text="x"), set[str]()),
    ):
        board.see(record(seq, event))
        cursor.advance(record(seq, event))
        assert {item.stream for item in board.since(Cursor())} == left == set(cursor.positions)
    assert not board.put(text(0, "late", old))


def test_a_new_driver_voids_the_text_of_the_one_before() -> None:
    """B60: readers are told at the claim; what the old driver still sends is ignored, the new one's counts."""
    board, old = Board(), 2 * GENERATIONS_AN_EVENT
    board.put(text(0, "half an", old))
    cursor = Cursor(2, {"answer": Position(old, 7)})
    board.see(record(6, RunClaimed(driver="d")))
    cursor.advance(record(6, RunClaimed(driver="d")))
    reset = next(board.void(cursor))
    assert (reset.stream, reset.generation) == ("answer", 6 * GENERATIONS_AN_EVENT)
    cursor.advance(reset)
    assert not board.put(text(7, " answer", old))
    board.put(text(0, "new", 6 * GENERATIONS_AN_EVENT))
    assert [item.kind for item in board.since(cursor)] == ["text"]


WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.sampled_from(["plan", "answer"]), st.text(min_size=1, max_size=4)),
        st.tuples(st.just("reset"), st.sampled_from(["plan", "answer"]), st.just("")),
        st.tuples(st.just("claim"), st.just(""), st.just("")),
        st.tuples(st.just("accept"), st.just(""), st.just("")),
    ),
    max_size=40,
)


class Reader:
    """Rebuilds texts as a client would."""

    def __init__(self) -> None:
        self.cursor = Cursor()
        self.texts: dict[str, str] = {}
        self.seen: list[LoggedRecord | LiveEvent] = []

    def take(self, item: LoggedRecord | LiveEvent) -> None:
        if isinstance(item, LiveText):
            at = self.cursor.positions.get(item.stream)
            same = at is not None and at.generation == item.generation
            before = self.texts.get(item.stream, "") if same else ""
            assert len(before) == item.offset
            self.texts[item.stream] = before + item.text
        elif isinstance(item, LiveReset):
            self.texts[item.stream] = ""
        self.seen.append(item)
        self.cursor.advance(item)
        self.texts = {name: words for name, words in self.texts.items() if name in self.cursor.positions}


@given(WRITES, st.randoms(use_true_random=False))
def test_any_reader_rebuilds_the_text(writes: list[tuple[str, str, str]], chance: Any) -> None:
    """B60: a reader that looks now and then, in any order with the events, over resets and new drivers, has it."""
    board, reader, truth, records = Board(), Reader(), dict[str, str](), [record(1, RunStarted(task="t", mode="plan"))]
    sent: list[LiveEvent] = []
    streams = Streams(lambda: len(records), sent.append)
    for kind, stream, words in writes:
        if kind == "text":
            streams.text(stream, words)
            truth[stream] = truth.get(stream, "") + words
        elif kind == "reset":
            streams.reset(stream, "again")
            truth.pop(stream, None)
        elif kind == "claim":
            records.append(record(len(records) + 1, RunClaimed(driver="d")))
            streams = Streams(lambda: len(records), sent.append)
            truth.clear()
        else:
            records.append(record(len(records) + 1, PlanAccepted(revision=1, plan=Plan(goal="g", steps=()))))
            streams.close("plan")
            truth.pop("plan", None)
        if chance.random() < 0.5:
            _catch_up(board, reader, records, sent, chance)
    _catch_up(board, reader, records, sent, chance)
    assert {name: words for name, words in reader.texts.items() if words} == truth


def _catch_up(board: Board, reader: Reader, records: list[LoggedRecord], sent: list[LiveEvent], chance: Any) -> None:
    """Show a board everything, shuffled as two channels may be, and let the reader look."""
    if chance.random() < 0.5:
        board.__init__()  # another process
    channels: list[list[Any]] = [list(records), [item for item in sent if not isinstance(item, LoggedRecord)]]
    while any(channels):
        item = chance.choice([channel for channel in channels if channel]).pop(0)
        board.see(item) if isinstance(item, LoggedRecord) else board.put(item)
    for item in records[reader.cursor.seq :]:
        reader.take(item)
    for item in [*board.void(reader.cursor), *board.since(reader.cursor)]:
        reader.take(item)
