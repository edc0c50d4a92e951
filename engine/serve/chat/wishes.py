"""How a client wishes its answer: what of it a run fulfils, what is refused, and what is left to the assistant.

Source: OpenAI's API reference, "Create chat completion" (ranges; ``stream_options`` only with ``stream``) and
"Structured outputs" (what is no answer comes as ``refusal``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from engine.dag.validate import faults
from gateway.wire.chat.requests import reasoning_effort
from gateway.wire.chat.wishes import output
from gateway.wire.fields import flag, mapping, refused
from schemas.errors import ModelRequestError
from schemas.model import ModelRequest, OutputSchema
from schemas.wishes import AnswerWishes

_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}
_UNUSABLE = ("schema cannot be applied", "leads out of the schema")
_VERBOSITY = ("low", "medium", "high")
_NEVER = ("logit_bias", "logprobs", "top_logprobs")
_FULFILLED = (
    *("response_format", "max_tokens", "max_completion_tokens", "max_output_tokens", "temperature", "top_p", "top_k"),
    *("seed", "frequency_penalty", "presence_penalty", "stop", "stop_sequences", "reasoning_effort", "reasoning"),
    *("thinking", "verbosity", "output_config"),
)


def wishes_of(request: ModelRequest) -> AnswerWishes:
    """Return what a run fulfils of a request's wishes.

    Raises:
        ModelRequestError: One is out of its range, or the schema is none; ``details["param"]`` names the field.
    """
    for name, (least, most) in _RANGES.items():
        value = getattr(request, name)
        if value is not None and not least <= value <= most:
            raise refused(name, f"must be from {least} to {most}, not {value:g}")
    if request.verbosity is not None and request.verbosity not in _VERBOSITY:
        raise refused("verbosity", f"can't be {request.verbosity[:40]!r}", f"one of {', '.join(_VERBOSITY)}")
    return AnswerWishes(
        output=_checked(request.output),
        max_output_tokens=request.max_output_tokens,
        stop=request.stop,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        seed=request.seed,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        effort=reasoning_effort(request),
        verbosity=request.verbosity,
    )


def check_body(body: Mapping[str, Any]) -> None:
    """Return if a request asks for one answer, and says how it is streamed only where it is.

    Raises:
        ModelRequestError: It does not.
    """
    wanted = body.get("n")
    if wanted is not None and wanted != 1:
        raise ModelRequestError("an assistant gives one answer", hint="n: 1", details={"param": "n"})
    streamed, how = flag(body.get("stream"), "stream"), body.get("stream_options")
    if how is None:
        return
    if not streamed:
        raise refused("stream_options", "is only for a request with stream: true")
    flag(mapping(how, "stream_options").get("include_usage"), "stream_options.include_usage")


def wants_form(body: Mapping[str, Any]) -> bool:
    """Whether a client reads the answer as JSON. Raises ModelRequestError."""
    return output(body) is not None


def unfulfilled(body: Mapping[str, Any], *, passes: bool = False) -> list[str]:
    """Return the fields of a request by which a client tells a model how to write, and which no run fulfils.

    Args:
        body: The client's, in its own format.
        passes: The answer is an agent's, passed on as it is: then no wish is fulfilled.

    >>> unfulfilled({"model": "clerk", "temperature": 0.2, "logprobs": True, "stop": None})
    ['logprobs']
    >>> unfulfilled({"temperature": 0.2, "response_format": {"type": "text"}}, passes=True)
    ['temperature']
    """
    names = (*_FULFILLED, *_NEVER) if passes else _NEVER
    return [name for name in names if body.get(name) not in (None, False, {"type": "text"}, [], {})]


def _checked(wished: OutputSchema | None) -> OutputSchema | None:
    if wished is None:
        return None
    try:
        Draft202012Validator.check_schema(wished.json_schema)
    except SchemaError as exc:
        why = f"is no JSON Schema: {exc.json_path}: {exc.message[:200]}"
        raise refused("response_format.json_schema.schema", why) from None
    except RecursionError:
        raise refused("response_format.json_schema.schema", "is nested too deep") from None
    unusable = [why for _, why in faults(wished.json_schema, {}) if any(words in why for words in _UNUSABLE)]
    if unusable:
        raise refused("response_format.json_schema.schema", f"is no JSON Schema: {unusable[0][:200]}")
    return wished


def last_parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of the newest message of the user's, where it has parts; its shape was checked."""
    turns = cast("list[dict[str, Any]]", body["messages"])
    content = next((turn.get("content") for turn in reversed(turns) if turn.get("role") == "user"), None)
    return cast("list[dict[str, Any]]", content) if isinstance(content, list) else []


def check_parts(body: Mapping[str, Any]) -> None:
    """Return if the newest message is text. Raises ModelRequestError."""
    for number, part in enumerate(last_parts(body)):
        kind = part.get("type", "text")
        if kind not in ("text", "input_text"):
            raise ModelRequestError(
                f"an assistant reads text, and part {number} of the last message is {str(kind)[:40]!r}",
                hint="say it in words, or ask a model that reads it (GET /v1/models)",
                details={"param": "messages"},
            )
