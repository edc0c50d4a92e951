"""Chats over a real port: what each message does to the runs behind them."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from engine.handle import RunHandle
from schemas.errors import ConflictError
from tests.gateway.server.serving import Keys
from tests.serve.chat.talking import Chat, Models, make
from tests.serve.serving import Served, served

KEYS = Keys()
ANN, BEN = KEYS.add("ann"), KEYS.add("ben")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def here(models: Models) -> Generator[Served]:
    with served(lambda: make(models)) as found:
        yield found


@pytest.fixture
def keyed(models: Models) -> Generator[Served]:
    with served(lambda: make(models), keys=KEYS) as found:
        yield found


# ------------------------------------------------------------------ what is asked


def test_a_first_message_is_the_task_byte_for_byte(here: Served, models: Models) -> None:
    """Nothing is done to a first message, not even to its spaces, and no model is asked about it."""
    chat = Chat(here)
    chat.ask(" What is  new?\n")
    assert (chat.view()["task"], models.rewrites) == (" What is  new?\n", [])


def test_a_passthrough_query_stays_as_it_is(here: Served, models: Models) -> None:
    """B52: in the middle of a conversation, too, a passthrough agent is asked byte for byte what was written."""
    chat = Chat(here, "through")
    for message in ("hello", "and for 2023?", " the  second\tone "):
        chat.ask(message)
        assert chat.view()["task"] == message
    assert models.rewrites == models.direct == []


def test_a_follow_up_is_made_whole(here: Served, models: Models) -> None:
    """A small model puts in what a follow-up leaves out; it is told all that was said, as data."""
    chat = Chat(here)
    chat.ask("What was revenue in 2022?")
    chat.ask("and for 2023?")
    assert chat.view()["task"] == "What was revenue in 2023?"
    assert "User: What was revenue in 2022?\nAssistant: all done" in models.rewrites[-1]


def test_a_model_that_fails_is_replaced_by_rules(here: Served, models: Models) -> None:
    """An empty answer of the model falls back to rules, which carry along what was said before."""
    models.broken = True
    chat = Chat(here)
    chat.ask("Who are the founders?")
    chat.ask("the second one: where was she born?")
    task = chat.view()["task"]
    assert task.startswith("the second one: where was she born?\n\nEarlier in this conversation:\n")
    assert "Who are the founders?" in task


def test_system_messages_are_instructions(here: Served, models: Models) -> None:
    """What a system message says reaches the planner, and is no part of the task."""
    chat = Chat(here)
    chat.send({"role": "system", "content": "Be terse."}, {"role": "user", "content": "look at it"})
    assert chat.view()["task"] == "look at it"
    assert "Be terse." in models.planned[-1]


def test_what_a_chat_program_asks_for_itself_starts_no_run(here: Served, models: Models) -> None:
    """A title, and small talk, go straight to a model: no run, no plan."""
    history = "### Chat History:\n<chat_history>\nUSER: a\n</chat_history>"
    title = f'### Task:\nName it.\n### Output:\n{{ "title": "…" }}\n{history}'
    assert Chat(here).ask(title) == "all done"
    assert Chat(here, "auto").ask("Thank you!") == "all done"
    assert (len(models.direct), here.get("")["runs"]) == (2, [])


# ------------------------------------------------------------------ conversations


def test_the_store_knows_what_was_said(here: Served, models: Models) -> None:
    """Of a client that sends an id and the new message only the store has the history; a branch sees its parent's."""
    chat = Chat(here, remembers=False, conversation="c7")
    chat.ask("What was revenue in 2022?")
    chat.ask("and for 2023?")
    assert chat.view()["task"] == "What was revenue in 2023?"
    Chat(here, remembers=False, conversation="c7/notes").ask("why so much?")
    assert "What was revenue in 2022?" in models.rewrites[-1]
    assert "and for 2023?" in models.rewrites[-1]


def test_a_conversation_is_its_users(keyed: Served, models: Models) -> None:
    """Another key's conversation of the same id is another conversation."""
    Chat(keyed, remembers=False, conversation="c7", secret=ANN).ask("What was revenue in 2022?")
    other = Chat(keyed, remembers=False, conversation="c7", secret=BEN)
    other.ask("and for 2023?")
    assert (other.view()["task"], models.rewrites) == ("and for 2023?", [])


