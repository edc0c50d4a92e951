"""Random walks through the plan grammar with a real constrained decoder, and what comes of each."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from engine.dag.build import check_plan
from engine.planner.arguments import Dialect
from engine.planner.grammar import compile_grammar
from engine.planner.read import Reading, read_reply
from schemas.tool import ToolSpec

EOS = 256
_TOO_LARGE = "too large a number"  # JSON knows no largest one, and so no grammar does
_COMPACT = {"whitespace_flexible": False}
_QUOTE, _COMMA, _CLOSERS = ord('"'), ord(","), b'"}]'


@dataclass
class _Bytes:
    """A tokenizer whose tokens are the bytes, and one for the end: it needs no vocabulary file."""

    eos_token_id: int = EOS
    bos_token_id: int | None = None
    tokens: list[bytes] = field(default_factory=lambda: [bytes([byte]) for byte in range(256)] + [b"<eos>"])
    special_token_ids: list[int] = field(default_factory=lambda: [EOS])

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


TOKENIZER = LLTokenizer(TokenizerWrapper(_Bytes()))


def decoder(schema: dict[str, Any]) -> LLMatcher:
    """A matcher for a schema, at its beginning."""
    return LLMatcher(TOKENIZER, LLMatcher.grammar_from_json_schema(schema, overrides=_COMPACT))


def accepts(schema: dict[str, Any], reply: str) -> bool:
    """Whether the decoder could have written this reply."""
    matcher = decoder(schema)
    return matcher.try_consume_tokens(list(reply.encode())) == len(reply.encode()) and matcher.is_accepting()


def walk(fresh: LLMatcher, rng: random.Random, most: int = 1_500) -> str:
    """Write one reply by choosing any allowed byte, with a leaning to end what is begun.

    Chance alone hardly ever writes a reference, so some texts begin with one.
    """
    matcher = fresh.deep_copy()
    written = bytearray()
    steps = rng.randint(1, 6)
    while not matcher.is_stopped():
        forced = matcher.compute_ff_bytes()
        if forced:
            matcher.consume_tokens(list(forced))
            written += forced
            continue
        token = _choose(matcher, rng, written, closing=len(written) > most or written.count(b"},{") >= steps)
        if token == EOS:
            break
        reference = b"{{%d%s}}" % (rng.randint(0, 8), rng.choice([b"", b".a", b".rows[0].b"]))
        if written[-1:] == b'"' and token != _QUOTE and rng.random() < 0.3:
            taken = matcher.try_consume_tokens(list(reference))
            if taken == len(reference):
                written += reference
                continue
            matcher.rollback(taken)
        assert matcher.consume_token(token), matcher.get_error()
        written.append(token)
    assert matcher.is_accepting() or matcher.is_stopped()
    return written.decode()


def _choose(matcher: LLMatcher, rng: random.Random, written: bytearray, *, closing: bool) -> int:
    mask = matcher.compute_bitmask()
    allowed = [token for token in range(EOS + 1) if mask[token >> 3] >> (token & 7) & 1]
    assert allowed, matcher.get_error()
    if EOS in allowed:
        return EOS
    if written == b'{"steps":[':
        return ord("{") if rng.random() < 0.98 else ord("]")
    enders = [byte for byte in _CLOSERS if byte in allowed]
    if enders and (closing or rng.random() < 0.2):
        return rng.choice(enders)
    if closing and _COMMA in allowed:
        return _COMMA  # nothing else ends a number that is not the last argument
    readable = [token for token in allowed if 32 <= token < 127]
    return rng.choice(readable or allowed)


@dataclass
class Outcome:
    """One walk: the reply, what our reader made of it, and the codes of what is wrong."""

    reply: str
    reading: Reading
    wrong: list[str]
    codes: list[str]


def outcome(reply: str, tools: Sequence[ToolSpec], dialect: Dialect) -> Outcome:
    """Read and check a reply as the planner does; ``wrong`` holds what a grammar must make impossible."""
    declared = {tool.name: tool for tool in tools}
    reading = read_reply(reply, declared, dialect=dialect)
    problems = [*reading.problems, *check_plan(reading.plan, declared, max_steps=50)]
    wrong = [str(p) for p in problems if p.code == "tool" or (p.code == "parse" and _TOO_LARGE not in p.message)]
    for step in reading.plan.steps:
        properties = declared[step.tool].input_schema.get("properties", {}) if step.tool in declared else {}
        wrong += [f"{step.tool}: {name}" for name in step.tool_input or {} if name not in properties]
    wrong += _json_types(json.loads(reply), tools, dialect)
    return Outcome(reply, reading, wrong, [problem.code for problem in problems])


def _json_types(document: Any, tools: Sequence[ToolSpec], dialect: Dialect) -> list[str]:
    """Arguments whose JSON type, as written, is neither their schema's nor text."""
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
    declared = {tool.name: tool.input_schema.get("properties", {}) for tool in tools}
    found: list[str] = []
    for item in document["steps"]:
        call = item.get("step", item)
        name, given = next(iter(call.items()))
        for key, value in given.items() if name in declared and isinstance(given, dict) else ():
            kind = declared[name][key].get("type")
            right = kinds[kind] if isinstance(kind, str) else object
            if not isinstance(value, (str, type(None)) if dialect != "unions" else (str, type(None), right)):
                found.append(f"{name}.{key}: {value!r}")
    return found


def compiled(tools: Sequence[ToolSpec], dialect: Dialect) -> LLMatcher:
    """The matcher of the plan grammar over these tools."""
    return decoder(compile_grammar(tools, dialect))
