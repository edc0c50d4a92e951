"""Reads what a chat request wants, and remembers what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api import Engine
from engine.serve.chat.intent import Begin, ChatRequest, Intent, Thread
from gateway.wire.chat.asked import asked_request
from schemas.approvals import ApprovalRequested
from schemas.errors import ModelRequestError
from schemas.model import Message


class Talk:
    """Turns requests into intents: one for all assistants of a server.

    Args:
        engine: Whose runs, store and models these are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._forgotten: set[tuple[str, str]] = set()

    async def read(self, asked: ChatRequest) -> Intent:
        """Return what a request wants.

        Cost: at most one short call of a small model, none for a first message.

        Raises:
            ModelRequestError: The body is no chat request; ``details["param"]`` names the field.
            NotFoundError: The conversation or run is not this user's.
            StoreError: The store cannot be read.
        """
        request = asked_request(asked.body, ("*",))
        said = tuple((message.role, message.text) for message in request.messages if message.role != "system")
        task = next((text for role, text in reversed(said) if role == "user"), "")
        if not task.strip():
            raise ModelRequestError("there is no user message with text", details={"param": "messages"})
        thread = Thread(asked.assistant.name, asked.user, said=said)
        return Begin(thread, task, _instructions(request.messages))

    async def began(self, thread: Thread, run_id: str) -> None:
        """Remember that a request's run goes on; called as soon as it has an id.

        Raises:
            StoreError: The store cannot be written.
        """

    async def replied(self, thread: Thread, run_id: str, text: str, waiting: Sequence[ApprovalRequested] = ()) -> None:
        """Remember a turn that ended: what was replied, and what its run waits for now.

        Raises:
            StoreError: The store cannot be written.
        """

    async def forget(self, conversation: str, user: str) -> bool:
        """Forget a conversation and its branches; False where there is none of this user's.

        Raises:
            StoreError: The store cannot be written.
        """
        self._forgotten.add((user, conversation))
        return False


def _instructions(messages: Sequence[Message]) -> str:
    return "\n\n".join(text for message in messages if message.role == "system" and (text := message.text.strip()))
