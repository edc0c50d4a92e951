"""Answers as each version of the protocol writes them: made in the words of 1.0, and put into those of 0.3. Pure.

Source: A2A specification 1.0 (a2a.proto; sections 5.5, 5.6, 9.5), 0.3.0 (sections 6 and 7), appendix A.2 of 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from engine.serve.a2a.asked import CODE, Rpc, code_of
from engine.serve.frames import dumps
from engine.tools.agents.a2a.messages import State
from engine.tools.agents.a2a.wording import ERRORS
from schemas.errors import EngineError

_Json = dict[str, Any]
_REASONS = {
    -32001: "TASK_NOT_FOUND",
    -32002: "TASK_NOT_CANCELABLE",
    -32003: "PUSH_NOTIFICATION_NOT_SUPPORTED",
    -32004: "UNSUPPORTED_OPERATION",
    -32005: "CONTENT_TYPE_NOT_SUPPORTED",
    -32009: "VERSION_NOT_SUPPORTED",
    -32602: "INVALID_PARAMS",
    -32601: "METHOD_NOT_FOUND",
    -32600: "INVALID_REQUEST",
    -32700: "JSON_PARSE",
}
RESTING: frozenset[State] = frozenset(("completed", "failed", "canceled", "rejected", "input-required"))
"""States at which a stream of updates ends: the next move is not ours."""


def state_name(state: State) -> str:
    """Return a state as 1.0 names it.

    >>> state_name("input-required")
    'TASK_STATE_INPUT_REQUIRED'
    """
    return f"TASK_STATE_{state.replace('-', '_').upper()}"


STATES = tuple(state_name(state) for state in (*get_args(State),) if state != "unknown")
"""Every state of a task, as 1.0 names it."""


def message(
    said: str, message_id: str, task_id: str, context_id: str, *, ours: bool = True, facts: _Json | None = None
) -> _Json:
    """Return a message; ``facts`` are for programs."""
    role = "ROLE_AGENT" if ours else "ROLE_USER"
    told: _Json = {"messageId": message_id, "role": role, "parts": [{"text": said}]}
    told |= {"taskId": task_id, "contextId": context_id}
    return {**told, "metadata": facts} if facts else told


def status(state: State, at: float, said: _Json | None = None) -> _Json:
    """Return a task's status; ``at`` is Unix time."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told: _Json = {"state": state_name(state), "timestamp": moment}
    return {**told, "message": said} if said else told


def artifact(said: str) -> _Json:
    """Return the answer as an artifact."""
    return {"artifactId": "answer", "name": "answer", "parts": [{"text": said}]}


def status_update(task_id: str, context_id: str, told: _Json) -> _Json:
    """Return that a task's status is now another."""
    return {"statusUpdate": {"taskId": task_id, "contextId": context_id, "status": told}}


def artifact_update(task_id: str, context_id: str, said: str, *, append: bool, last: bool = False) -> _Json:
    """Return more of the answer, or, without ``append``, the answer anew."""
    told: _Json = {"taskId": task_id, "contextId": context_id, "artifact": artifact(said), "append": append}
    return {"artifactUpdate": {**told, "lastChunk": last}}


def answered(asked: Rpc, result: Mapping[str, Any]) -> bytes:
    """Return the answer to a request, ``result`` being in the words of 1.0: a task, a part of a stream, a list."""
    told = result if asked.version == "1.0" else _older(result)
    return dumps({"jsonrpc": "2.0", "id": asked.number, "result": told})


def refused(error: EngineError, number: object) -> bytes:
    """Return an error as the answer to a request."""
    code = code_of(error)
    facts = {"code": error.code, **({"hint": error.hint} if error.hint else {})}
    retry: Any = error.details.get("retry_after_s")
    detail: _Json = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": _REASONS.get(code, "INTERNAL_ERROR"),
        "domain": "a2a-protocol.org",
        "metadata": {**facts, **({"retryAfterSeconds": str(retry)} if retry is not None else {})},
    }
    message = error.message or ERRORS.get(code, "")
    told = {"code": code, "message": message, "data": [detail]}
    return dumps({"jsonrpc": "2.0", "id": error.details.get("id", number) if CODE in error.details else number,
                  "error": told})  # fmt: skip


# ---------------------------------------------------------------------- 0.3


def _older(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a result in the words of 0.3."""
    if "task" in result:
        return _task(result["task"])
    if "statusUpdate" in result:
        update = result["statusUpdate"]
        told = _status(update["status"])
        final = told["state"] in RESTING
        return {**update, "kind": "status-update", "status": told, "final": final}
    if "artifactUpdate" in result:
        update = result["artifactUpdate"]
        return {**update, "kind": "artifact-update", "artifact": _artifact(update["artifact"])}
    return _task(result) if "status" in result else result


def _task(task: Mapping[str, Any]) -> _Json:
    artifacts = [_artifact(one) for one in task.get("artifacts", ())]
    history = [_message(one) for one in task.get("history", ())]
    told = {"kind": "task", **task, "status": _status(task["status"])}
    return {**told, **({"artifacts": artifacts} if artifacts else {}), **({"history": history} if history else {})}


def _status(told: Mapping[str, Any]) -> _Json:
    state = told["state"].removeprefix("TASK_STATE_").replace("_", "-").lower()
    said = told.get("message")
    return {**told, "state": state, **({"message": _message(said)} if said else {})}


def _message(said: Mapping[str, Any]) -> _Json:
    role = said["role"].removeprefix("ROLE_").lower()
    return {"kind": "message", **said, "role": role, "parts": _parts(said["parts"])}


def _artifact(given: Mapping[str, Any]) -> _Json:
    return {**given, "parts": _parts(given["parts"])}


def _parts(parts: Sequence[Mapping[str, Any]]) -> list[_Json]:
    return [{"kind": "text" if "text" in part else "data", **part} for part in parts]
