"""Turns a message that leans on what was said before into a task that stands on its own.

One short call of a small model does it; where there is none, or it fails, rules do: a value in place of another of its
kind ("and for 2023?"), else the message with the earlier ones below it, in a fixed form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import anyio
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.serve.chat.conversation import Turn
from engine.serve.chat.history import told, trimmed
from engine.serve.chat.leaning import in_place, leans
from gateway.gateway import CallContext, Gateway
from schemas.errors import EngineError, ModelOutputError
from schemas.fence import fence
from schemas.instructions import EARLIER, newest
from schemas.model import Message, ModelRequest, ModelResponse, OutputSchema
from schemas.result import Usage

ROLE = "executor"
DEADLINE_S = 8.0

_PROMPT = Path(__file__).with_name("resolving.md").read_text(encoding="utf-8")
_GRACE_S = 1.0
_MAX_OUTPUT_TOKENS = 1_000
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"whole": {"type": "boolean"}, "task": {"type": "string"}},
    "required": ["whole", "task"],
    "additionalProperties": False,
}


class _Reply(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="ignore")

    whole: bool = False
    task: str = ""


_ADDS = re.compile(
    r"\s*(?:(?:and )?also|additionally|in addition|besides|plus|auch|außerdem|zusätzlich|aussi|en plus|de plus|también"
    r"|además|anche|inoltre|também|além disso)\b|\s*(?:另外|还有|還有|也|また|それと|그리고|또)",
    re.IGNORECASE,
)
"""How a message begins that adds to what a run is for."""
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A task.

    Attributes:
        task: What is wanted.
        by: message: it is the message as it was written; model or rules: who put in what it leaves out.
        usage: What the model call took.
    """

    task: str
    by: Literal["message", "model", "rules"] = "message"
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Said:
    """A message and what it leans on.

    Attributes:
        message: The newest message.
        before: The turns before it, oldest first.
        running: The task that is worked on now; empty for none.
        tokens: Most tokens of what was said before.
    """

    message: str
    before: tuple[Turn, ...] = ()
    running: str = ""
    tokens: int = 6_000


async def resolve(said: Said, gateway: Gateway, context: CallContext) -> Resolved:
    """Return the task that a message is. Never fails: where a model does, rules say it.

    Cost: one call of the executor's model, ``said.tokens`` in and 1,000 out at most, 8 s; none for a first message.
    """
    if not said.before and not said.running:
        return Resolved(said.message)
    with suppress(EngineError, TimeoutError):
        if gateway.reasons(ROLE):
            with anyio.fail_after(DEADLINE_S + _GRACE_S):
                response = await gateway.complete(_request(said), context)
            return _read(response, said)
    return by_rules(said)


def _request(said: Said) -> ModelRequest:
    parts = [fence("conversation", told(trimmed(said.before, said.tokens)))]
    if said.running:
        parts.append(fence("running", said.running))
    parts.append(fence("message", said.message))
    return ModelRequest(
        model=ROLE,
        messages=(Message.system(_PROMPT), Message.user("\n\n".join(parts))),
        output=OutputSchema(name="task", json_schema=_SCHEMA, strict=True),
        max_output_tokens=_MAX_OUTPUT_TOKENS,
        cache_prefix=1,
        deadline_s=DEADLINE_S,
    )


def _read(response: ModelResponse, said: Said) -> Resolved:
    found = _OBJECT.search(response.text)
    try:
        reply = _Reply.model_validate_json(found[0] if found else "")
    except ValidationError:
        raise ModelOutputError("the reply holds no task") from None
    task = reply.task.strip()
    if task and task != said.message.strip():
        return Resolved(task, "model", response.usage)
    if task or reply.whole:
        return Resolved(said.message, "message", response.usage)
    raise ModelOutputError("the reply holds no task")


def by_rules(said: Said) -> Resolved:
    """Return the task without a model: the same for the same words, always.

    >>> before = (("user", "What is the weather in Berlin?"), ("assistant", "Sunny."))
    >>> by_rules(Said("No, I meant Munich", before)).task
    'What is the weather in Munich?'
    """
    asked = said.running or _asked(said.before)
    if asked:
        swapped = in_place(asked, said.message)
        if swapped:
            return Resolved(swapped, "rules")
    if said.running and _ADDS.match(said.message):
        return Resolved(f"{newest(said.running)}\n{said.message}", "rules")
    if not said.running and not leans(said.message):
        return Resolved(said.message)
    before = [*said.before]
    if said.running and ("user", said.running) not in before:
        before.append(("user", said.running))
    earlier = told(trimmed(before, said.tokens))
    return Resolved(f"{said.message}\n\n{EARLIER}\n{earlier}", "rules")


def _asked(before: Sequence[Turn]) -> str:
    """Return what the last request was, with the follow-ups that only changed a value in it."""
    asked = ""
    for role, text in before:
        if role == "user":
            asked = (asked and in_place(asked, text)) or text
    return asked
