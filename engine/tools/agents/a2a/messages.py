"""What an A2A agent says, in one neutral form: both protocol versions are read into it.

1.0 names the kind of an object by the key that holds it and its states ``TASK_STATE_COMPLETED``; 0.3 says
``"kind": "task"`` and ``completed``. An agent's answer is read leniently: what is missing is empty.

Source: A2A specification 1.0 (a2a.proto: Task, TaskStatus, Part, Artifact, StreamResponse; appendix A.2), 0.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

State = Literal[
    "submitted",
    "working",
    "input-required",
    "auth-required",
    "completed",
    "failed",
    "canceled",
    "rejected",
    "unknown",
]
_STATES: Mapping[str, State] = {
    "submitted": "submitted",
    "working": "working",
    "input-required": "input-required",
    "auth-required": "auth-required",
    "completed": "completed",
    "failed": "failed",
    "canceled": "canceled",
    "cancelled": "canceled",
    "rejected": "rejected",
}
ENDED: frozenset[State] = frozenset(("completed", "failed", "canceled", "rejected"))
ASKING: frozenset[State] = frozenset(("input-required", "auth-required"))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message or an artifact.

    Attributes:
        kind: What it is.
        text: Of a text part.
        value: Of a data part: any JSON value. Of a file: its ``name``, ``media_type``, and ``url`` or ``base64``.
    """

    kind: Literal["text", "data", "file"]
    text: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody says, once."""

    parts: tuple[Part, ...] = ()
    task_id: str = ""
    context_id: str = ""
    from_agent: bool = True


@dataclass(frozen=True, slots=True)
class Artifact:
    """A result, or, with ``append``, a further piece of one."""

    artifact_id: str
    parts: tuple[Part, ...] = ()
    append: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Where a task is, and what the agent says about that.

    Attributes:
        stamp: When that was, and the message's id: tells a question from the same one asked again.
    """

    state: State
    message: Message | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A whole task as it is now."""

    task_id: str
    context_id: str
    status: Status
    artifacts: tuple[Artifact, ...] = ()
    history: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A task's new status."""

    task_id: str
    context_id: str
    status: Status


@dataclass(frozen=True, slots=True)
class ArtifactUpdate:
    """A task's new artifact, or more of one."""

    task_id: str
    context_id: str
    artifact: Artifact


Update = Message | Task | StatusUpdate | ArtifactUpdate


def read_update(result: Any) -> Update | None:
    """Return what a result, or one event of a stream, says; None: it is nothing that the protocol knows.

    >>> read_update({"statusUpdate": {"taskId": "7", "status": {"state": "TASK_STATE_WORKING"}}})
    StatusUpdate(task_id='7', context_id='', status=Status(state='working', message=None, stamp=''))
    >>> read_update({"kind": "message", "parts": [{"kind": "text", "text": "Hi"}]}).parts[0].text
    'Hi'
    """
    raw = mapping(result)
    if "message" in raw and "status" not in raw:
        return read_message(raw["message"])
    if "task" in raw:
        return _task(mapping(raw["task"]))
    if "statusUpdate" in raw:
        return _status_update(mapping(raw["statusUpdate"]))
    if "artifactUpdate" in raw:
        return _artifact_update(mapping(raw["artifactUpdate"]))
    kind = raw.get("kind")
    if kind == "message":
        return read_message(raw)
    if kind == "status-update":
        return _status_update(raw)
    if kind == "artifact-update":
        return _artifact_update(raw)
    return _task(raw) if "status" in raw and "id" in raw else None


def read_message(value: Any) -> Message:
    """Return a message; an empty one where there is none."""
    raw = mapping(value)
    role = text(raw.get("role")).lower()
    return Message(_parts(raw), text(raw.get("taskId")), text(raw.get("contextId")), not role.endswith("user"))


