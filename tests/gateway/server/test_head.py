"""A request's head, read once."""

from __future__ import annotations

import pytest

from gateway.server import head
from gateway.server.head import read_head
from schemas.errors import RequestError, RequestHeadError


@pytest.mark.parametrize(
    ("raw", "secret"),
    [
        ([(b"authorization", b"Bearer  abc ")], "abc"),
        ([(b"authorization", b"bearer abc")], "abc"),
        ([(b"authorization", b"Basic abc")], None),
        ([(b"authorization", b"Bearer")], None),
        ([(b"authorization", b"Basic abc"), (b"x-api-key", b"def")], "def"),
        ([(b"api-key", b"ghi")], "ghi"),
        ([], None),
    ],
)
def test_secrets(raw: list[tuple[bytes, bytes]], secret: str | None) -> None:
    """The key is taken from where clients put it."""
    assert read_head(raw).secret == secret


def test_no_secret_is_passed_on() -> None:
    """What a call is told of a head holds no key, no cookie, no host: only what formats and we give a meaning."""
    names = (b"authorization", b"x-api-key", b"api-key", b"cookie", b"host", b"origin", b"x-forwarded-for")
    told = (b"anthropic-beta", b"openai-beta", b"x-engine-run", b"traceparent")
    passed = read_head([(name, b"v") for name in (*names, *told)]).passed
    assert sorted(passed) == sorted(name.decode() for name in told)


def test_what_may_come_once_comes_once() -> None:
    """The same value twice is one; two different ones are refused; lists are joined."""
    assert read_head([(b"host", b"a"), (b"host", b"a")]).heeded["host"] == "a"
    assert read_head([(b"anthropic-beta", b"a"), (b"anthropic-beta", b"b")]).passed["anthropic-beta"] == "a, b"
    with pytest.raises(RequestError, match="x-api-key came twice"):
        read_head([(b"x-api-key", b"a"), (b"x-api-key", b"b")])


def test_too_many_headers() -> None:
    """More than a hundred headers are refused, whatever they are."""
    read_head([(b"x-%d" % number, b"") for number in range(100)])
    with pytest.raises(RequestHeadError):
        read_head([(b"x-%d" % number, b"") for number in range(101)])


def test_names_made_up_fill_no_memory() -> None:
    """Names of headers that clients make up are remembered up to a bound."""
    for number in range(5_000):
        read_head([(b"made-up-%d" % number, b"")])
    assert len(head._names) <= 2_000  # pyright: ignore[reportPrivateUsage]
