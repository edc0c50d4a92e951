"""A plain answer: each result under the part of the task it answers, and what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from gateway.providers.offline.clauses import split
from gateway.providers.offline.content import brief
from gateway.providers.offline.language import Phrases, phrases_for
from gateway.providers.offline.read import AnswerAsked, Result
from gateway.providers.offline.showing import indented, number, shown
from gateway.providers.offline.words import name_stems, overlap, stem, words

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_QUESTION = re.compile(
    r"^(?:what(?:'s|s| is| are| was)|how much (?:is|are)|was (?:ist|sind|sagt)|wie viel ist|(?:quelle?s? (?:est|sont)"
    r"|combien font)|(?:cuál es|cuánto es|qué es))\s+(?=\S)",
    re.IGNORECASE,
)
_SHARE = re.compile(r"(?P<share>\d[\d.]*)/100\s?\*\s?")
_NEW_CLAUSE = 0.35  # worth of a part of the task that no result stands under yet


def write_answer(asked: AnswerAsked) -> str:
    """Return the answer's text, in the language of the task; nothing in it is made up."""
    phrases = phrases_for(asked.task)
    if not asked.worked:
        return f"{phrases.identity} {phrases.no_answer}"
    done = [result for result in asked.results if result.done]
    broken = [result for result in asked.results if not result.done]
    parts: list[str] = []
    if done and broken and not asked.missing:  # another step stood in for what failed
        return write_answer(replace(asked, results=tuple(done)))
    if len(asked.results) == 1 and done and not asked.missing:
        return shown(done[0].value, phrases, asked.task)
    if not done:
        parts.append(phrases.nothing)
    if asked.results:
        parts.append("\n".join([*_outcome(asked, phrases), *_lines(asked.task, asked.results, phrases)]))
    return "\n\n".join([*parts, *_missing(asked, broken, phrases)])


def _missing(asked: AnswerAsked, broken: Sequence[Result], phrases: Phrases) -> list[str]:
    """Return what is missing and is not said by an error already."""
    told = "\n".join(str(result.value) for result in broken)
    missing = [line for line in asked.missing if line.strip() and line.strip() not in told]
    return ["\n".join([phrases.missing, *(f"- {line.strip('- ')}" for line in missing)])] if missing else []


def _outcome(asked: AnswerAsked, phrases: Phrases) -> list[str]:
    """Return the last result as a first line, when it is one plain value made of others."""
    last = asked.results[-1]
    made = _given(last)
    values = [one for result in asked.results[:-1] if result.done for one in _values(result.value)]
    used = sum(any(_holds(made, value) for value in _values(result.value)) for result in asked.results[:-1])
    if not last.done or not brief(last.value) or not values or not used or not made:
        return []
    return [f"{shown(last.value, phrases, asked.task)}\n"]


def _holds(text: str, value: Any) -> bool:
    return bool(re.search(rf"(?<![\w.]){re.escape(_text(value))}(?![\w.])", text))


def _text(value: Any) -> str:
    return number(value) if isinstance(value, (int, float)) else str(value)


def _values(value: Any) -> list[Any]:
    """Return the plain values of a result that another step may have been made from."""
    found = list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else [value]
    return [one for one in found if brief(one) and not isinstance(one, bool) and len(str(one)) > 0]


def _lines(task: str, results: Sequence[Result], phrases: Phrases) -> list[str]:
    lines: list[str] = []
    for result, (title, clause) in zip(results, _titles(task, results), strict=True):
        if not result.done:
            lines.append(f"- {title}: {phrases.broke.format(error=result.value)}")
            continue
        text = shown(result.value, phrases, _asks(task, clause), inline=True)
        nested = "\n" in text or text.startswith("- ")
        lines.append(f"- {title}:\n{indented(text)}" if nested else f"- {title}: {text}")
    return lines


def _asks(task: str, clause: str) -> str:
    """Return what is asked of one result: its clause, with the way numbers are written in the task."""
    return f"{clause} {' '.join(re.findall(r'[0-9],[0-9]{3}', task))}"


def _titles(task: str, results: Sequence[Result]) -> list[tuple[str, str]]:
    """Return for each result its title and the part of the task it answers (empty where none can be told)."""
    clauses = [clause.text for clause in split(task, {_verb(result) for result in results})]
    places = list(range(len(results))) if _one_each(clauses, results) else _aligned(clauses, results)
    titles: list[tuple[str, str]] = []
    for result, place in zip(results, places, strict=True):
        clause = clauses[place] if place is not None else ""
        alone = sum(other == place for other in places) == 1
        titles.append((_plain(clause) if clause and alone else _named(result), clause))
    return titles


def _one_each(clauses: Sequence[str], results: Sequence[Result]) -> bool:
    """Whether each result answers the clause at its place: none was given what only another clause says."""
    said = [set(_said(clause)) for clause in clauses]
    given = [set(_said(_given(result))) for result in results]
    return len(said) == len(given) and all(
        mine & said[at] or not any(mine & other for other in said) for at, mine in enumerate(given)
    )


def _plain(clause: str) -> str:
    return _QUESTION.sub("", clause.strip(" ?？¿")).strip() or clause


def _aligned(clauses: Sequence[str], results: Sequence[Result]) -> list[int | None]:
    """Return the clause of each result, both in order, so that they have most words in common."""
    paths: dict[int, tuple[float, list[int | None]]] = {0: (0.0, [])}  # by the last clause taken, from 1
    for result in results:
        clue = [*name_stems(result.tool), *_said(_given(result))]
        reached = {at: (worth, [*path, None]) for at, (worth, path) in paths.items()}
        for place, clause in enumerate(clauses, 1):
            alike = overlap(clue, _said(clause))
            steps = [
                (worth + alike + (0 if at == place else _NEW_CLAUSE), [*path, place - 1])
                for at, (worth, path) in paths.items()
                if at <= place
            ]
            reached[place] = max([*steps, reached.get(place, (-1.0, []))], key=lambda one: one[0])
        paths = reached
    return max(paths.values(), key=lambda one: one[0])[1]


def _verb(result: Result) -> str:
    parts = name_stems(result.tool)
    return parts[0] if parts else stem(result.tool)


def _said(text: str) -> list[str]:
    return [word.stem for word in words(_THOUSANDS.sub("", text)) if word.content]


def _given(result: Result) -> str:
    """Return the text of a result's arguments."""
    try:
        told: Any = json.loads(result.input)
    except ValueError:
        return result.input
    values = list(cast("dict[str, Any]", told).values()) if isinstance(told, dict) else [told]
    return " ".join(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)


def _named(result: Result) -> str:
    """Return a title of a result's own: what its tool was given, else its tool's name and number."""
    given = _given(result)
    given = _SHARE.sub(r"\g<share>% × ", given)
    if given and len(given) <= 60 and "\n" not in given and "{{" not in given:
        return given if re.search(r"\d", given) else f"{result.tool.replace('_', ' ')} {given}"
    return f"{result.tool.replace('_', ' ')} ({result.step})" if result.step else result.tool.replace("_", " ")
