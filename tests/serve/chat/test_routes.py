"""Conversations over HTTP are tested with the chats: tests/serve/chat/test_talk.py."""

from __future__ import annotations

from engine.serve.chat.routes import ConversationRoutes
from engine.serve.desk import Desk
from tests.runs import engine_of


def test_an_id_may_hold_slashes() -> None:
    """A branch's id is one path."""
    desk = Desk(engine_of(), None, None, 1, None)  # pyright: ignore[reportArgumentType]
    (route,) = ConversationRoutes(desk).routes()
    assert route.path_regex.match("/conversations/c1/notes")
