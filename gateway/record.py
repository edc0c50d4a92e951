"""What is known of a call when it is over: made once for each call, whatever came of it, for every observer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from schemas.gateway import WireFormat
from schemas.result import Usage

NOTHING = Usage()
_log = structlog.get_logger("plan-execute-engine.gateway")


@dataclass(slots=True, eq=False)
class CallRecord:
    """One call that is over.

    Attributes:
        request_id: As told to the client; empty in process.
        began: Unix time.
        took_s: Seconds from the request to the last byte of the answer, waits and attempts that failed included.
        first_token_s: Seconds from the request to the first content, of a streamed answer that had any.
        format: How the client wrote it; empty in process.
        asked: The name asked for.
        provider, model: Who answered, or was tried last; empty where nobody was.
        reason: Why this model, and what failed before, in one line.
        outcome: The code of the error that ended it; empty for an answer.
        status: Of HTTP: what the client was sent, or would have been.
        attempts: Requests sent to providers.
        fallbacks: How often the next model was turned to.
        usage: Tokens of all attempts; its cost is ``cost_usd``.
        cost_usd: What they cost; None where nobody knows.
        key, agent, listener: Whose call it was, and where it came in.
        run_id, role, step_id: The part it played in a run, where it did.
        streamed: Whether the answer was.
        cached: Whether the answer came from the gateway's own cache.
        decisions: What filters did, one line each.
    """

    request_id: str = ""
    began: float = 0.0
    took_s: float = 0.0
    first_token_s: float | None = None
    format: WireFormat | None = None
    asked: str = ""
    provider: str = ""
    model: str = ""
    reason: str = ""
    outcome: str = ""
    status: int = 200
    attempts: int = 0
    usage: Usage = NOTHING
    cost_usd: float | None = 0.0
    key: str = ""
    agent: str = ""
    listener: str = ""
    run_id: str = ""
    role: str = ""
    step_id: str = ""
    streamed: bool = False
    cached: bool = False
    decisions: tuple[str, ...] = ()
    fallbacks: int = 0


Observer = Callable[[CallRecord], None]
"""Called when a call is over, on its event loop: it is quick and does not block; what it raises is logged."""


def show(record: CallRecord, observers: Iterable[Observer]) -> None:
    """Show a record to every observer; one that raises harms neither the call nor the others."""
    for observer in observers:
        try:
            observer(record)
        except Exception:
            _log.exception("an observer of calls failed", request_id=record.request_id)