def test_a_conversation_is_forgotten(here: Served, models: Models) -> None:
    """DELETE forgets a conversation and its branches; what is not there is not found."""
    for name in ("c7", "c7/notes"):
        Chat(here, remembers=False, conversation=name).ask("look at it")
    assert here.client.delete("/conversations/c7").status_code == 204
    assert here.client.delete("/conversations/c7").status_code == 404
    before = len(models.rewrites)
    Chat(here, remembers=False, conversation="c7/notes").ask("and for 2023?")
    assert len(models.rewrites) == before


def test_a_client_that_sends_everything_is_believed(here: Served, models: Models) -> None:
    """What a client says was said counts, also where the store remembers otherwise."""
    chat = Chat(here, conversation="c7")
    chat.ask("one thing")
    chat.said = [{"role": "user", "content": "another thing"}, {"role": "assistant", "content": "well"}]
    chat.ask("why that?")
    assert "another thing" in models.rewrites[-1]
    assert "one thing" not in models.rewrites[-1]


# ------------------------------------------------------------------ answers


def test_a_call_is_approved_in_the_chat(here: Served) -> None:
    """What waits is shown with its exact input; "approve" lets it be called, once."""
    chat = Chat(here)
    asked = chat.ask("pay the bill")
    assert ('"amount": 500' in asked, "**pay**" in asked, chat.finish) == (True, True, "stop")
    run_id = chat.run_id
    assert chat.ask("approve") == "all done"
    assert (chat.run_id, chat.view()["status"]) == (run_id, "completed")


def test_an_answer_that_comes_too_late(here: Served) -> None:
    """B47: an answer to what was answered before, or to nothing, begins nothing and says so."""
    chat = Chat(here)
    chat.ask("pay the bill")
    asked = list(chat.said)
    chat.ask("approve")
    for late in ("yes", "approve a1"):
        chat.said = list(asked)
        assert "Nothing is waiting" in chat.ask(late)
    assert "Nothing is waiting" in Chat(here).ask("approve a7")
    assert len(here.get("")["runs"]) == 1


def test_a_refusal_has_a_reason(here: Served, models: Models) -> None:
    """A no with a reason refuses the call, and the planner is told why."""
    chat = Chat(here)
    chat.ask("pay the bill")
    chat.ask("no, because it is too expensive")
    assert "it is too expensive" in models.planned[-1]


def test_a_bare_answer_to_two_requests(here: Served) -> None:
    """B47: where two things wait, a bare answer decides nothing and the ids are listed; each is answered by its own."""
    chat = Chat(here)
    chat.ask("pay twice")
    ids = [one["approval_id"] for one in chat.view()["approvals"]]
    assert all(f"`{one}`" in chat.ask("approve") for one in ids)
    assert [one["approval_id"] for one in chat.view()["approvals"]] == ids
    chat.ask(f"approve {ids[0]} and reject {ids[1]}, it is rude")
    found = [(one["approval_id"], one["decision"], one["reason"]) for one in chat.answered()]
    assert found == [(ids[0], "approve", ""), (ids[1], "reject", "it is rude")]


def test_another_users_answer_is_refused(keyed: Served) -> None:
    """B47: somebody else's answer, even with all that was said, leaves the request as it is."""
    chat = Chat(keyed, secret=ANN)
    chat.ask("pay the bill")
    other = Chat(keyed, secret=BEN)
    other.said = list(chat.said)
    other.ask("approve a1")
    view = keyed.client.get(f"/runs/{chat.run_id}", headers={"authorization": f"Bearer {ANN}"}).json()
    assert (view["status"], [one["approval_id"] for one in view["approvals"]]) == ("waiting", ["a1"])


def test_an_input_is_edited_in_the_chat(here: Served) -> None:
    """A value changed in words is sent as changed; one that does not fit the schema is asked about again."""
    chat = Chat(here)
    chat.ask("pay the bill")
    assert "approve" in chat.ask("yes, but only if Bob agrees")
    chat.ask("approve with amount 300")
    (step,) = chat.view()["steps"]
    assert step["result"]["status"] == "done"
    assert [one["input"] for one in chat.answered()] == [{"amount": 300, "to": "Bob"}]


# ------------------------------------------------------------------ while it runs


