"""A plan in the compact grammar, written from the sketch of a task."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.providers.offline.affinity import suits_field
from gateway.providers.offline.calls import Call
from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.language import Phrases, brief, phrases_for
from gateway.providers.offline.read import PlanAsked
from gateway.providers.offline.results import REFERENCE, ids_in
from gateway.providers.offline.sketch import Sketch, sketch

_EACH = re.compile(r"\b(?:each|every|jede[nmrs]?|chaque|cada)\b|每[个個一]?|各|それぞれ|각각|마다", re.IGNORECASE)


_MOST_TOLD = 20


def write_plan(asked: PlanAsked) -> str:
    """Return the plan as compact JSON text.

    A plan that was refused is written once more without what is optional in it; after that a question is asked.
    """
    phrases = phrases_for(asked.task)
    if asked.repairs > 1:
        return _written([{"ask": phrases.stuck.format(what=asked.problems.splitlines()[0])}])
    made = sketch(asked.task, asked.tools, asked.first_id, asked.past, asked.most)
    new = [call for call in made.calls if not call.done][: asked.most]
    if asked.repairs:
        new = [_bared(call) for call in new]
    question = _question(made, new, asked, phrases)
    if question:
        return _written([{"ask": question}])
    items = [_item(call) for call in new]
    answer = _answer(made, new, asked, phrases)
    return _written([*items, {"answer": answer}] if answer else items)


def _written(items: list[dict[str, Any]]) -> str:
    return json.dumps({"steps": items}, ensure_ascii=False, separators=(",", ":"))


def _question(made: Sketch, new: list[Call], asked: PlanAsked, phrases: Phrases) -> str:
    """Return what has to be asked before there can be a plan; empty when there is one."""
    if not asked.task.strip():
        return phrases.no_task
    if not asked.tools:
        return _lacking(f"{phrases.identity} {phrases.no_tools}", asked, phrases)
    if made.failed and not new:
        return phrases.failed.format(what="; ".join(made.failed))
    if not made.calls:
        return _lacking(f"{phrases.identity} {phrases.no_tool.format(what=brief(asked.task))}", asked, phrases)
    return _needed(made, new, phrases)


def _lacking(said: str, asked: PlanAsked, phrases: Phrases) -> str:
    """Return what is said of a part of the task that no tool does, with what could not be used for it."""
    return (
        "\n".join([said, "", phrases.missing, *(f"- {line.replace('{{', '{ {')}" for line in asked.down)])
        if asked.down
        else said
    )


def _needed(made: Sketch, new: list[Call], phrases: Phrases) -> str:
    """Return the question for what is missing where no new call has anything to start from."""
    empty = [call for call in new if call.missing and not call.values and not call.after]
    if not empty or len(empty) < len(new) or any(call.done for call in made.calls):
        return ""
    lacks = [a.described for call in empty for a in call.tool.required if a.name in call.missing]
    return phrases.needed.format(what=empty[0].text, missing=", ".join(lacks))


def _bared(call: Call) -> Call:
    """Return a call with nothing optional and only whole results."""
    needed = {argument.name for argument in call.tool.required}
    values = {name: value for name, value in call.values.items() if name in needed}
    whole = {name: REFERENCE.sub(r"{{\g<id>}}", v) if isinstance(v, str) else v for name, v in values.items()}
    return replace(call, values=whole)


def _item(call: Call) -> dict[str, Any]:
    """Return one call as an item: bare text, its arguments, or the form with what else it needs."""
    values, foreach = _spread(call)
    waits = [one for one in call.after if one not in ids_in(values)]
    if not foreach and not call.when and (bare := _plainly(call, values, waits)) is not None:
        return {call.tool.name: bare}
    item: dict[str, Any] = {"step": {call.tool.name: values}}
    if waits:
        item["depends_on"] = waits
    if foreach:
        item["foreach"] = foreach
    if call.when:
        item["when"] = list(call.when)
    if call.missing:
        item["rationale"] = brief(call.text)
    return item


def _plainly(call: Call, values: dict[str, Any], waits: list[int]) -> str | dict[str, Any] | None:
    """Return the arguments of a call that needs nothing beside them, a lone text bare; None for any other."""
    needed = [argument.name for argument in call.tool.required]
    if set(values) != set(needed) and (waits or not set(needed) <= set(values)):
        return None
    alone = values[needed[0]] if len(values) == len(needed) == 1 and call.tool.bare else None
    return alone if isinstance(alone, str) else values


def _spread(call: Call) -> tuple[dict[str, Any], str]:
    """Turn a reference to a list into one call an item, when the task says "each" and the argument takes one thing."""
    if not _EACH.search(call.text):
        return call.values, ""
    for name, link in call.links.items():
        argument = next(one for one in call.tool.arguments if one.name == name)
        if link.part is not None and link.part.kind == "array" and argument.kind not in ("array", "object"):
            return {**call.values, name: _item_of(argument, link.part)}, str(call.values[name])
    return call.values, ""


def _item_of(argument: Argument, rows: Argument) -> str:
    """Return the reference to one item of a list, or to the field of it that suits the argument best."""
    parts = rows.items.parts if rows.items is not None else ()
    best = max(parts, key=lambda part: suits_field(argument, part), default=None)
    return f"{{{{item.{best.name}}}}}" if best is not None else "{{item}}"


def _answer(made: Sketch, new: list[Call], asked: PlanAsked, phrases: Phrases) -> str:
    """Return the answer as a template: one plain value, all done, or a clause without a tool; else nothing."""
    if made.requests or made.left or (made.calls and not new):
        lines = [f"{_title(call, made.calls)}: {{{{{call.id}}}}}" for call in made.calls]
        lines += [phrases.no_tool.format(what=brief(text)) for text in made.requests[:_MOST_TOLD]]
        lines += [phrases.left.format(what=brief(made.left))] if made.left else []
        return _lacking("\n".join(lines), asked, phrases) if made.requests else "\n".join(lines)
    if len(new) == 1 and len(made.calls) == 1 and not new[0].missing and not new[0].when:
        return _plain_value(new[0])
    return ""


def _title(call: Call, calls: Sequence[Call]) -> str:
    """Return what a call is for: its part of the task, or what it is given where others are for the same part."""
    given = [str(value) for value in call.values.values() if not ids_in(value)]
    if not given or sum(one.text == call.text for one in calls) < 2:
        return brief(call.text)
    return brief(f"{call.tool.name.replace('_', ' ')} {', '.join(given)}".replace("{{", "{ {"))


def _plain_value(call: Call) -> str:
    returns = call.tool.returns
    if call.tool.scalar:
        return f"{{{{{call.id}}}}}"
    if (
        len(returns) == 1
        and returns[0].name.isidentifier()
        and returns[0].kind in ("number", "integer", "string", "boolean")
    ):
        return f"{{{{{call.id}.{returns[0].name}}}}}"
    return ""
