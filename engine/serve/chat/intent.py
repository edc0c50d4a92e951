"""What one chat request wants: exactly one intent. Whoever serves it performs it and streams what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.agents import AssistantSettings
from schemas.model import ModelRequest
from schemas.tool import ToolSpec


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request as it came.

    Attributes:
        assistant: Who is asked.
        body: The body of the chat completion, parsed JSON.
        headers: The request's headers, names in lower case.
        user: Whose key it came with; empty where there are none.
    """

    assistant: AssistantSettings
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a request stands: by it the next one finds what this one began. For ``Talk`` alone to look into.

    Attributes:
        assistant, user: Who talks.
        conversation: Its id; empty where the client sends none.
        parent: The conversation it branches off; empty for none.
        said: The turns so far, the newest message last.
        here: A digest of them: what a client that sends no id is found again by.
    """

    assistant: str
    user: str = ""
    conversation: str = ""
    parent: str = ""
    said: tuple[tuple[str, str], ...] = ()
    here: str = ""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a run.

    Attributes:
        task: What is wanted, whole without the history; the message byte for byte where there is none.
        instructions: The client's system messages, to stand after those of the assistant.
        client_tools: Tools that the client runs itself (kind ``client``).
        choice: How they are to be used: auto, required, or the name of one. (none: they are left out.)
    """

    thread: Thread
    task: str
    instructions: str = ""
    client_tools: tuple[ToolSpec, ...] = ()
    choice: str = "auto"


@dataclass(frozen=True, slots=True)
class Decided:
    """One answer to something that a run waits for; the arguments of ``RunHandle.answer``."""

    approval_id: str
    decision: Literal["approve", "reject", "edit", "done"]
    result: Any = None
    tool_input: dict[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Give a run the answers it waits for, and follow it."""

    thread: Thread
    run_id: str
    decided: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class ToolResults:
    """Give a run what the client's own tools returned, and follow it."""

    thread: Thread
    run_id: str
    decided: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class Steer:
    """Give a run that still goes on another goal, and follow it."""

    thread: Thread
    run_id: str
    task: str


@dataclass(frozen=True, slots=True)
class Follow:
    """Show a run that goes on, or waits, from where it stands: its client came back."""

    thread: Thread
    run_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a run, and show how it came out."""

    thread: Thread
    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Direct:
    """Ask a small model, with no run: a chat program's call for its own sake, or small talk.

    Attributes:
        request: As it came, ``model`` being a role.
        why: side_call or small_talk.
    """

    thread: Thread
    request: ModelRequest
    why: Literal["side_call", "small_talk"]


@dataclass(frozen=True, slots=True)
class Say:
    """Say this and nothing else: there is nothing to run.

    Attributes:
        run_id: The run that it is about; empty for none.
    """

    thread: Thread
    text: str
    run_id: str = ""


Intent = Begin | Answer | ToolResults | Steer | Follow | Cancel | Direct | Say
