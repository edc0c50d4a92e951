"""Events out of bytes, whatever their line ends and however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sse import SseDecoder
from schemas.errors import ModelOutputError

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=12)
LINES = st.one_of(
    TEXT.map(lambda text: "data: " + text),
    TEXT.map(lambda text: "data:" + text),
    TEXT.map(lambda text: ":" + text),
    TEXT.map(lambda text: "id: " + text),
    st.sampled_from(["data", "event: ping", "event:end", "retry: 3", "", "", "", "field"]),
)
STREAMS = st.tuples(st.booleans(), st.lists(st.tuples(LINES, ENDS), max_size=14)).map(
    lambda drawn: (b"\xef\xbb\xbf" if drawn[0] else b"") + b"".join(line.encode() + end for line, end in drawn[1])
)


def by_the_standard(stream: bytes) -> list[tuple[str, bytes]]:
    """The steps of the standard, one line at a time, over the whole stream."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, data, name = list[tuple[str, bytes]](), list[bytes](), b""
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line:
            if data:
                events.append((name.decode(), b"\n".join(data)))
            data, name = [], b""
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


def decoded(chunks: list[bytes]) -> tuple[list[tuple[str, bytes]], bytes]:
    """The events with data that are whole, and the bytes of all."""
    decoder = SseDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    raw = b"".join(event.raw for event in [*events, *decoder.finish()])
    return [(event.name, event.data) for event in events if event.data], raw


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.data())
def test_any_stream_in_any_chunks_reads_as_the_standard_says(stream: bytes, data: st.DataObject) -> None:
    """Events are those of the standard, and all bytes are in their raw forms, wherever the stream is cut."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    events, raw = decoded(chunks)
    assert events == [(name, value) for name, value in by_the_standard(stream) if value]
    assert raw.rstrip(b"\r\n") == stream.rstrip(b"\r\n")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_cut_of_a_stream_gives_the_same_events(end: bytes) -> None:
    """One byte at a time, or cut once at any place (inside a character, between CR and LF), nothing changes."""
    lines = ["\ufeffevent: start", "data: Grüße 🌍", "data: zwei", "", ": hm", "", "data: [DONE]", "", ""]
    stream = end.join(line.encode() for line in lines)
    expected = [("start", "Grüße 🌍\nzwei".encode()), ("", b"[DONE]")]
    for cut in range(len(stream) + 1):
        assert decoded([stream[:cut], stream[cut:]])[0] == expected
    assert decoded([stream[at : at + 1] for at in range(len(stream))])[0] == expected


def test_an_event_is_given_out_with_its_last_byte() -> None:
    """Nothing is held back: the blank line ends an event, also when it is a lone CR."""
    decoder = SseDecoder()
    assert [event.data for event in decoder.feed(b"data: 1\r\r")] == [b"1"]
    assert [event.data for event in decoder.feed(b"data: 2\n\n")] == [b"2"]


def test_a_comment_is_an_event_without_data() -> None:
    """Keep-alive comments pass on as they are and hold nothing."""
    (event,) = SseDecoder().feed(b": keep-alive\n\n")
    assert (event.data, event.raw) == (b"", b": keep-alive\n\n")


def test_what_lacks_its_blank_line_is_told_at_the_end() -> None:
    """A last event without its line ends is not lost silently."""
    decoder = SseDecoder()
    assert decoder.feed(b"data: [DONE]") == []
    assert [event.data for event in decoder.finish()] == [b"[DONE]"]
    assert decoder.finish() == []


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_without_an_end_is_refused_before_it_fills_the_memory(size: int) -> None:
    """An event larger than allowed is an output error, in few chunks or many, ended or not."""
    decoder = SseDecoder("p/m", max_event_bytes=100)
    stream = b"data: " + b"x" * 500 + b"\n\n"
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    with pytest.raises(ModelOutputError, match="p/m sent an event of more than 100 bytes"):
        [decoder.feed(chunk) for chunk in chunks]


def test_a_large_event_in_small_chunks_is_read_in_linear_time() -> None:
    """A megabyte in chunks of 16 bytes is searched once, not once a chunk."""
    decoder = SseDecoder()
    for _ in range(60_000):
        assert decoder.feed(b"x" * 16) == []
    assert len(decoder.feed(b"\n\n")) == 1
