"""Model requests and replies, neutral between providers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.result import Record, Usage

Role = Literal["planner", "executor", "synthesizer", "judge", "summarizer"]
StopReason = Literal["end", "length", "tool_calls", "stop_sequence", "refusal", "other"]


class TextPart(Record):
    """Text of a message.

    Attributes:
        refusal: The model says in it why it does not answer.
        annotations: Sources it cites, each as OpenAI writes one (``url_citation``, ``file_citation`` …).
    """

    kind: Literal["text"] = "text"
    text: str
    refusal: bool = False
    annotations: tuple[dict[str, Any], ...] = ()


class ImagePart(Record):
    """An image: an ``https:`` URL, or a ``data:<media type>;base64,…`` URL."""

    kind: Literal["image"] = "image"
    url: str


class FilePart(Record):
    """A document: an ``https:`` URL, a ``data:<media type>;base64,…`` URL, or the id of a file the provider has.

    Attributes:
        url: Where it is; empty when ``file_id`` says it.
    """

    kind: Literal["file"] = "file"
    url: str = ""
    name: str = ""
    file_id: str = ""


class ReasoningPart(Record):
    """The model's own thinking; ``signature`` and ``data`` go back unchanged to the provider that sent them."""

    kind: Literal["reasoning"] = "reasoning"
    text: str
    signature: str | None = None
    data: str | None = None


class ToolCallPart(Record):
    """A call the model asks for.

    Attributes:
        call_id: The provider's id; the result refers to it.
        arguments: Parsed arguments; empty when ``raw`` could not be parsed.
        raw: The argument text as the model wrote it.
        valid: Whether ``raw`` was a JSON object.
    """

    kind: Literal["tool_call"] = "tool_call"
    call_id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    raw: str = ""
    valid: bool = True


class ToolResultPart(Record):
    """What a tool gave back to the model.

    Attributes:
        content: Its text.
        parts: All of it, where there is more than text; then ``content`` is the text among it.
    """

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    content: str
    is_error: bool = False
    parts: tuple[TextPart | ImagePart | FilePart, ...] = ()


Part = Annotated[
    TextPart | ImagePart | FilePart | ReasoningPart | ToolCallPart | ToolResultPart, Field(discriminator="kind")
]


class Message(Record):
    """One turn. Tool results are parts of a ``user`` turn, whatever the provider calls them."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]

    @classmethod
    def system(cls, text: str) -> Message:
        """Return a system message of one text."""
        return cls(role="system", parts=(TextPart(text=text),))

    @classmethod
    def user(cls, text: str) -> Message:
        """Return a user message of one text."""
        return cls(role="user", parts=(TextPart(text=text),))

    @classmethod
    def assistant(cls, text: str) -> Message:
        """Return an assistant message of one text."""
        return cls(role="assistant", parts=(TextPart(text=text),))

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if part.kind == "text")


class ToolDefinition(Record):
    """A function offered to the model.

    Attributes:
        strict: Whether the provider shall hold the arguments to the schema; None where the client does not say.
    """

    name: str
    description: str = ""
    input_schema: dict[str, Any]
    strict: bool | None = None


class OutputSchema(Record):
    """A JSON Schema the reply must satisfy (the provider's constrained decoding where it has it).

    Attributes:
        json_schema: Empty for any JSON object (the older JSON mode).
        strict: Whether the provider shall hold the reply to it; None: where the schema allows it.
    """

    name: str
    json_schema: dict[str, Any]
    description: str = ""
    strict: bool | None = None


class ModelRequest(Record):
    """One call of a model.

    Attributes:
        messages: The conversation; system messages first.
        model: A model name, ``provider/model``, alias or role; the gateway resolves it.
        tools: Functions offered.
        tool_choice: auto, none, required, or the name of the one tool that must be called.
        parallel_tool_calls: Whether several calls may come in one turn.
        output: Structured output, when wanted.
        max_output_tokens: Most tokens written; None for the model's own limit.
        top_p: Nucleus sampling, 0 to 1.
        effort: How much to think first: none, minimal, low, medium, high, xhigh, max; None: as the model does.
        summary: What is wanted of the thinking, as text: auto, concise, detailed; None: not said.
        verbosity: How long to answer: low, medium, high.
        user: Who asks, as the client names its user.
        metadata: The client's own notes on the call; providers that keep them are given them.
        service_tier: Which service of the provider, as OpenAI names them (auto, default, flex, priority).
        cache_prefix: How many leading messages (with the tools) are a stable prefix worth caching.
        deadline_s: Seconds this call may take in all, retries included.
        form: For the record: in which form a plan is asked for, and why not in a better one. Never sent.
    """

    messages: tuple[Message, ...]
    model: str
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    output: OutputSchema | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    top_p: float | None = None
    effort: str | None = None
    summary: str | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    service_tier: str | None = None
    cache_prefix: int = 0
    deadline_s: float | None = None
    form: str = ""


class ModelResponse(Record):
    """A whole reply.

    Attributes:
        model: The model that answered, as the provider names it.
        provider: The configured provider's name.
        parts: Text, reasoning and tool calls in the order they came.
        usage: Tokens and cost of this call, all attempts included.
        attempts: Calls made, the last one included.
        route: Why this model: one short sentence for the record.
        latency_s: Seconds from sending to the last byte.
        first_token_s: Seconds from sending to the first text or argument, when streamed.
    """

    model: str
    provider: str = ""
    parts: tuple[Part, ...] = ()
    stop_reason: StopReason = "end"
    usage: Usage = Usage()
    attempts: int = 1
    route: str = ""
    latency_s: float = 0.0
    first_token_s: float | None = None
    response_id: str = ""

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if part.kind == "text")

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls, in order."""
        return tuple(part for part in self.parts if part.kind == "tool_call")


class TextDelta(Record):
    """More text.

    Attributes:
        refusal: It says why the model does not answer.
        annotations: Sources cited in the text so far, as in ``TextPart``.
    """

    kind: Literal["text"] = "text"
    text: str
    refusal: bool = False
    annotations: tuple[dict[str, Any], ...] = ()


class ReasoningDelta(Record):
    """More thinking.

    Attributes:
        signature, data: As in ``ReasoningPart``, whole, where they come with the end of a stretch of thinking: what
            comes after it is another ``ReasoningPart``.
    """

    kind: Literal["reasoning"] = "reasoning"
    text: str
    signature: str | None = None
    data: str | None = None


class ToolCallDelta(Record):
    """A tool call begins (``name`` set) or its argument text grows.

    Attributes:
        index: Which call of this reply, from 0.
    """

    kind: Literal["tool_call"] = "tool_call"
    index: int
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class Restart(Record):
    """A retry or another model begins the reply anew: drop what came before."""

    kind: Literal["restart"] = "restart"
    reason: str


class Done(Record):
    """The last chunk: the whole reply."""

    kind: Literal["done"] = "done"
    response: ModelResponse


ModelChunk = TextDelta | ReasoningDelta | ToolCallDelta | Restart | Done
