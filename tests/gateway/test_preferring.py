"""``auto``: which preference a request is about."""

from __future__ import annotations

import json

import anyio
import pytest

from gateway.preferring import Chooser, said_last, said_last_in
from schemas.errors import ModelUnavailableError
from schemas.model import Message, ModelRequest, ModelResponse, TextPart
from schemas.settings import RoutingPreference

CODE = RoutingPreference(name="code", description="writing, explaining and fixing programs", models=("a/x",))
TALK = RoutingPreference(name="talk", description="everyday questions, weather, travel", models=("a/y",))


class Router:
    """A routing model that answers a text, or fails."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked: list[ModelRequest] = []

    async def __call__(self, request: ModelRequest) -> ModelResponse:
        self.asked.append(request)
        if self.answer is None:
            raise ModelUnavailableError("away")
        return ModelResponse(model="small", parts=(TextPart(text=self.answer),))


def chosen(said: str, router: Router | None = None, *preferences: RoutingPreference) -> tuple[str, str]:
    """Return what is chosen, and why."""
    made = Chooser(preferences or (CODE, TALK), "small" if router else None)
    found = anyio.run(made.choose, said, router or Router(None))
    return found.name, found.reason


@pytest.mark.parametrize(
    ("said", "name"),
    [("Fix this program for me", "code"), ("what will the weather be?", "talk"), ("北京的天气怎么样", "talk")],
)
def test_words_choose_without_a_model(said: str, name: str) -> None:
    """B67: without a routing model the words of the descriptions choose, in other scripts too, and the reason tells."""
    assert chosen(said)[0] == name
    assert "by the words" in chosen(said)[1]


def test_what_fits_none_is_the_default() -> None:
    """B67: what no description fits goes to the preference called default, or to the first."""
    default = RoutingPreference(name="default", description="all else", models=("a/z",))
    assert chosen("zzz")[0] == "code"
    assert chosen("zzz", None, CODE, default)[0] == "default"


def test_a_small_model_chooses_by_the_descriptions() -> None:
    """B67: the routing model is told names and descriptions, may only name one of them, and its choice is followed."""
    router = Router('{"route": "talk"}')
    assert chosen("Fix this program", router) == ("talk", "auto: talk, chosen by small")
    (asked,) = router.asked
    assert asked.output is not None
    assert asked.output.json_schema["properties"]["route"]["enum"] == ["code", "talk", "none"]
    assert TALK.description in asked.messages[1].text


@pytest.mark.parametrize("answer", [None, "talk", "[]", '{"route": "gone"}', '{"route": ["talk"]}'])
def test_a_model_that_does_not_choose_is_no_failure(answer: str | None) -> None:
    """B67: a routing model that fails, babbles or names none leaves the choice to the words or the default."""
    name, reason = chosen("Fix this program", Router(answer))
    assert name == "code"
    assert "small" in reason


def test_a_conversation_is_chosen_for_once() -> None:
    """B67: later turns of a conversation keep its preference and cost no call."""
    router = Router('{"route": "talk"}')
    made = Chooser((CODE, TALK), "small", keep_s=60)

    async def twice() -> list[str]:
        first = await made.choose("hello", router, "s")
        made.note("s", first.name)
        return [first.name, (await made.choose("Fix this program", router, "s")).name]

    assert anyio.run(twice) == ["talk", "talk"]
    assert len(router.asked) == 1


def test_what_was_said_is_found_in_every_format() -> None:
    """The last words of a person are found in chat, messages and responses bodies, and in neutral requests."""
    parts = [{"type": "tool_result", "content": "x"}]
    turns = [{"role": "user", "content": "first"}, {"role": "user", "content": parts}]
    assert said_last({"messages": turns}) == "first"
    assert said_last({"input": [{"role": "user", "content": [{"type": "input_text", "text": "q"}]}]}) == "q"
    assert said_last({"input": "plain"}) == "plain"
    assert said_last({"messages": "no list"}) == "no list"
    assert said_last(json.loads('{"messages": [1, null, {"role": "user"}]}')) == ""
    assert said_last_in(ModelRequest(messages=(Message.user("q"), Message.assistant("a")), model="m")) == "q"
