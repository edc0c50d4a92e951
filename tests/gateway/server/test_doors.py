"""From where requests may come."""

from __future__ import annotations

import pytest

from gateway.server.doors import Doors, is_loopback


@pytest.mark.parametrize(
    ("host", "origin", "welcome"),
    [
        ("llm.example", None, True),
        ("LLM.example:80", None, True),
        ("localhost:1", None, True),
        ("[::1]:1", None, True),
        ("evil.example", None, False),
        ("", None, False),
        ("[", None, False),
        ("llm.example", "https://llm.example", True),
        ("llm.example", "https://chat.example", True),
        ("llm.example", "https://chat.example.evil", False),
        ("llm.example", "null", False),
    ],
)
def test_doors(host: str, origin: str | None, welcome: bool) -> None:
    """Only the names a server is called by, and only pages of its own or of named sites, are let in."""
    doors = Doors(["LLM.example."], ["https://chat.example/"])
    for _ in range(2):  # the second time it may be remembered
        assert (doors.refusal(host, origin) is None) is welcome


def test_without_names_every_one_is_right() -> None:
    """A server that is told no names takes every Host, but no page of another site; ``*`` lets every page in."""
    assert Doors(()).refusal("any.example", None) is None
    assert Doors(()).refusal("any.example", "https://other.example") is not None
    assert Doors((), ["*"]).refusal("any.example", "https://other.example") is None


def test_what_is_remembered_is_bounded() -> None:
    """Clients that make names up fill no memory."""
    doors = Doors(())
    for number in range(5_000):
        assert doors.refusal(f"h{number}.example", None) is None
    assert len(doors._seen) <= 1_000  # pyright: ignore[reportPrivateUsage]


def test_loopback() -> None:
    """All of 127/8, ::1 and localhost are this machine; nothing else is."""
    here, others = ("127.9.9.9", "::1", "[::1]", "localhost"), ("", "0.0.0.0", "10.0.0.1", "example.com")
    assert [is_loopback(host) for host in (*here, *others)] == [True] * 4 + [False] * 4
