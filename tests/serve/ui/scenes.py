"""Engines and runs as people look at them: quick and slow tools, one to approve, one that fails, hostile text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.api import Engine
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.errors import ToolError
from schemas.model import ModelRequest
from schemas.protocols import ToolContext
from schemas.result import Usage

HOSTILE = (
    '<img src=x onerror="window.__hit=1"><script>window.__hit=1</script> [a](javascript:window.__hit=1) '
    '</textarea><svg onload="window.__hit=1"> {{1}} \u202egnp.exe **bold** `x` "\'>'
    '<iframe srcdoc="<script>parent.__hit=1</script>">'
)
ANSWER = """Services revenue grew **14 %** a year, from $53.8 bn to $96.2 bn.

| Year | Services | Total | Share |
|---|---:|---:|---:|
| 2022 | 78.1 | 394.3 | 19.8 % |
| 2023 | 85.2 | 383.3 | 22.2 % |
| 2024 | 96.2 | 391.0 | 24.6 % |

- The share rose every year; see [the filings](https://example.com/filings).
- Hardware was flat.

```python
share = services / total
```
"""
MAIL = {
    "type": "object",
    "properties": {
        "to": {"type": "string", "format": "email"},
        "subject": {"type": "string", "maxLength": 80},
        "amount_usd": {"type": "number", "minimum": 0, "maximum": 500},
    },
    "required": ["to", "subject"],
    "additionalProperties": False,
}
FORM = {
    "type": "object",
    "properties": {
        "currency": {"type": "string", "title": "Currency", "enum": ["usd", "eur"], "enumNames": ["US dollar", "Euro"]},
        "digits": {"type": "integer", "title": "Digits", "minimum": 0, "maximum": 4, "default": 2},
        "note": {"type": "string", "title": "Note", "description": "Printed below the table"},
        "rounded": {"type": "boolean", "title": "Rounded"},
    },
    "required": ["currency"],
}
_REPORT = [
    ("search_filings", {"company": "AAPL", "years": [2022, 2023, 2024]}, []),
    ("fetch_prices", {"ticker": "AAPL", "range": "3y"}, []),
    ("search_news", {"query": "Apple services revenue outlook"}, []),
    ("extract_table", {"document": "{{1.items[0]}}", "table": "Net sales by category"}, [1]),
    ("extract_table", {"document": "{{1.items[1]}}", "table": "Net sales by category"}, [1]),
    ("ratio", {"a": "{{4.services}}", "b": "{{4.total}}"}, [4]),
    ("ratio", {"a": "{{5.services}}", "b": "{{5.total}}"}, [5]),
    ("summarize", {"text": "{{3}}", "words": 120}, [3]),
    ("compare", {"values": ["{{6}}", "{{7}}"]}, [6, 7]),
    ("chart", {"series": "{{9}}", "prices": "{{2}}"}, [9, 2]),
    ("write_report", {"chart": "{{10}}", "news": "{{8}}", "growth": "{{9}}"}, [8, 9, 10]),
    ("check_claims", {"report": "{{11}}"}, [11]),
]


def plan(*calls: tuple[str, dict[str, Any], list[int]], answer: str | None = None, goal: str = "") -> dict[str, Any]:
    """Return a plan as a client gives it."""
    steps = [
        {"id": index, "tool": tool, "tool_input": given, "depends_on": needs}
        for index, (tool, given, needs) in enumerate(calls, 1)
    ]
    return {"goal": goal, "steps": steps, "answer": answer}


def three(tool: str = "search_filings") -> dict[str, Any]:
    """A plan of three steps."""
    return plan(
        (tool, {"company": "AAPL"}, []),
        ("fetch_prices", {"ticker": "AAPL"}, []),
        ("compare", {"values": ["{{1}}", "{{2}}"]}, [1, 2]),
        goal="How did Apple's services revenue develop?",
    )


def twelve() -> dict[str, Any]:
    """A plan of twelve."""
    return plan(
        *_REPORT, goal="Write a checked report on Apple's services revenue against its share price, 2022 to 2024"
    )


def many(count: int = 200) -> dict[str, Any]:
    """A plan of many steps, each after up to two earlier ones."""
    calls: list[tuple[str, dict[str, Any], list[int]]] = []
    for index in range(1, count + 1):
        needs = sorted({index - (1 + index * 7 % 11), index - (3 + index * 5 % 17)} - set(range(-20, 1)))
        calls.append((("look", "compare", "ratio")[index % 3], {"number": index}, needs))
    return plan(*calls, answer="done", goal=f"A plan of {count} steps")


def mail(amount: float = 120.0) -> dict[str, Any]:
    """A plan whose second step has to be approved."""
    return plan(
        ("search_filings", {"company": "AAPL"}, []),
        ("send_mail", {"to": "ada@example.com", "subject": "The report", "amount_usd": amount}, [1]),
        ("look", {"after": "{{2}}"}, [2]),
        goal="Send the report to Ada",
        answer="sent: {{2}}",
    )


def tongues() -> dict[str, Any]:
    """A plan in several scripts, with words that have no end."""
    endless = "Donaudampfschifffahrtsgesellschaft" * 6
    plan_ = plan(
        ("look", {endless: endless, "arabic": "مرحبا بالعالم — تقرير", "hebrew": "שלום עולם"}, []),
        ("compare", {"japanese": "財務報告書の要約を作成してください" * 4, "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪 👍🏽"}, [1]),
        ("ratio", {"url": "https://example.com/" + "a" * 400}, [2]),
        goal=f"تقرير عن إيرادات الشركة {endless} 財務報告書 👩‍👩‍👧‍👦",
        answer=f"مرحبا **{endless}**\n\n| 財務 | שלום |\n|---|---|\n| {endless} | 👍🏽 |\n\n`{endless}`",
    )
    for step in plan_["steps"]:
        step["description"] = f"وصف {endless}"
    return plan_


def failing() -> dict[str, Any]:
    """A plan whose middle step fails."""
    return plan(
        ("search_filings", {"company": "AAPL"}, []),
        ("broken", {"url": "https://example.com/filings/10-K"}, [1]),
        ("compare", {"values": ["{{1}}", "{{2}}"]}, [2]),
        goal="Compare what cannot be fetched",
    )


class _Asking(FakeTool):
    """A tool that asks a person in the middle of its call, by a form."""

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Ask, and give what was answered."""
        return {"chosen": await context.ask("In which currency, and how exactly?", FORM)}


def _replies(request: ModelRequest) -> Any:
    said = "\n".join(message.text for message in request.messages)
    if request.output is None:
        return ANSWER
    if "which year" in said.lower() and "only 2024" not in said:
        return {"steps": [{"ask": "Which year do you mean: 2023 or 2024?"}]}
    if "try the shaky one" in said:
        if "404 Not Found" in said:
            return {"steps": [{"search_news": {"query": "again"}}, {"shaky": {"url": "https://example.com/2"}}]}
        return {"steps": [{"look": {"query": "services"}}, {"shaky": {"url": "https://example.com/1"}}]}
    if "in Oslo" in said:
        return {"steps": [{"get_weather": {"city": "Oslo"}}]}
    return {"steps": [{"look": {"query": "services revenue"}}, {"compare": {"values": ["{{1}}"]}}]}


def make(store: Any = None, *, pace: float = 0.0, **settings: Any) -> Engine:
    """Return an engine; ``pace`` is how long its quick tools take, in seconds."""
    items = {"items": ["10-K 2023", "10-K 2024"], "services": 96.2, "total": 391.0, "source": "sec.gov"}
    quick = [
        FakeTool(name, {**items, "number": index}, seconds=pace * (1 + index % 4))
        for index, (name, _, _) in enumerate([*_REPORT, ("look", {}, [])])
        if name not in [earlier for earlier, _, _ in _REPORT[:index]]
    ]
    tools = [
        *quick,
        _Asking("convert"),
        FakeTool("hostile", {HOSTILE: HOSTILE, "text": HOSTILE}),
        FakeTool("long_text", "All work and no play. " * 6_000),
        FakeTool("slow", "ok", seconds=30.0),
        FakeTool("shaky", [ToolError("404 Not Found"), *["found"] * 9]),
        FakeTool("transfer", "ok", seconds=30.0, effects="effectful", expected_s=30.0),
        FakeTool("pay", {"paid": True}, effects="effectful", approval={"rule": "amount_usd > 500"}, simulate="quote"),
        FakeTool("quote", {"fee_usd": 3, "arrives": "tomorrow"}),
        FakeTool("broken", ToolError("GET https://example.com/filings/10-K: 404 Not Found", hint="does it exist?")),
        FakeTool("send_mail", {"sent": True}, effects="effectful", approval="always", input_schema=MAIL),
    ]
    usage = Usage(calls=1, input_tokens=1840, output_tokens=212, cost_usd=0.0123)
    provider = ScriptedProvider(_replies, chunk=12, token_s=pace / 40, usage=usage)
    return scripted_engine(provider, tools, store=store, **settings)
