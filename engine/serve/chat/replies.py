"""What an assistant says while its run waits for somebody: what is asked, of whom, and how to answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from schemas.approvals import ApprovalRequested


def waiting_text(run_id: str, waiting: Sequence[ApprovalRequested], like: str = "") -> str:
    """Return what a run waits for, as its assistant says it (Markdown).

    Args:
        run_id: The run.
        waiting: What waits; the calls of a client's own tools are none of it (``tool_calls``).
        like: A text in the language to say it in.
    """
    lines = [f"- `{one.approval_id}`: {one.question or one.reason or one.tool}" for one in waiting]
    return "\n".join([*lines, f"({run_id})" if not like else f"`{run_id}`"])


def tool_calls(run_id: str, waiting: Sequence[ApprovalRequested]) -> list[dict[str, Any]]:
    """Return the calls that the client is to make itself, as a chat completion writes them; ids carry the run's.

    >>> asked = ApprovalRequested(approval_id="a1", subject="client_tool", tool="look", input={"at": 1})
    >>> tool_calls("9f", [asked])[0]["id"]
    'call_9f_a1'
    """
    return [
        {
            "id": f"call_{run_id}_{one.approval_id}",
            "type": "function",
            "function": {"name": one.tool, "arguments": json.dumps(one.input or {}, ensure_ascii=False)},
        }
        for one in waiting
        if one.subject == "client_tool"
    ]
