"""Conversations stay with their model."""

from __future__ import annotations

from typing import Any

from gateway.affinity import MOST, Affinity, session_of, session_of_request
from schemas.model import Message, ModelRequest


def test_a_conversation_is_known_by_its_beginning() -> None:
    """Further turns are the same conversation; another first question, or system text, is another."""
    first: list[dict[str, Any]] = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    later = [*first, {"role": "assistant", "content": "a"}, {"role": "user", "content": "more"}]
    assert session_of({"messages": first}) == session_of({"messages": later})
    assert session_of({"messages": first[1:]}) == session_of({"messages": later[1:]})
    assert session_of({"messages": first}) != session_of({"messages": [first[0], {"role": "user", "content": "r"}]})
    assert session_of({"system": "a", "messages": first}) != session_of({"system": "b", "messages": first})


def test_a_client_may_name_it() -> None:
    """What a client says of its conversation comes before its beginning."""
    assert session_of({"prompt_cache_key": "k", "messages": []}) == "k"
    assert session_of({"metadata": {"session_id": "s"}, "input": "x"}) == "s"
    assert session_of({"previous_response_id": "r", "prompt_cache_key": "k"}) == "r"  # it is stored where it was made
    assert len(session_of({"prompt_cache_key": "k" * 1_000_000})) < 100


def test_a_runs_calls_share_their_prefix() -> None:
    """Requests with the same stable prefix are one conversation."""
    head = Message.system("catalogue")
    asked = [ModelRequest(messages=(head, Message.user(text)), model="m", cache_prefix=1) for text in ("a", "b")]
    assert session_of_request(asked[0]) == session_of_request(asked[1])


def test_the_oldest_is_forgotten() -> None:
    """However many conversations there are, so many are remembered."""
    affinity = Affinity(60, clock=lambda: 0.0)
    for at in range(MOST + 5):
        affinity.note(f"s{at}", "a/m")
    assert affinity.of("s4") is None
    assert affinity.of("s5") == "a/m"


def test_zero_seconds_is_never() -> None:
    """With 0 seconds nobody stays."""
    affinity = Affinity(0)
    affinity.note("s", "a/m")
    assert affinity.of("s") is None
