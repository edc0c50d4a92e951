"""What one chat request wants: exactly one intent. Whoever serves it performs it and streams what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.gateway import CallContext
from schemas.agents import AssistantSettings
from schemas.model import ModelRequest
from schemas.result import Usage
from schemas.tool import ToolSpec
from schemas.wishes import ANY, AnswerWishes


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request as it came.

    Attributes:
        assistant: Who is asked.
        body: The body of the chat completion, parsed JSON.
        headers: The request's headers, names in lower case.
        user: Whose key it came with; empty where there are none.
        calling: Who a model call that this takes is counted to.
    """

    assistant: AssistantSettings
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str = ""
    calling: CallContext = field(default_factory=CallContext)


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a request stands: by it the next one finds what this one began. For ``Talk`` alone to look into.

    Attributes:
        assistant, user: Who talks.
        conversation: Its id; empty where the client sends none.
        parent: The conversation it branches off; empty for none.
        said: The turns so far, the newest message last.
        anew: What was remembered of the conversation is not what its client says was said: the client is believed.
        whole: The client sends all that was said.
    """

    assistant: str
    user: str = ""
    conversation: str = ""
    parent: str = ""
    said: tuple[tuple[str, str], ...] = ()
    anew: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a run.

    Attributes:
        task: What is wanted, whole without the history; the message byte for byte where there is none.
        instructions: The client's system messages, to stand after those of the assistant.
        client_tools: Tools that the client runs itself (kind ``client``).
        usage: What it took to understand the message; belongs to the run's.
        wishes: How the client wishes the answer.
    """

    thread: Thread
    task: str
    instructions: str = ""
    client_tools: tuple[ToolSpec, ...] = ()
    usage: Usage = field(default_factory=Usage)
    wishes: AnswerWishes = ANY


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
    """Give a run that is not over another goal, and follow it.

    Attributes:
        decided: Answers to give it first.
        usage: What it took to understand the message.
    """

    thread: Thread
    run_id: str
    task: str
    decided: tuple[Decided, ...] = ()
    usage: Usage = field(default_factory=Usage)


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
