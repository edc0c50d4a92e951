"""Model requests and replies, neutral between providers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.result import Record, Usage

Role = Literal["planner", "executor", "synthesizer", "judge", "summarizer"]
StopReason = Literal["end", "length", "tool_calls", "stop_sequence", "refusal", "other"]
CacheMark = Literal["", "5m", "1h"]
"""How long the provider is to keep the prompt up to here; empty for no wish."""


class TextPart(Record):
    """Text of a message.

    Attributes:
        refusal: The model says in it why it does not answer.
        annotations: Sources it cites, each as OpenAI's Responses write one (``url_citation``, ``file_citation`` …), or
            as Anthropic points into the request's own documents (``char_location`` …). ``source`` in one is what its
            own provider wrote, to go back unchanged.
    """

    kind: Literal["text"] = "text"
    text: str
    refusal: bool = False
    annotations: tuple[dict[str, Any], ...] = ()
    cache: CacheMark = ""


class ImagePart(Record):
    """An image: an ``https:`` URL, a ``data:<media type>;base64,…`` URL, or the id of a file the provider has.

    Attributes:
        url: Where it is; empty when ``file_id`` says it.
        detail: How closely it is to be looked at (auto, low, high, original); empty for the provider's own choice.
    """

    kind: Literal["image"] = "image"
    url: str = ""
    file_id: str = ""
    detail: str = ""
    cache: CacheMark = ""


class FilePart(Record):
    """A document: an ``https:`` URL, a ``data:<media type>;base64,…`` URL, or the id of a file the provider has.

    Attributes:
        url: Where it is; empty when ``file_id`` says it.
        context: What the model is told of it, beside its name.
        cite: Whether the answer is to cite it.
    """

    kind: Literal["file"] = "file"
    url: str = ""
    name: str = ""
    file_id: str = ""
    context: str = ""
    cite: bool = False
    cache: CacheMark = ""


class AudioPart(Record):
    """Sound: base64 and its format (wav, mp3)."""

    kind: Literal["audio"] = "audio"
    data: str
    format: str


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
    cache: CacheMark = ""


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
    cache: CacheMark = ""


Part = Annotated[
    TextPart | ImagePart | FilePart | AudioPart | ReasoningPart | ToolCallPart | ToolResultPart,
    Field(discriminator="kind"),
]


class Message(Record):
    """One turn. Tool results are parts of a ``user`` turn, whatever the provider calls them.

    Attributes:
        name: Who speaks, where several do in one role; empty otherwise.
    """

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]
    name: str = ""

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
    cache: CacheMark = ""


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
        allowed_tools: Names of the tools that may be called now; empty: all.
        parallel_tool_calls: Whether several calls may come in one turn.
        output: Structured output, when wanted.
        max_output_tokens: Most tokens written; None for the model's own limit.
        top_p: Nucleus sampling, 0 to 1.
        top_k: From how many of the likeliest tokens the next is drawn.
        seed: The same one for the same answer, as far as the provider can.
        frequency_penalty, presence_penalty: Against repetition, -2 to 2.
        effort: How much to think first: none, minimal, low, medium, high, xhigh, max; None: as the model does.
        think: That it shall think first, though not how much.
        thinking_tokens: The most tokens of thinking.
        summary: What is wanted of the thinking, as text: auto, concise, detailed, summarized, omitted; None: not
            said.
        verbosity: How long to answer: low, medium, high.
        user: Who asks, as the client names its user.
        metadata: The client's own notes on the call; providers that keep them are given them.
        service_tier: Which service of the provider, as OpenAI names them (auto, default, flex, priority).
        cache_prefix: How many leading messages (with the tools) are a stable prefix worth caching.
        deadline_s: Seconds this call may take in all, retries included.
        cache_key: Calls of one key share a prompt cache, where the provider wants to be told.
        dropped: For the record: fields of the client's body that have no neutral form and change no answer.
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
    think: bool = False
    thinking_tokens: int | None = None
    summary: str | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    service_tier: str | None = None
    allowed_tools: tuple[str, ...] = ()
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    cache_key: str | None = None
    dropped: tuple[str, ...] = ()
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
        stop_sequence: Which of the request's stop sequences ended it, where the provider says.
        refusal: The provider's own words on why it was refused, beside what the model said.
        service_tier: By which the call was served, as the provider names it.
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
    stop_sequence: str = ""
    refusal: str = ""
    service_tier: str = ""

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
