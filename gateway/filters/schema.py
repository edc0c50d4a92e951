"""The filter ``schema``: an answer in text is JSON that fits a schema, else it is stopped.

Options: ``schema``; without it the request's own (``response_format``, ``output_config``, ``text.format``). Nothing is
repaired and no model is asked again: a chain that did would answer for a model that did not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from pydantic import Field, field_validator

from gateway.filters.base import Blocked, Encoding, Facts, Kind, Scanner
from gateway.filters.decision import Block
from gateway.filters.formats.slots import member
from schemas.gateway import Side
from schemas.patterns import GUARDED, TooSlowError, patience
from schemas.result import Record

LONGEST = 4_000_000


class SchemaOptions(Record):
    """Options of ``schema``.

    Attributes:
        json_schema: What answers have to fit (``schema`` in the file); None: what the request asks for.
    """

    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")

    @field_validator("json_schema")
    @classmethod
    def _is_one(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            try:
                Draft202012Validator.check_schema(schema)
            except Exception as exc:
                raise ValueError(f"it is no JSON Schema: {getattr(exc, 'message', exc)}") from None
        return schema


class SchemaFilter:
    """Holds answers to a schema (implements ``TextFilter``)."""

    def __init__(self, options: SchemaOptions) -> None:
        self._schema = options.json_schema

    def session(self, facts: Facts) -> SchemaSession:
        """Begin a call."""
        del facts
        return SchemaSession(self._schema)


class SchemaSession:
    """One call (implements ``Session``)."""

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._schema = schema

    def prepare(self, texts: Callable[[], list[str]], body: Mapping[str, Any] | None) -> None:
        """Read which schema the request asks for."""
        del texts
        if self._schema is None and body is not None:
            self._schema = asked_schema(body)

    def request(self, text: str, kind: Kind, fixed: bool) -> str:
        """Return a text of the request as it is."""
        del kind, fixed
        return text

    def scanner(self, kind: Kind, encoding: Encoding, fixed: bool) -> Scanner | None:
        """Return what checks one text of the answer; reasoning and calls of tools are not the answer."""
        del encoding, fixed
        return None if self._schema is None or kind != "assistant" else _Check(self._schema)

    def said(self, side: Side) -> tuple[bool, str]:
        """Return nothing: it changes nothing."""
        del side
        return False, ""


class _Check:
    """Collects a text that passes, and checks it when it is over (implements ``Scanner``)."""

    held = ""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._parts: list[str] = []
        self._size = 0

    def feed(self, text: str) -> str:
        """Return the text. Raises Blocked: it is too long."""
        self._parts.append(text)
        self._size += len(text)
        if self._size > LONGEST:
            raise Blocked(Block(f"it is longer than {LONGEST:,} characters"))
        return text

    def finish(self) -> str:
        """Return nothing. Raises Blocked: it does not fit."""
        problem = misfit("".join(self._parts), self._schema)
        if problem:
            raise Blocked(Block(problem))
        return ""


def misfit(text: str, schema: Mapping[str, Any]) -> str:
    """Return why a text does not fit a schema: where, and by which rule, never what stands there; empty if it fits."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "it is no JSON"
    try:
        with patience():
            error: Any = next(cast("Any", GUARDED(schema)).iter_errors(value), None)
    except TooSlowError:
        return "its check against the schema takes too long"
    if error is None:
        return ""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"it does not fit the schema: ${where[:100]} breaks {error.validator!r}"


def asked_schema(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON Schema that a request, in any format, asks its answer to fit; an empty one for any object."""
    chat = member(body, "response_format")
    if chat.get("type") == "json_schema":
        return member(member(chat, "json_schema"), "schema")
    for form in (member(member(body, "output_config"), "format"), member(member(body, "text"), "format")):
        if form.get("type") == "json_schema":
            return member(form, "schema")
    if chat.get("type") == "json_object":
        return {"type": "object"}
    neutral = member(body, "output")
    return member(neutral, "json_schema") or {"type": "object"} if neutral else None
