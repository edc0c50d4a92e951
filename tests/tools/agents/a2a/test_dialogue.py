"""One query to an A2A agent over a real connection, in both versions."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.tools.agents.a2a import dialogue
from engine.tools.agents.a2a.dialogue import Dialogue
from engine.tools.agents.a2a.dialogue import Told as Hearing
from engine.tools.agents.a2a.rpc import Credentials, Rpc, fetch_card
from engine.tools.agents.a2a.view import TaskView
from schemas.errors import ToolFailedError, ToolUnavailableError
from tests.tools.agents.a2a.sky import Sky, sky

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("version", ["1.0", "0.3"])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr(dialogue, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(dialogue, "_LONGEST_PAUSE_S", 0.001)


class Told:
    """What the agent told, and asked; each question gets the next answer."""

    def __init__(self, *answers: Any) -> None:
        self.news: list[str] = []
        self.text: list[str] = []
        self.questions: list[str] = []
        self.answers = list(answers)

    async def ask(self, question: str) -> Any:
        """Answer."""
        self.questions.append(question)
        return self.answers.pop(0)


async def _asked(agent: Sky, told: Told | None = None) -> TaskView:
    told = told or Told()
    with sky(agent) as server:
        credentials = Credentials(server.url, {})
        card = (await fetch_card(server.url, credentials)).card
        assert card is not None
        hearing = Hearing(told.news.append, told.text.append, told.ask)
        line = Dialogue("sky", Rpc("sky", card, credentials), hearing, "r:1")
        return await line.run("Paris tomorrow?", "c")


@both
async def test_a_task_is_looked_at_until_it_is_done(version: str) -> None:
    """An agent that does not stream is asked again and again; what it says about its work is progress, once."""
    agent, told = Sky(version, states=["submitted", "working: Looking up", "working: Looking up", "completed"]), Told()
    view = await _asked(agent, told)
    assert (view.result(), told.news) == ("Rain.", ["Looking up"])
    assert agent.acts() == ["SendMessage", "GetTask", "GetTask", "GetTask"]


@both
async def test_a_stream_is_read_to_its_end(version: str) -> None:
    """Pieces of an artifact are one text; nothing is asked again."""
    agent = Sky(version, streams=True, states=["working: On it", "+Ra", "+in in ", "+Paris.", "completed"])
    view = await _asked(agent, told := Told())
    assert (view.result(), told.news, agent.acts()) == ("Rain in Paris.", ["On it"], ["SendStreamingMessage"])
    assert told.text == ["Ra", "in in ", "Paris."]


@both
async def test_a_message_is_an_answer(version: str) -> None:
    """An agent that answers by a message, without a task, is done."""
    view = await _asked(agent := Sky(version, reply="Rain, I think."))
    assert (view.result(), agent.acts()) == ("Rain, I think.", ["SendMessage"])


@both
async def test_a_lost_stream_is_taken_up_again(version: str) -> None:
    """A stream that breaks off is subscribed to anew, and what it missed is looked at: nothing is sent twice."""
    agent = Sky(version, streams=True, states=["working: On it", "cut", "working: Still", "completed"])
    view = await _asked(agent, told := Told())
    assert (view.result(), told.news) == ("Rain.", ["On it", "Still"])
    assert agent.acts() == ["SendStreamingMessage", "SubscribeToTask", "GetTask"] or agent.acts()[-1] == "GetTask"
    assert agent.acts().count("SendStreamingMessage") == 1


@both
@pytest.mark.parametrize("streams", [False, True])
async def test_what_it_asks_is_answered_in_the_same_task(version: str, streams: bool) -> None:
    """Input-required is a question to a person; the answer goes to the same task and conversation."""
    told = Told("Paris, Texas")
    agent = Sky(version, streams=streams, states=["input-required: Which Paris?", "working", "completed"])
    if streams:
        agent.states = ["input-required: Which Paris?", "cut"]
        agent.states += ["completed"]
    view = await _asked(agent, told)
    assert (view.result(), told.questions) == ("Rain.", ["Which Paris?"])
    first, second = [params["message"] for act, params in agent.calls if act.startswith("Send")]
    assert (second["taskId"], second["contextId"], second["parts"][0]["text"]) == ("7", "c", "Paris, Texas")
    assert first["contextId"] == "c"
    assert "taskId" not in first
    assert first["messageId"] != second["messageId"]


async def test_authorizations_are_asked_for_by_name() -> None:
    """Auth-required is a question, too; where the task has gone on meanwhile, nothing is sent."""
    agent = Sky(states=["auth-required: Open https://login.example", "completed"])
    view = await _asked(agent, told := Told("done"))
    assert (view.result(), told.questions) == ("Rain.", ["sky needs an authorization: Open https://login.example"])
    assert agent.acts() == ["SendMessage", "GetTask"]


@both
@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("failed: no data", "sky failed: no data"),
        ("rejected: not mine", "sky rejected the task: not mine"),
        ("canceled", "sky cancelled the task"),
    ],
)
async def test_a_task_that_ends_badly_is_a_failure(version: str, state: str, says: str) -> None:
    """Failed, rejected and cancelled tasks are failures with the agent's words, never answers."""
    view = await _asked(Sky(version, states=["working", state]))
    with pytest.raises(ToolFailedError, match=says) as failure:
        view.result()
    assert failure.value.details["task_id"] == "7"


