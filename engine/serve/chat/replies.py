"""What an assistant says while its run waits for somebody: what is asked, of whom, and how to answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from engine.serve.chat.answers import Unclear
from engine.serve.chat.clienttools import own_name
from engine.serve.chat.phrases import Phrases, phrases_for
from engine.serve.chat.values import choices_of
from engine.sinks.words import input_text, one_line, printable, shortened
from schemas.approvals import ApprovalRequested
from schemas.plan import Plan

_NAMED = re.compile(r"\*[^*`\n]{1,20} `([A-Za-z0-9_.-]{1,80})`\*\s*$")
_WIDTH = 100
_LONGEST = 4_000


def waiting_text(
    run_id: str,
    waiting: Sequence[ApprovalRequested],
    like: str = "",
    *,
    estimates: Mapping[str, str] | None = None,
) -> str:
    """Return what a run waits for, as its assistant says it (Markdown): inputs exactly as they will be sent.

    Args:
        run_id: The run; named at the end, by which the next message finds it again.
        waiting: What waits; the calls of a client's own tools are none of it (``tool_calls``).
        like: A text in the language to say it in.
        estimates: What running a plan would take, by the approval's id.
    """
    said = phrases_for(like)
    shown = [one for one in waiting if one.subject != "client_tool"]
    if not shown:
        return ""
    if len(shown) == 1 and shown[0].subject in ("question", "elicitation"):
        parts = _question(shown[0], said)
    else:
        parts = [part for one in shown for part in _one(one, said, (estimates or {}).get(one.approval_id, ""))]
        parts.append(_how(shown, said))
    return "\n\n".join([*parts, f"*{said.run} `{run_id}`*"])


def run_named(text: str) -> str:
    """Return the run that a reply of ours ends with the name of; empty for any other text.

    >>> run_named(waiting_text("9f1c", [ApprovalRequested(approval_id="a1", subject="question", question="Where?")]))
    '9f1c'
    """
    found = _NAMED.search(text)
    return found[1] if found else ""


def unnamed(text: str) -> str:
    """Return a reply without the run's name at its end, which is for programs.

    >>> unnamed("I am still planning.\\n\\n*Run `9f1c`*")
    'I am still planning.'
    """
    found = _NAMED.search(text)
    return text[: found.start()].rstrip() if found else text


def tool_calls(run_id: str, waiting: Sequence[ApprovalRequested]) -> list[dict[str, Any]]:
    """Return the calls that the client is to make itself, as a chat completion writes them; ids carry the run's.

    >>> asked = ApprovalRequested(approval_id="a1", subject="client_tool", tool="look", input={"at": 1})
    >>> tool_calls("9f", [asked])[0]["id"]
    'call_9f_a1'
    """
    return [
        {
            "id": call_id(run_id, one.approval_id),
            "type": "function",
            "function": {"name": own_name(one.tool), "arguments": json.dumps(one.input or {}, ensure_ascii=False)},
        }
        for one in waiting
        if one.subject == "client_tool"
    ]


def call_id(run_id: str, approval_id: str) -> str:
    """Return the id by which a client gives the result of a call."""
    return f"call_{run_id}_{approval_id}"


def refusal_text(run_id: str, unclear: Unclear, waiting: Sequence[ApprovalRequested], like: str) -> str:
    """Return why an answer was not taken, and once more what waits: nothing was decided.

    Args:
        run_id: The run.
        unclear: Why.
        waiting: What waits.
        like: The message, in whose language it is said.
    """
    said = phrases_for(like)
    ids = ", ".join(f"`{one.approval_id}`" for one in waiting if one.subject != "client_tool")
    why = {
        "which": said.which.format(ids=ids),
        "unknown": said.unknown.format(what=one_line(unclear.what)[:40], ids=ids),
        "condition": said.condition,
        "happened": said.happened,
        "form": said.form,
        "nothing": said.still,
    }[unclear.why]
    return f"{why}\n\n{waiting_text(run_id, waiting, like)}"


def _one(asked: ApprovalRequested, said: Phrases, estimate: str) -> list[str]:
    """Return the paragraphs of one thing that waits."""
    if asked.subject in ("question", "elicitation"):
        return [f"`{asked.approval_id}` {said.asks}: {printable(asked.question)}"]
    step = f" ({one_line(asked.step_id)})" if asked.step_id else ""
    head = {"plan": said.agree_plan, "in_doubt": said.doubt}.get(asked.subject, said.agree)
    why = f": {shortened(asked.reason, 400)}" if asked.reason else "."
    parts = [f"`{asked.approval_id}` {head.format(tool=one_line(asked.tool))}{step}{why}"]
    if asked.plan is not None:
        parts.append(_table(asked.plan))
    elif asked.input is not None:
        parts.append(_fenced(asked.input))
    if estimate:
        parts.append(said.estimate.format(estimate=estimate))
    if asked.dry_run is not None:
        parts += [said.dry_run, _fenced(asked.dry_run)]
    if asked.expires_at is not None:
        until = said.until_approve if asked.by_default == "approve" else said.until_reject
        parts.append(until.format(when=time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(asked.expires_at))))
    return parts


def _question(asked: ApprovalRequested, said: Phrases) -> list[str]:
    """Return a question that stands alone: what is asked, and what has to be said."""
    parts = [printable(asked.question or asked.reason or said.asks)]
    fields = _fields(asked.answer_schema or {})
    if fields:
        parts.append(said.how_form.format(fields=fields))
    return parts


def _fields(schema: Mapping[str, Any]) -> str:
    """Return what an answer has to hold, by name and kind."""
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {}) if schema.get("type") == "object" else {}
    return ", ".join(f"`{one_line(name)}: {_kind(field)}`" for name, field in properties.items()) or _choices(schema)


def _kind(field: Mapping[str, Any]) -> str:
    told = one_line(str(field.get("title") or field.get("description") or ""))[:60]
    return _choices(field) or told or str(field.get("type", "text"))


def _choices(field: Mapping[str, Any]) -> str:
    return " | ".join(one_line(str(option)) for option in choices_of(field))


def _how(waiting: Sequence[ApprovalRequested], said: Phrases) -> str:
    """Return how to answer."""
    if len(waiting) > 1:
        return said.how_each.format(first=waiting[0].approval_id, second=waiting[1].approval_id)
    if waiting[0].subject == "in_doubt":
        return said.how_doubt
    if not waiting[0].input:
        return said.how.partition(". ")[0].partition("。")[0].rstrip(".") + "."
    return said.how.format(name=one_line(next(iter(waiting[0].input))))


def _fenced(value: Any) -> str:
    """Return a value as a block of JSON that nothing in it can end."""
    text = printable(json.dumps(value, ensure_ascii=False, indent=2, default=str))
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n… ({len(text):,} characters)"
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{ticks}json\n{text}\n{ticks}"


def _table(plan: Plan) -> str:
    """Return a plan as a table."""
    rows = [
        f"| {step.id} | {_cell(step.tool)} | {_cell(input_text(step.tool_input))} | {', '.join(step.depends_on)} |"
        for step in plan.steps
    ]
    return "\n".join(["| # | tool | input | after |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return shortened(text, _WIDTH).replace("\\", "\\\\").replace("|", "\\|")
