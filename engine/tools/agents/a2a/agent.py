"""One A2A agent as an agent of the engine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from engine.config import resolve_secret
from engine.tools.agents import base
from engine.tools.agents.a2a.card import Card
from engine.tools.agents.a2a.dialogue import Dialogue, Told
from engine.tools.agents.a2a.rpc import Credentials, Rpc, fetch_card
from engine.tools.values import to_json
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, EngineError, ToolFailedError
from schemas.protocols import ToolContext

_MOST_CONTEXTS = 1_000


class A2AAgent:
    """One agent (implements ``engine.tools.agents.base.Agent``).

    The calls of a run are one conversation with it: they share the context that it began.

    Args:
        settings: What the configuration says of it.
        place: Where its secrets are looked up.
    """

    def __init__(self, settings: AgentSettings, place: base.Place) -> None:
        self._settings = settings
        self._place = place
        self._card: Card | None = None
        self._tag = ""
        self._contexts: OrderedDict[str, str] = OrderedDict()

    def hosting(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Hold nothing."""
        return base.held_by_nobody(owner)

    async def look(self) -> base.Card:
        """Read its card, where it has changed. Raises as ``Agent.look``."""
        card = await self._read_card(self._credentials())
        return base.Card(description=card.description, version=card.agent_version, capabilities=card.capabilities)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Put the query to it, answer what it asks, and return its result. Raises as ``Agent.call``.

        A result is a text, the value of a single data part, or an object of ``text``, ``data`` and ``files``.
        """
        credentials = self._credentials()
        try:
            card = self._card or await self._read_card(credentials)
            rpc = Rpc(self._settings.name, card, credentials, base.whose(self._settings.name, context))
            told = Told(context.progress, context.text, context.ask)
            key = context.call.idempotency_key or f"{context.call.run_id}:{context.call.step_id}"
            known = self._contexts.get(context.call.run_id, "")
            view = await Dialogue(self._settings.name, rpc, told, key).run(arguments[base.QUERY], known)
        except EngineError as exc:
            message, hint = credentials.hides(exc.message), credentials.hides(exc.hint)
            raise type(exc)(message, hint=hint, details=exc.details) from None  # what it came from may quote a header
        self._remember(context.call.run_id, view.context_id)
        return to_json(view.result())

    async def _read_card(self, credentials: Credentials) -> Card:
        found = await fetch_card(self._settings.a2a or "", credentials, tag=self._tag if self._card else "")
        if found.card is not None:
            self._card, self._tag = found.card, found.tag
        if self._card is None:
            raise ToolFailedError(f"{self._settings.name}: its card was not sent")
        return self._card

    def _credentials(self) -> Credentials:
        """Return the secrets, looked up. Raises ToolFailedError."""
        settings, environ, where = self._settings, self._place.environ, f"agents.{self._settings.name}"
        try:
            headers = {name: resolve_secret(value, environ) or "" for name, value in settings.headers.items()}
            key = resolve_secret(settings.api_key, environ) or ""
        except ConfigError as exc:
            raise ToolFailedError(f"{where}: {exc.message}", hint=exc.hint) from None
        for name, value in {**headers, "api_key": key}.items():
            if not all(character.isprintable() and character.isascii() for character in value):
                raise ToolFailedError(f"{where}: {name} holds what no header can", hint="look at its secret")
        return Credentials(settings.a2a or "", headers, key)

    def _remember(self, run_id: str, context_id: str) -> None:
        if context_id:
            self._contexts[run_id] = context_id
            self._contexts.move_to_end(run_id)
        while len(self._contexts) > _MOST_CONTEXTS:
            self._contexts.popitem(last=False)


def made(settings: AgentSettings, place: base.Place) -> A2AAgent:
    """Return the agent of an entry.

    Raises:
        ConfigError: Its ``a2a`` is no http or https address.
    """
    parts = urlsplit(settings.a2a or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        hint = "its address, or that of its card, such as https://agents.example.com/weather"
        raise ConfigError(f"agents: {settings.a2a!r} is no address", hint=hint)
    return A2AAgent(settings, place)
