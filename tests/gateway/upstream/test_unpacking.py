"""Packed bodies: what is in them, in pieces that fit, and never half of it as the whole."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.unpacking import Unpacking

MEBIBYTE = 2**20
TEXT = b'{"choices": [{"message": {"content": "hello"}}]}' * 40


def raw_deflate(data: bytes) -> bytes:
    """Without zlib's frame, as some servers mean ``deflate``."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(b"") + gzip.compress(data[7:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
}


def pieces(unpacking: Unpacking, packed: Iterator[bytes]) -> Iterator[bytes]:
    """What comes out, as a reader takes it. Raises ValueError."""
    for piece in packed:
        unpacking.feed(piece)
        while data := unpacking.take():
            yield data
    unpacking.end()


def in_steps(data: bytes, step: int) -> Iterator[bytes]:
    """Bytes as a connection brings them."""
    return (data[at : at + step] for at in range(0, len(data), step))


@pytest.mark.parametrize("case", PACKED)
@given(data=st.binary(max_size=300), step=st.integers(1, 400))
def test_what_was_packed_comes_out(case: str, data: bytes, step: int) -> None:
    """By gzip of one member or several, and by both things that are called deflate; however it is cut."""
    coding, pack = PACKED[case]
    assert b"".join(pieces(Unpacking(coding), in_steps(pack(data), step))) == data


@pytest.mark.parametrize("case", PACKED)
def test_half_a_body_is_not_the_whole(case: str) -> None:
    """B76: a packed body that breaks off, however politely its connection ends, is an error."""
    coding, pack = PACKED[case]
    packed = pack(TEXT)
    for at in range(len(packed) - 40, len(packed)):
        if case != "members" or at > len(packed) - 20:
            with pytest.raises(ValueError, match="breaks off"):
                list(pieces(Unpacking(coding), iter([packed[:at]])))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@given(data=st.binary(min_size=1, max_size=60), at=st.integers(0, 1000), byte=st.integers(0, 255))
def test_a_wrong_byte_is_a_value_error_at_most(coding: str, data: bytes, at: int, byte: int) -> None:
    """Nothing of zlib's own gets out."""
    packed = bytearray(PACKED[coding][1](data))
    packed[at % len(packed)] = byte
    try:
        list(pieces(Unpacking(coding), iter([bytes(packed)])))
    except ValueError as exc:
        assert str(exc) in ("its encoding is broken", "its encoding breaks off")  # noqa: PT017 any byte may be right


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "x" * 50_000])
def test_an_encoding_that_is_not_known_is_refused(coding: str) -> None:
    """Before any byte of the body."""
    with pytest.raises(ValueError, match="was not asked for and is not known"):
        Unpacking(coding)


@pytest.mark.parametrize("case", PACKED)
def test_a_bomb_comes_in_pieces(case: str) -> None:
    """A small body that holds a very large one fills no memory: a mebibyte at a time, to its last byte."""
    coding, pack = PACKED[case]
    sizes = [len(data) for data in pieces(Unpacking(coding), iter([pack(bytes(20 * MEBIBYTE + 3))]))]
    assert (sum(sizes), max(sizes)) == (20 * MEBIBYTE + 3, MEBIBYTE)


def test_many_members_take_no_longer_than_one() -> None:
    """What is left of a packet is not copied for each of its members."""
    packed = gzip.compress(b"") * 120_000
    began = time.process_time()
    assert list(pieces(Unpacking("gzip"), iter([packed]))) == []
    assert time.process_time() - began < 1.5
