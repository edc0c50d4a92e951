"""Agents in Python: a function of the query, that returns its answer or yields it piece by piece."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, cast

from engine.tools.agents.base import QUERY, Card, Place, held_by_nobody
from engine.tools.function import FunctionTool
from engine.tools.loading import load_object
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ToolFailedError
from schemas.protocols import ToolContext


@dataclass(frozen=True, slots=True)
class PythonAgent:
    """One agent (implements ``engine.tools.agents.base.Agent``).

    Attributes:
        settings: What the configuration says of it.
        asked: Its function, with query and context.
        description: Its docstring.
    """

    settings: AgentSettings
    asked: FunctionTool[..., Any]
    description: str = ""

    def hosting(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Hold nothing."""
        return held_by_nobody(owner)

    async def look(self) -> Card:
        """Return its docstring: it is always there."""
        return Card(description=self.description)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call the function; a blocking one runs in a thread. Raises ToolError as ``FunctionTool.call``."""
        answer = await self.asked.call({QUERY: arguments[QUERY]}, context)
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            raise ToolFailedError(f"{self.settings.name} gave an empty answer")
        return answer


def made(settings: AgentSettings, place: Place) -> PythonAgent:
    """Return the agent of an entry.

    Raises:
        ConfigError: There is no such function, or it does not take ``(query)`` or ``(query, context)``.
    """
    where = f"agents.{settings.name}.python"
    function = load_object(settings.python or "", place.folder, where=where)
    if isinstance(function, FunctionTool):
        function = cast("FunctionTool[..., Any]", function).function
    if not callable(function) or isinstance(function, type):
        raise ConfigError(f"{where}: '{settings.python}' is no function", hint="write def answer(query): …")
    tool = FunctionTool(_wrapped(cast("Callable[..., Any]", function), where), name=settings.name)
    return PythonAgent(settings, tool, inspect.getdoc(function) or "")


def _wrapped(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    """Return a function of query and context, whatever form the user's has."""
    give = _giver(function, where)
    inner = inspect.unwrap(function)
    if inspect.isasyncgenfunction(inner):

        async def pieces(query: str, context: ToolContext) -> str:
            texts: list[str] = []
            async with aclosing(cast("AsyncGenerator[Any]", give(query, context))) as stream:
                async for piece in stream:
                    texts.append(_told(piece, context))
            return "".join(texts)

        return pieces
    if inspect.isgeneratorfunction(inner):

        def blocking_pieces(query: str, context: ToolContext) -> str:
            return "".join(_told(piece, context) for piece in cast("Generator[Any]", give(query, context)))

        return blocking_pieces
    if inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 -- an instance whose __call__ is async

        async def answer(query: str, context: ToolContext) -> Any:
            return await give(query, context)

        return answer

    def blocking(query: str, context: ToolContext) -> Any:
        return give(query, context)

    return blocking


def _told(piece: object, context: ToolContext) -> str:
    text = str(piece)
    context.text(text)
    return text


def _giver(function: Callable[..., Any], where: str) -> Callable[[str, ToolContext], Any]:
    """Return what calls a function with the context where it takes one."""
    try:
        inspect.signature(function).bind("query", None)
    except TypeError:
        try:
            inspect.signature(function).bind("query")
        except TypeError as exc:
            raise ConfigError(
                f"{where}: {exc}: an agent takes (query) or (query, context)", hint="def answer(query): …"
            ) from None
        return functools.partial(_without_context, function)
    return function


def _without_context(function: Callable[..., Any], query: str, _: ToolContext) -> Any:
    return function(query)