def test_a_run_is_asked_how_far_it_is_steered_and_stopped(here: Served) -> None:
    """During a run a question about it is answered, a new goal replans it, and "stop" ends it."""
    first = Chat(here, remembers=False, conversation="c7")
    first.behind("do the slow thing")
    run_id = _running(here)
    chat = Chat(here, remembers=False, conversation="c7")
    assert "0" in chat.ask("how far are you?")
    first.behind("use euros instead")
    _until(here, run_id, "Do the slow thing in euros")
    chat.ask("stop!")
    assert (chat.run_id, here.get(f"/{run_id}")["status"], len(here.get("")["runs"])) == (run_id, "cancelled", 1)


def test_a_wish_that_comes_behind_the_answer_is_a_follow_up(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was to change a run which got its answer meanwhile is no error: it begins the next one."""
    first = Chat(here, remembers=False, conversation="c8")
    first.behind("do the slow thing")
    run_id = _running(here)

    async def steer(run: RunHandle, task: str, *, by: str = "") -> None:
        monkeypatch.undo()
        await run.cancel("it was quick")
        await run.done()
        raise ConflictError(f"run {run.run_id} has its answer already", details={"task": task, "by": by})

    monkeypatch.setattr(RunHandle, "steer", steer)
    chat = Chat(here, remembers=False, conversation="c8")
    chat.behind("use euros instead")
    rows: list[Any] = []
    for _ in range(400):
        rows = here.get("")["runs"]
        if len(rows) == 2:
            break
    assert [row["id"] for row in rows][-1] == run_id
    assert "euros" in rows[0]["task"]


def _running(here: Served) -> str:
    for _ in range(400):
        rows: list[Any] = here.get("")["runs"]
        if rows and any(step["phase"] == "running" for step in here.get(f"/{rows[0]['id']}")["steps"]):
            return rows[0]["id"]
    raise AssertionError("nothing runs")


def _until(here: Served, run_id: str, task: str) -> None:
    for _ in range(400):
        if here.get(f"/{run_id}")["task_now"] == task:
            return
    raise AssertionError(here.get(f"/{run_id}")["task_now"])


# ------------------------------------------------------------------ a client's own tools


def test_a_clients_tools_are_called_by_it(here: Served) -> None:
    """Calls of a client's tools come together as tool_calls; with their results the run goes on to its answer."""
    chat = Chat(here)
    chat.ask("weather, please", tools=[WEATHER])
    assert chat.finish == "tool_calls"
    cities = [json.loads(one["function"]["arguments"])["city"] for one in chat.calls()]
    assert cities == ["Paris", "Rome"]
    run_id = chat.run_id
    results = [{"role": "tool", "tool_call_id": one["id"], "content": '{"c": 21}'} for one in chat.calls()]
    assert chat.send(*results, tools=[WEATHER]) == "all done"
    assert (chat.run_id, [step["result"]["value"] for step in chat.view()["steps"]]) == (run_id, [{"c": 21}, {"c": 21}])


def test_results_that_do_not_fit_the_calls(here: Served) -> None:
    """A missing, a doubled and an unknown tool_call_id are told, and decide nothing."""
    chat = Chat(here)
    chat.ask("weather, please", tools=[WEATHER])
    one, two = ({"role": "tool", "tool_call_id": call["id"], "content": "21"} for call in chat.calls())
    for results, told in (
        ([one], "no result for"),
        ([one, two, two], "two tool messages"),
        ([one, two, {**one, "tool_call_id": "call_x"}], "none of this assistant's"),
    ):
        got = chat.raw({"model": "clerk", "messages": [*chat.said, *results]})
        assert (got.status_code, told in got.json()["error"]["message"]) == (400, True), got.text
    assert len(chat.view()["approvals"]) == 2


def test_a_question_is_the_assistants_message(here: Served) -> None:
    """B51: the planner's question is the assistant's message, and the next message is its answer, word for word."""
    chat = Chat(here)
    assert chat.ask("ask me first").startswith("Which city?")
    assert (chat.finish, chat.view()["status"]) == ("stop", "waiting")
    assert chat.ask("Berlin, please") == "all done"
    assert [(one["decision"], one["result"]) for one in chat.answered()] == [("done", "Berlin, please")]


def test_what_a_tool_asks_is_the_assistants_message(here: Served) -> None:
    """A tool that asks while its step runs is answered by the next message, and its step goes on."""
    chat = Chat(here)
    assert "Which seat?" in chat.ask("find me a seat")
    assert chat.finish == "stop"
    assert chat.ask("12A") == "all done"
    assert [step["result"]["value"] for step in chat.view()["steps"]] == ["seat 12A"]
