"""What agents say, in both versions of the protocol."""

from __future__ import annotations

from typing import Any

from engine.tools.agents.a2a.messages import Part, Task, read_update, value_of


def test_both_versions_are_read_alike() -> None:
    """The same task in the words of 1.0 and of 0.3 is the same task."""
    new: dict[str, Any] = {"id": "7", "contextId": "c", "status": {"state": "TASK_STATE_INPUT_REQUIRED"}}
    new["artifacts"] = [{"artifactId": "a", "parts": [{"raw": "YQ==", "filename": "a.txt", "mediaType": "text/plain"}]}]
    old: dict[str, Any] = {"kind": "task", "id": "7", "contextId": "c", "status": {"state": "input-required"}}
    file = {"bytes": "YQ==", "name": "a.txt", "mimeType": "text/plain"}
    old["artifacts"] = [{"artifactId": "a", "parts": [{"kind": "file", "file": file}]}]
    read = read_update({"task": new})
    assert read == read_update(old)
    assert isinstance(read, Task)
    value = {"name": "a.txt", "media_type": "text/plain", "base64": "YQ=="}
    assert read.status.state == "input-required"
    assert read.artifacts[0].parts == (Part("file", value=value),)


def test_what_is_no_part_of_the_protocol_is_nothing() -> None:
    """A result that is neither task, message nor update is none, and wrong types are read as empty."""
    nothing: list[Any] = [None, 7, [], {}, {"kind": "tea"}]
    assert [read_update(one) for one in nothing] == [None] * 5
    odd = read_update({"task": {"id": 7, "status": {"state": ["working"]}, "artifacts": {"a": 1}, "history": "no"}})
    assert isinstance(odd, Task)
    assert (odd.task_id, odd.status.state, odd.artifacts, odd.history) == (
        "",
        "unknown",
        (),
        (),
    )


def test_values_keep_their_kind() -> None:
    """Several data parts are a list; with text or files beside them everything has a name."""
    two = (Part("data", value=1), Part("data", value={"b": 2}))
    assert value_of(two) == {"data": [1, {"b": 2}]}
    assert value_of((Part("text", "Rain"), Part("file", value={"url": "https://x"}))) == {
        "text": "Rain",
        "files": [{"url": "https://x"}],
    }
    assert value_of(()) == ""
