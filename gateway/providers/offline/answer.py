"""A plain answer: each result under the part of the task it answers, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from gateway.providers.offline.clauses import split
from gateway.providers.offline.language import Phrases, phrases_for
from gateway.providers.offline.read import AnswerAsked, Result
from gateway.providers.offline.words import name_stems, overlap, stem, words

_MOST_ITEMS = 50
_DEPTH = 3


def write_answer(asked: AnswerAsked) -> str:
    """Return the answer's text, in the language of the task; nothing in it is made up."""
    phrases = phrases_for(asked.task)
    if not asked.worked:
        return f"{phrases.identity} {phrases.no_tools}"
    done = [result for result in asked.results if result.done]
    broken = [result for result in asked.results if not result.done]
    parts: list[str] = []
    if len(asked.results) == 1 and done and not asked.missing:
        return shown(done[0].value, phrases)
    if asked.results:
        parts.append("\n".join(_lines(asked.task, asked.results, phrases)))
    if not done:
        parts.insert(0, phrases.nothing)
    told = "\n".join(str(result.value) for result in broken)
    missing = [line for line in asked.missing if line.strip() and line.strip() not in told]
    if missing:
        parts.append("\n".join([phrases.missing, *(f"- {line.strip('- ')}" for line in missing)]))
    return "\n\n".join(parts)


def _lines(task: str, results: Sequence[Result], phrases: Phrases) -> list[str]:
    lines: list[str] = []
    for result, title in zip(results, _titles(task, results), strict=True):
        if not result.done:
            lines.append(f"- {title}: {phrases.broke.format(error=result.value)}")
            continue
        text = shown(result.value, phrases)
        lines.append(f"- {title}:\n{_indented(text)}" if "\n" in text else f"- {title}: {text}")
    return lines


def _titles(task: str, results: Sequence[Result]) -> list[str]:
    """Return for each result the part of the task it answers, or its tool's name where none can be told."""
    clauses = [clause.text for clause in split(task, {_verb(result) for result in results})]
    if len(clauses) == len(results):
        return clauses
    taken: set[int] = set()
    titles: list[str] = []
    for result in results:
        clue = [*name_stems(result.tool), *(word.stem for word in words(result.input) if word.content)]
        scores = [(overlap(clue, _said(text)) - (0.2 if at in taken else 0), -at) for at, text in enumerate(clauses)]
        best = max(scores, default=(0.0, 0))
        if best[0] > 0:
            taken.add(-best[1])
            titles.append(clauses[-best[1]] if titles.count(clauses[-best[1]]) == 0 else _named(result))
        else:
            titles.append(_named(result))
    return titles


def _verb(result: Result) -> str:
    parts = name_stems(result.tool)
    return parts[0] if parts else stem(result.tool)


def _said(text: str) -> list[str]:
    return [word.stem for word in words(text) if word.content]


def _named(result: Result) -> str:
    return f"{result.tool.replace('_', ' ')} ({result.step})" if result.step else result.tool.replace("_", " ")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def shown(value: Any, phrases: Phrases, depth: int = 0) -> str:
    """Return a JSON value as a person reads it: plain numbers, lists and fields on lines of their own."""
    if isinstance(value, bool):
        return phrases.yes if value else phrases.no
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if len(fields) == 1 and depth == 0:
            return shown(next(iter(fields.values())), phrases, depth)
        return _rows([(f"{key}: ", item) for key, item in fields.items()], phrases, depth)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if not any(isinstance(item, (dict, list)) for item in items):
            return ", ".join(shown(item, phrases, depth + 1) for item in items) or "—"
        return _rows([("", item) for item in items[:_MOST_ITEMS]], phrases, depth) + (
            "\n…" if len(items) > _MOST_ITEMS else ""
        )
    return "—" if value is None else str(value)


def _rows(rows: Sequence[tuple[str, Any]], phrases: Phrases, depth: int) -> str:
    if depth >= _DEPTH or (depth and not any(isinstance(item, (dict, list)) for _, item in rows)):
        return ", ".join(f"{head}{shown(item, phrases, depth + 1)}" for head, item in rows)
    lines: list[str] = []
    for head, item in rows:
        text = shown(item, phrases, depth + 1)
        lines.append(f"- {head.rstrip()}\n{_indented(text)}" if "\n" in text else f"- {head}{text}")
    return "\n".join(lines) or "—"
