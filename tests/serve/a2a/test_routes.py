"""Assistants as A2A agents over a real port: cards, messages, tasks, streams, keys."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx2
import pytest

from tests.gateway.server.serving import Keys
from tests.serve.a2a.calling import Caller, make, said, words_of
from tests.serve.serving import Served, served

KEYS = Keys()
ANN, BEN, FEW = (
    {"authorization": f"Bearer {secret}"}
    for secret in (KEYS.add("ann"), KEYS.add("ben"), KEYS.add("few", models=("other",)))
)
OLD = ("send", "message/send", "stream", "message/stream")


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make) as found:
        yield found


@pytest.fixture(scope="module")
def locked() -> Generator[Served]:
    with served(make, keys=KEYS) as found:
        yield found


@pytest.fixture
def caller(here: Served) -> Caller:
    return Caller(here.client)


# ---------------------------------------------------------------------- cards


def test_a_card_each(here: Served) -> None:
    """The root's card is the first assistant's; each has its own below its address, in the words of both versions."""
    root = here.client.get("/.well-known/agent-card.json").json()
    other = here.client.get("/a2a/other/.well-known/agent-card.json").json()
    assert (root["name"], root["description"], other["name"]) == ("clerk", "Looks things up.", "other")
    assert [one["url"] for one in root["supportedInterfaces"]] == [f"{here.url}/a2a"] * 2
    assert (other["url"], other["protocolVersion"]) == (f"{here.url}/a2a/other", "0.3.0")
    assert "securitySchemes" not in root


def test_a_card_is_not_sent_again(here: Served) -> None:
    """A card that did not change is not sent to a client that knows its tag."""
    tag = here.client.get("/.well-known/agent-card.json").headers["etag"]
    again = here.client.get("/.well-known/agent-card.json", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_card_behind_a_proxy(here: Served) -> None:
    """Behind a proxy that ends TLS the card's address is the one that clients use."""
    headers = {"host": "agents.localhost", "x-forwarded-proto": "https"}
    with httpx2.Client() as client:
        card = client.get(f"{here.url}/.well-known/agent-card.json", headers=headers | {"host": "localhost:9"}).json()
    assert card["url"] == "https://localhost:9/a2a"


def test_an_assistant_that_is_not_there(here: Served) -> None:
    """An unknown assistant has no card and takes no message."""
    assert here.client.get("/a2a/nobody/.well-known/agent-card.json").status_code == 404
    assert Caller(here.client, "/a2a/nobody").post("SendMessage", {}).status_code == 404


def test_the_card_says_how_keys_are_sent(locked: Served) -> None:
    """Where keys are asked for the card, which is open, says so; the team is told to those who have one."""
    card = locked.client.get("/.well-known/agent-card.json").json()
    (scheme,) = card["securitySchemes"].values()
    assert scheme["httpAuthSecurityScheme"]["scheme"] == "bearer"
    assert [skill["name"] for skill in card["skills"]] == ["clerk"]
    extended = Caller(locked.client, headers=ANN).call("GetExtendedAgentCard")
    assert {"look", "send"} <= {skill["name"] for skill in extended["skills"]}


# ---------------------------------------------------------------------- tasks


def test_a_message_is_answered(caller: Caller) -> None:
    """A message becomes a task whose artifact is the answer; it can be got again, with what was said."""
    task = caller.send("look it up")
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert words_of(task["artifacts"][0]) == "The answer comes word by word."
    got = caller.call("GetTask", id=task["id"], historyLength=1)
    assert (words_of(got["history"][0]), got["contextId"]) == ("look it up", task["contextId"])


def test_a_message_is_answered_in_0_3(here: Served) -> None:
    """Clients of 0.3, which name no version, are spoken to in its words."""
    old = Caller(here.client, version="")
    message = {"kind": "message", **said("look it up"), "role": "user", "parts": [{"kind": "text", "text": "look"}]}
    task = old.call("message/send", message=message)
    assert (task["kind"], task["status"]["state"]) == ("task", "completed")
    assert task["artifacts"][0]["parts"] == [{"kind": "text", "text": "The answer comes word by word."}]
    *_, last = old.stream("message/stream", message={**message, "messageId": "m-2"})
    assert (last["kind"], last["final"], last["status"]["state"]) == ("status-update", True, "completed")


