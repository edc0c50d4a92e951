"""What people do to conversations over HTTP beside talking: have them forgotten."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.serve.callers import caller
from engine.serve.chat.talk import Talk
from engine.serve.desk import Desk
from schemas.errors import NotFoundError


class ConversationRoutes:
    """The endpoint DELETE /conversations/{id}.

    Args:
        desk: The engine and what surrounds it.
    """

    def __init__(self, desk: Desk) -> None:
        self._talk = Talk(desk.engine)

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [Route("/conversations/{conversation:path}", self.forget, methods=["DELETE"])]

    async def forget(self, request: Request) -> Response:
        """Forget a conversation of this key's, and its branches; its runs stay. Raises NotFoundError."""
        conversation = str(request.path_params["conversation"])
        if not await self._talk.forget(conversation, caller(request).user):
            raise NotFoundError(f"there is no conversation {conversation[:80]!r}")
        return Response(status_code=204)