def value_of(parts: Sequence[Part]) -> Any:
    """Return what parts are as one value: a text, the data of a single data part, or an object of what there is.

    The object has ``text``, ``data`` (a list where there are several) and ``files``, each only where there is any.
    Texts stand on lines of their own, but for pieces that were cut at a space.

    >>> value_of((Part("text", "Rain."), Part("text", "Wind.")))
    'Rain.\\nWind.'
    >>> value_of((Part("data", value={"c": 11}),))
    {'c': 11}
    >>> value_of((Part("text", "Rain."), Part("data", value={"c": 11})))
    {'text': 'Rain.', 'data': {'c': 11}}
    """
    named: dict[str, Any] = {"text": said} if (said := _joined(_texts(parts))) else {}
    data = [part.value for part in parts if part.kind == "data"]
    files = [part.value for part in parts if part.kind == "file"]
    if data:
        named["data"] = data[0] if len(data) == 1 else data
    if files:
        named["files"] = files
    elif len(named) == 1 and len(data) < 2:
        return next(iter(named.values()))
    return named or ""


def _texts(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if part.kind == "text"]


def _joined(texts: Sequence[str]) -> str:
    """Return texts as one.

    >>> _joined(["Rain ", "in Paris.", "Wind."])
    'Rain in Paris.\\nWind.'
    """
    whole = ""
    for piece in texts:
        cut = not whole or not piece or whole[-1].isspace() or piece[0].isspace()
        whole += piece if cut else f"\n{piece}"
    return whole


def text_of(message: Message | None) -> str:
    """Return what a message says in words; data and files are named."""
    words = [part.text if part.kind == "text" else _named(part) for part in message.parts] if message else []
    return "\n".join(word for word in words if word)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value that should be an object; an empty one where it is something else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[Any]:
    """Return a value that should be a list; an empty one where it is something else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a value that should be text; an empty one where it is something else. Half a surrogate pair is ``?``."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _task(raw: Mapping[str, Any]) -> Task:
    return Task(
        text(raw.get("id")),
        text(raw.get("contextId")),
        _status(raw),
        tuple(_artifact(mapping(one)) for one in entries(raw.get("artifacts"))),
        tuple(read_message(one) for one in entries(raw.get("history"))),
    )


def _status_update(raw: Mapping[str, Any]) -> StatusUpdate:
    return StatusUpdate(text(raw.get("taskId")), text(raw.get("contextId")), _status(raw))


def _artifact_update(raw: Mapping[str, Any]) -> ArtifactUpdate:
    artifact = _artifact(mapping(raw.get("artifact")), append=raw.get("append") is True)
    return ArtifactUpdate(text(raw.get("taskId")), text(raw.get("contextId")), artifact)


def _status(raw: Mapping[str, Any]) -> Status:
    status = mapping(raw.get("status"))
    word = text(status.get("state")).lower().removeprefix("task_state_").replace("_", "-")
    said = mapping(status.get("message"))
    stamp = f"{text(status.get('timestamp'))} {text(said.get('messageId'))}".strip()
    return Status(_STATES.get(word, "unknown"), read_message(said) if said else None, stamp)


def _artifact(raw: Mapping[str, Any], *, append: bool = False) -> Artifact:
    return Artifact(text(raw.get("artifactId")), _parts(raw), append)


def _parts(raw: Mapping[str, Any]) -> tuple[Part, ...]:
    found = (_part(mapping(one)) for one in entries(raw.get("parts")))
    return tuple(part for part in found if part is not None)


def _part(raw: Mapping[str, Any]) -> Part | None:
    if "text" in raw:
        return Part("text", text(raw["text"]))
    if "data" in raw:
        return Part("data", value=raw["data"])
    file = mapping(raw.get("file")) or raw
    place = {"url": file.get("url") or file.get("uri"), "base64": file.get("raw") or file.get("bytes")}
    if not any(place.values()):
        return None
    described = {
        "name": file.get("filename") or file.get("name"),
        "media_type": file.get("mediaType") or file.get("mimeType"),
        **place,
    }
    return Part("file", value={key: value for key, value in described.items() if value})


def _named(part: Part) -> str:
    if part.kind == "file":
        return f"(file {part.value.get('name') or part.value.get('url') or 'without a name'})"
    return f"(data {part.value})"