def test_a_stream_tells_the_work_and_the_answer(caller: Caller) -> None:
    """A stream begins with the task, tells what is done, writes the answer in pieces, and ends with the state."""
    first, *updates, last = caller.stream("SendStreamingMessage", message=said("look it up"))
    assert first["task"]["status"]["state"] == "TASK_STATE_SUBMITTED"
    told = [words_of(one["statusUpdate"]["status"]["message"]) for one in updates if "statusUpdate" in one]
    pieces = [one["artifactUpdate"] for one in updates if "artifactUpdate" in one]
    assert any("look" in words for words in told)
    assert [piece["append"] for piece in pieces] == [False, *[True] * (len(pieces) - 1)]
    assert "".join(words_of(piece["artifact"]) for piece in pieces) == "The answer comes word by word."
    assert len(pieces) > 2
    assert pieces[-1]["lastChunk"]
    assert last["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_an_approval_is_input_required(caller: Caller) -> None:
    """What a run waits for is shown as it will be sent; a message to the task answers it, and the run goes on."""
    task = caller.send("use send")
    assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert "send" in words_of(task["status"]["message"])
    assert task["status"]["message"]["metadata"]["approvals"][0]["subject"] == "step"
    done = caller.send("approve", taskId=task["id"])
    assert done["status"]["state"] == "TASK_STATE_COMPLETED"


def test_an_answer_as_data(caller: Caller) -> None:
    """An answer may be data: the fields by which the runs API is answered."""
    task = caller.send("use send")
    decision = [{"data": {"approval_id": "a1", "decision": "reject", "reason": "not today"}}]
    done = caller.call("SendMessage", message={**said(""), "parts": decision, "taskId": task["id"]})["task"]
    assert done["status"]["state"] in ("TASK_STATE_COMPLETED", "TASK_STATE_FAILED")
    assert "rejected: not today" in [words_of(one) for one in done["history"]]


@pytest.mark.parametrize(("task", "question"), [("use seat", "Which seat?"), ("ask me", "Which city?")])
def test_a_question_is_input_required(caller: Caller, task: str, question: str) -> None:
    """What a running tool asks, and what the planner asks, is put to the client; the answer reaches them."""
    first, *_, last = caller.stream("SendStreamingMessage", message=said(task))
    status, task_id = last["statusUpdate"]["status"], first["task"]["id"]
    assert (status["state"], question in words_of(status["message"])) == ("TASK_STATE_INPUT_REQUIRED", True)
    *_, done = caller.stream("SendStreamingMessage", message=said("Oslo", taskId=task_id))
    assert done["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_what_cannot_be_taken_changes_nothing(caller: Caller) -> None:
    """An answer that is none leaves the task as it was, and says why."""
    task = caller.send("use send")
    still = caller.send("hm, maybe later?", taskId=task["id"])
    assert still["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    caller.call("CancelTask", id=task["id"])


@pytest.mark.parametrize(
    ("method", "params", "says"),
    [
        ("ListTasks", {"status": "NOPE"}, "status: expected one of"),
        ("ListTasks", {"pageSize": 101}, "pageSize: expected 1 to 100"),
        ("ListTasks", {"pageToken": "x"}, "pageToken"),
        ("GetTask", {}, "id: missing"),
    ],
)
def test_parameters_that_are_wrong(caller: Caller, method: str, params: dict[str, Any], says: str) -> None:
    """A wrong parameter is named, and answered with the protocol's code."""
    code, told = caller.refused(method, **params)
    assert (code, says in told) == (-32602, True)


@pytest.mark.parametrize("data", [{"approval_id": "a9", "decision": "approve"}, {"decision": "maybe"}, [1]])
def test_data_that_is_no_answer(caller: Caller, data: Any) -> None:
    """Data that answers nothing that waits is refused, and the task still waits."""
    task = caller.send("use send")
    message = {**said(""), "parts": [{"data": data}], "taskId": task["id"]}
    assert caller.refused("SendMessage", message=message)[0] == -32602
    assert caller.call("GetTask", id=task["id"])["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    caller.call("CancelTask", id=task["id"])


def test_a_task_is_cancelled(caller: Caller) -> None:
    """A task that goes on is ended by its client; one that is over is not cancelable."""
    task = caller.send("use slow", now=True)
    caller.until(task["id"], "TASK_STATE_WORKING")
    assert caller.call("CancelTask", id=task["id"])["status"]["state"] == "TASK_STATE_CANCELED"
    assert caller.refused("CancelTask", id=task["id"])[0] == -32002


def test_a_task_that_failed_says_why(caller: Caller) -> None:
    """A run that fails is a failed task with its reason."""
    task = caller.send("use broken")
    assert task["status"]["state"] == "TASK_STATE_FAILED"
    assert "the thing is broken" in words_of(task["status"]["message"]) + words_of(task["artifacts"][0])


def test_a_stream_is_taken_up_again(caller: Caller) -> None:
    """Who lost a stream subscribes to its task: the task as it is first, then what comes; over, it is refused."""
    task = caller.send("use send")
    stream = caller.stream("SubscribeToTask", id=task["id"])
    assert next(stream)["task"]["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    caller.send("approve", now=True, taskId=task["id"])
    *_, last = stream
    assert last["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert caller.refused("SubscribeToTask", id=task["id"])[0] == -32004


def test_a_context_is_remembered(caller: Caller) -> None:
    """A message in a context is understood by what was said in it; the tasks of a context are listed together."""
    first = caller.send("look it up")
    second = caller.send("and the second one?", contextId=first["contextId"])
    assert (second["contextId"], second["id"] == first["id"]) == (first["contextId"], False)
    assert words_of(second["history"][0]) == "look for the second one"
    listed = caller.call("ListTasks", contextId=first["contextId"], pageSize=1)
    assert (listed["totalSize"], listed["tasks"][0]["id"]) == (2, second["id"])
    assert "artifacts" not in listed["tasks"][0]
    rest = caller.call("ListTasks", contextId=first["contextId"], pageSize=1, pageToken=listed["nextPageToken"])
    assert (rest["tasks"][0]["id"], rest["nextPageToken"]) == (first["id"], "")


def test_a_message_that_comes_again_begins_nothing(caller: Caller) -> None:
    """A client that repeats a message, by its id, gets the task that it began; an answer is taken once."""
    message = said("use send")
    first, again = (caller.call("SendMessage", message=message)["task"] for _ in range(2))
    assert first["id"] == again["id"]
    answer = said("approve", taskId=first["id"])
    caller.call("SendMessage", message=answer)
    done = caller.call("SendMessage", message=answer)["task"]
    assert (done["id"], done["status"]["state"]) == (first["id"], "TASK_STATE_COMPLETED")
    assert caller.refused("SendMessage", message=said("approve", taskId=first["id"]))[0] == -32004


def test_tasks_are_listed_by_their_state(caller: Caller) -> None:
    """Only tasks in the state that is asked for are listed, whether over or not."""
    over, waits = caller.send("look it up"), caller.send("use send")

    def listed(state: str) -> set[str]:
        found = caller.call("ListTasks", status=f"TASK_STATE_{state}", pageSize=100)
        assert {one["status"]["state"] for one in found["tasks"]} <= {f"TASK_STATE_{state}"}
        return {one["id"] for one in found["tasks"]} & {over["id"], waits["id"]}

    assert (listed("COMPLETED"), listed("INPUT_REQUIRED"), listed("FAILED")) == ({over["id"]}, {waits["id"]}, set())
    caller.call("CancelTask", id=waits["id"])
    assert listed("CANCELED") == {waits["id"]}


@pytest.mark.parametrize("cap", ["0,25", "nan", "-1", "$1"])
def test_a_budget_that_is_no_amount_begins_nothing(here: Served, cap: str) -> None:
    """A budget that cannot be read is refused: a run without the cap that was meant would cost what it likes."""
    code, message = Caller(here.client, headers={"x-engine-budget-usd": cap}).refused("GetTask", id="x")
    assert (code, message.partition(":")[0]) == (-32602, "x-engine-budget-usd")


# ---------------------------------------------------------------------- keys


@pytest.mark.parametrize("act", ["GetTask", "CancelTask", "SubscribeToTask", "SendMessage"])
def test_another_keys_task_is_not_found(locked: Served, act: str) -> None:
    """Another key's task is not found, in the very words of one that never was."""
    task = Caller(locked.client, headers=ANN).send("use send")
    ben = Caller(locked.client, headers=BEN)

    def asked(task_id: str) -> Any:
        params = {"message": said("approve", taskId=task_id)} if act == "SendMessage" else {"id": task_id}
        return ben.refused(act, **params)

    assert asked(task["id"]) == (-32001, f"there is no task {task['id']}")
    assert asked("x" * 12) == (-32001, f"there is no task {'x' * 12}")
    assert ben.call("ListTasks")["totalSize"] == 0
    Caller(locked.client, headers=ANN).call("CancelTask", id=task["id"])


def test_a_task_belongs_to_its_assistant(caller: Caller, here: Served) -> None:
    """Another assistant does not know a task."""
    task = caller.send("look it up")
    assert Caller(here.client, "/a2a/other").refused("GetTask", id=task["id"])[0] == -32001


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"authorization": "Bearer x"}, 401), (FEW, 403)])
def test_keys_are_asked_for(locked: Served, headers: dict[str, str], status: int) -> None:
    """Without a key, with a wrong one, or with one for other assistants nothing is begun."""
    assert Caller(locked.client, headers=headers).post("SendMessage", {"message": said("x")}).status_code == status
