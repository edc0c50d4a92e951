"""The line to an A2A agent: its card, its keys."""

from __future__ import annotations

import pytest

from engine.tools.agents.a2a.card import KeyScheme
from engine.tools.agents.a2a.rpc import Credentials, Rpc, fetch_card
from schemas.errors import ToolFailedError
from tests.tools.agents.a2a.sky import Sky, sky
from tests.tools.webserver import Answer, serving

pytestmark = pytest.mark.anyio


async def test_an_unchanged_card_is_not_sent_again() -> None:
    """A known card is asked for by its tag; a changed one is read anew."""
    agent = Sky()
    with sky(agent) as server:
        credentials = Credentials(server.url, {})
        first = await fetch_card(server.url, credentials)
        assert first.card is not None
        assert first.card.capabilities == ("forecast", "rain")
        assert (await fetch_card(server.url, credentials, tag=first.tag)).card is None
        agent.tag, agent.card = '"2"', {"description": "Knows the tides."}
        changed = (await fetch_card(server.url, credentials, tag=first.tag)).card
    assert changed is not None
    assert changed.description.startswith("Knows the tides.")


async def test_a_card_that_is_not_there_is_told() -> None:
    """An address without a card is no A2A agent; the older place of cards is looked at, too."""
    with serving(lambda sent: Answer(status=404)) as server:
        with pytest.raises(ToolFailedError, match="there is no agent card at"):
            await fetch_card(server.url, Credentials(server.url, {}))
        assert [sent.path for sent in server.requests] == ["/.well-known/agent-card.json", "/.well-known/agent.json"]


@pytest.mark.parametrize(
    ("scheme", "header", "value"),
    [
        (KeyScheme("bearer"), "Authorization", "Bearer s3cret"),
        (KeyScheme("header", "X-Key"), "X-Key", "s3cret"),
        (KeyScheme("cookie", "sid"), "Cookie", "sid=s3cret"),
    ],
)
def test_keys_go_where_the_card_says(scheme: KeyScheme, header: str, value: str) -> None:
    """A key is sent as the card asks for it."""
    _, headers = Credentials("https://a.example", {}, "s3cret").sent_to("https://a.example/rpc", (scheme,))
    assert headers == {header: value}


def test_a_key_may_be_a_parameter() -> None:
    """A key in the query is encoded."""
    url, _ = Credentials("https://a", {}, "s3/ret").sent_to("https://a/rpc?x=1", (KeyScheme("query", "key"),))
    assert url == "https://a/rpc?x=1&key=s3%2Fret"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/rpc", "http://a.example/rpc"])
def test_a_host_that_only_a_card_names_is_told_no_secret(elsewhere: str) -> None:
    """A card that leads to another host, or away from TLS, gets neither key nor headers there."""
    credentials = Credentials("https://a.example", {"X-Team": "t"}, "s3cret")
    assert credentials.sent_to(elsewhere, ()) == (elsewhere, {})


async def test_errors_hold_no_secret() -> None:
    """An agent that repeats our key in its error does not bring it into our messages."""
    with sky(Sky(status=401)) as server:
        credentials = Credentials(server.url, {}, "s3cret-key")
        card = (await fetch_card(server.url, credentials)).card
        assert card is not None
        with pytest.raises(ToolFailedError) as failure:
            await Rpc("sky", card, credentials).call("get", {"id": "7"})
    assert "s3cret" not in failure.value.message
    assert "Bearer …" in failure.value.message
