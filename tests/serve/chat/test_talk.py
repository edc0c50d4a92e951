"""A chat request is one intent."""

from __future__ import annotations

import anyio

from engine.api import Engine
from engine.serve.chat.intent import Begin, ChatRequest
from engine.serve.chat.talk import Talk
from schemas.agents import AssistantSettings

FINANCE = AssistantSettings(name="finance")


def test_a_first_message_is_the_task_byte_for_byte() -> None:
    """Nothing is done to a first message, not even to its spaces."""

    async def read() -> object:
        body = {"model": "finance", "messages": [{"role": "user", "content": " What is  new?\n"}]}
        return await Talk(Engine({})).read(ChatRequest(FINANCE, body))

    intent = anyio.run(read)
    assert isinstance(intent, Begin)
    assert intent.task == " What is  new?\n"
