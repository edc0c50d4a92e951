"""What is known of one task of an agent: updates in, and what they add out. Pure: no clock, no connection."""

from __future__ import annotations

from engine.tools.agents.a2a.messages import (
    ASKING,
    ENDED,
    Artifact,
    ArtifactUpdate,
    Message,
    Part,
    State,
    Status,
    Task,
    Update,
    text_of,
    value_of,
)
from schemas.errors import ToolFailedError


class TaskView:
    """One task, as its updates tell it.

    Args:
        agent: Whose it is, for messages.
    """

    __slots__ = (
        "_agent",
        "_answered",
        "_artifacts",
        "_reply",
        "_said",
        "_status",
        "_streamed",
        "context_id",
        "task_id",
    )

    def __init__(self, agent: str) -> None:
        self.task_id = ""
        self.context_id = ""
        self._agent = agent
        self._status: Status | None = None
        self._answered: Status | None = None
        self._artifacts: dict[str, list[Part]] = {}
        self._streamed: dict[str, str] = {}
        self._said: Message | None = None
        self._reply: Message | None = None

    @property
    def state(self) -> State:
        """Where it is; a plain message in answer is completed."""
        if self._status is None:
            return "completed" if self._reply is not None else "unknown"
        return self._status.state

    @property
    def moving(self) -> bool:
        """Whether the agent still works at it, and nobody is asked anything."""
        return self.state not in ENDED and not self.asks

    @property
    def open(self) -> bool:
        """Whether there is a task that has not ended."""
        return bool(self.task_id) and self.state not in ENDED

    @property
    def asks(self) -> bool:
        """Whether it waits for somebody outside; not by a question that was answered and still stands there."""
        return self.state in ASKING and not (self._status == self._answered and self._status and self._status.stamp)

    @property
    def question(self) -> str:
        """What it asks, in words."""
        said = text_of(self._status.message if self._status else None) or text_of(self._said)
        if self.state == "auth-required":
            return f"{self._agent} needs an authorization: {said or 'it does not say which'}"
        return said or f"{self._agent} needs more input, and does not say which"

    def answered(self, *, again: bool = False) -> None:
        """What it asks now is answered; ``again``: it was not heeded, and is asked once more."""
        self._answered = None if again else self._status

    def take(self, update: Update) -> str:
        """Take an update in; return what the agent says about its work, empty for nothing new."""
        if isinstance(update, Message):
            self._reply, self._status = update, None
            self._ids(update.task_id if self.task_id else "", update.context_id)
            return ""
        self._ids(update.task_id, update.context_id)
        if isinstance(update, ArtifactUpdate):
            self._add(update.artifact)
            return ""
        before, self._status = self._status, update.status
        if self._status != self._answered:
            self._answered = None
        if isinstance(update, Task):
            self._replace(update)
        return self._news(before)

    def result(self) -> object:
        """Return what it gave: its artifacts, else what it said last.

        Raises:
            ToolFailedError: It failed, was rejected or cancelled.
        """
        if self.state != "completed":
            raise self._failure()
        parts = [part for parts in self._artifacts.values() for part in parts]
        if not parts:
            last = self._reply or (self._status.message if self._status else None) or self._said
            parts = list(last.parts) if last else []
        return value_of(parts)

    def _failure(self) -> ToolFailedError:
        said = " ".join(text_of(self._status.message if self._status else None).split())
        words = {"failed": "failed", "rejected": "rejected the task", "canceled": "cancelled the task"}
        what = f"{self._agent} {words.get(self.state, f'is in the state {self.state}')}"
        details = {"state": self.state, "task_id": self.task_id}
        return ToolFailedError(f"{what}: {said[:500]}" if said else what, details=details)

    def _ids(self, task_id: str, context_id: str) -> None:
        self.task_id = task_id or self.task_id
        self.context_id = context_id or self.context_id

    def _news(self, before: Status | None) -> str:
        """Return the words of a new status while the task goes on."""
        if self._status is None or not self.moving or self._status == before:
            return ""
        return " ".join(text_of(self._status.message).split())

    def _replace(self, task: Task) -> None:
        """A whole task says all that there is; only what was appended piece by piece stays one text."""
        said = [message for message in task.history if message.from_agent]
        self._said = said[-1] if said else self._said
        if task.artifacts:
            self._artifacts = {
                artifact.artifact_id or str(at): self._mended(artifact) for at, artifact in enumerate(task.artifacts)
            }

    def _mended(self, artifact: Artifact) -> list[Part]:
        streamed = self._streamed.get(artifact.artifact_id, "")
        whole = "".join(part.text for part in artifact.parts)
        if not streamed or not whole.startswith(streamed) or any(part.kind != "text" for part in artifact.parts):
            return list(artifact.parts)
        return [Part("text", whole)]

    def _add(self, artifact: Artifact) -> None:
        known = self._artifacts.get(artifact.artifact_id)
        if known is None or not artifact.append:
            self._artifacts[artifact.artifact_id] = list(artifact.parts)
            first = artifact.parts[0] if artifact.parts else Part("text")
            self._streamed[artifact.artifact_id] = first.text
            return
        for part in artifact.parts:
            if part.kind == "text" and known and known[-1].kind == "text":
                known[-1] = Part("text", known[-1].text + part.text)
                self._streamed[artifact.artifact_id] = known[-1].text
            else:
                known.append(part)
