"""Answers written without a model: a plan's ``answer`` template, and what to say when no model can be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.dag.refs import Reference, follow, parse
from engine.synth.language import Phrases, phrases_for
from engine.synth.plain import block, inline
from schemas.errors import StepInputError
from schemas.excerpts import excerpts
from schemas.planning import AnswerRequest, PastStep

_FOUND_CHARS = 6_000


def fill_answer(template: str, results: Mapping[str, Any]) -> str:
    """Fill a plan's ``answer`` template with results, written plainly for people; never empty.

    A reference on a line of its own may become several lines; one inside a sentence stays in it. A result is put in
    as it is: references or braces inside it mean nothing.

    Args:
        template: Text with ``{{id.path}}`` references; its language decides the words for yes and no.
        results: Step results by step id; None for a skipped step.

    Raises:
        StepInputError: A step has no result, or a path is absent in one.

    >>> fill_answer("In total {{2.sum}} over {{1}}.", {"1": ["AAPL", "MSFT"], "2": {"sum": 7.50}})
    'In total 7.5 over AAPL, MSFT.'
    """
    segments = parse(template)
    words = "".join(segment for segment in segments if isinstance(segment, str))
    phrases = phrases_for(words)
    written: list[str] = []
    for index, segment in enumerate(segments):
        if isinstance(segment, str):
            written.append(segment)
            continue
        value = follow(segment, _result(segment, results))
        written.append(block(value, phrases) if stands_alone(segments, index) else inline(value, phrases))
    return _never_empty("".join(written), words, phrases)


def partial_answer(request: AnswerRequest, reason: str, *, cancelled: bool = False) -> str:
    """Return what was found and what is missing, in the language of the task; never empty.

    Args:
        request: The task, the steps that ended and what could not be had.
        reason: Why there is no better answer, in a few words; where it is empty and nothing is missing, the
            answer is not called unfinished. A single lack that it ends in is not listed again.
        cancelled: Somebody ended it, for that reason; then it is not said that it could not be done.
    """
    phrases = phrases_for(request.task)
    found = _found(request.steps, phrases)
    missing = request.missing or tuple(_lack(step, phrases) for step in request.steps if step.status != "done")
    sections = [f"{phrases.found}\n{found}" if found else phrases.nothing_found]
    if reason or missing or not found:
        sections.insert(0, _with(reason.rstrip(" .。"), phrases.cancelled if cancelled else phrases.unfinished))
    if missing and not (len(missing) == 1 and reason.endswith(missing[0])):  # else it stands in the first line
        sections.append(missing_note(missing, phrases))
    return "\n\n".join(sections)


def missing_note(missing: tuple[str, ...], phrases: Phrases) -> str:
    """Return the lines that tell a person what is missing."""
    return "\n".join((phrases.missing, *(f"- {item}" for item in missing)))


def stopped_note(task: str, reason: str) -> str:
    """Return the sentence that says, in the language of the task, that it was stopped and why."""
    return _with(reason.rstrip(" .。"), phrases_for(task).unfinished)


def _with(reason: str, said: str) -> str:
    return said.format(reason=reason) if reason else said.split("{reason}")[0].rstrip(" :：") + said[-1]


def _result(reference: Reference, results: Mapping[str, Any]) -> Any:
    if reference.step_id not in results and not reference.problem:
        raise StepInputError(
            f"the answer refers to {reference}, but step {reference.step_id} gave no result",
            details={"reference": str(reference)},
        )
    return results.get(reference.step_id)


def stands_alone(segments: tuple[str | Reference, ...], index: int) -> bool:
    """Whether a reference of an answer has a line to itself, so that its value may take several."""
    before = segments[index - 1] if index else "\n"
    after = segments[index + 1] if index + 1 < len(segments) else "\n"
    return (
        isinstance(before, str)
        and isinstance(after, str)
        and before.rstrip(" \t").endswith("\n")
        and after.lstrip(" \t").startswith("\n")
    )


def _never_empty(text: str, words: str, phrases: Phrases) -> str:
    return text if text.strip() and (words.strip() or text.strip() != inline(None, phrases)) else phrases.empty


def _found(steps: tuple[PastStep, ...], phrases: Phrases) -> str:
    done = [step for step in steps if step.status == "done"]
    texts = excerpts([_preview(step, phrases) for step in done], _FOUND_CHARS)
    return "\n".join(
        f"- {_label(step, phrases)}:{_indented(text)}" for step, text in zip(done, texts, strict=True) if text.strip()
    )


def _preview(step: PastStep, phrases: Phrases) -> str:
    try:
        return block(json.loads(step.preview), phrases)
    except ValueError:
        return step.preview


def _indented(text: str) -> str:
    lines = text.splitlines()
    return f" {text}" if len(lines) < 2 else "".join(f"\n  {line}" for line in lines)


def _lack(step: PastStep, phrases: Phrases) -> str:
    outcome = {"failed": phrases.failed, "skipped": phrases.skipped}.get(step.status, phrases.unended)
    cause = step.error.message if step.error else step.reason
    return f"{_label(step, phrases)}: {outcome}" + (f" ({cause})" if cause else "")


def _label(step: PastStep, phrases: Phrases) -> str:
    return phrases.step.format(id=step.step.id, tool=step.step.tool)