async def test_giving_up_cancels_the_task() -> None:
    """Whoever stops waiting has the agent stop working."""
    agent, told, scope = Sky(states=["working: On it"]), Told(), anyio.CancelScope()

    class Leaving(list[str]):
        def append(self, news: str) -> None:
            scope.cancel()

    told.news = Leaving()
    with scope:
        await _asked(agent, told)
    assert [params for act, params in agent.calls if act == "CancelTask"] == [{"id": "7"}]


async def test_errors_of_the_protocol_are_told() -> None:
    """A JSON-RPC error is a failure with the agent's words and what the code means."""
    with pytest.raises(ToolFailedError, match=r"answered an error: No such thing \(-32004\)") as failure:
        await _asked(Sky(error={"code": -32004, "message": "No such thing"}))
    assert failure.value.hint == "it does not support that"
    assert failure.value.details["rpc_code"] == -32004


@pytest.mark.parametrize(("status", "kind"), [(503, ToolUnavailableError), (401, ToolFailedError)])
async def test_http_errors_are_told(status: int, kind: type[Exception]) -> None:
    """A status is never an answer: 503 may be tried again, 401 says what to do."""
    with pytest.raises(kind, match=f"sky answered {status}: sorry"):
        await _asked(Sky(status=status))


class Straying(Sky):
    """An agent that answers about one task, and then about another."""

    def _task(self, state: str) -> dict[str, Any]:
        return super()._task(state) | {"id": "7" if len(self.calls) == 1 else "8"}


@both
async def test_another_tasks_end_is_not_this_ones(version: str) -> None:
    """An agent that speaks of another task than the one it was asked about fails the call, and is told to stop."""
    agent = Straying(version, states=["working", "completed"])
    with pytest.raises(ToolFailedError, match="sky spoke of another task"):
        await _asked(agent)
    assert agent.acts()[-1] == "CancelTask"


async def test_a_state_that_nobody_knows_ends_the_call() -> None:
    """A task that stays in a state which the protocol does not know is given up, with that as the reason."""
    with pytest.raises(ToolFailedError, match="a state that A2A does not know"):
        await _asked(Sky(states=["dancing"]))


async def test_a_task_that_never_moves_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task of which nothing new is heard for too long is given up."""
    monkeypatch.setattr(dialogue, "_STILL_S", 0.05)
    with pytest.raises(ToolFailedError, match="has said nothing new about its task"):
        await _asked(Sky(states=["working: On it"]))
