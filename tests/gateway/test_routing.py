from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from gateway.affinity import Affinity
from gateway.needs import Needs
from gateway.routing import Routing
from schemas.errors import NoRouteError
from schemas.gateway import Weighted
from schemas.settings import ModelProvider, ModelSettings, Roles, RoutingPreference, Settings

A = ModelProvider(name="a", kind="anthropic", models=(ModelSettings(name="large"), ModelSettings(name="small")))
B = ModelProvider(name="b", kind="openai", models=(ModelSettings(name="small"), ModelSettings(name="org/tiny")))


def routing(
    prices: dict[str, float] | None = None,
    latencies: dict[str, float] | None = None,
    *,
    chance: Callable[[], float] = random.random,
    affinity: Affinity | None = None,
    **fields: Any,
) -> Routing:
    """Return the routing of two providers that both offer ``small``."""
    return Routing(
        Settings(**{"model_providers": (A, B), **fields}),
        price=lambda model: (prices or {}).get(model.ref),
        latency=lambda model: (latencies or {}).get(model.ref),
        chance=chance,
        affinity=affinity,
    )


def refs(made: Routing, name: str, **options: Any) -> list[str]:
    """Return the models a name stands for."""
    return [route.model.ref for route in made.resolve(name, **options)]


def test_a_role_is_its_models_in_order() -> None:
    """B67: a role is one name or a list of names, tried in that order, each model once."""
    made = routing(roles=Roles(planner=("b/small", "large", "b/small"), executor="a/small"))
    assert refs(made, "planner") == ["b/small", "a/large"]
    assert refs(made, "executor") == ["a/small"]
    assert made.resolve("planner")[0].reason == "role planner"


@pytest.mark.parametrize("role", ["planner", "executor", "synthesizer", "judge"])
def test_an_unset_role_is_the_first_model(role: str) -> None:
    """B67: without roles every role is the first model of the first provider, and the reason says so."""
    (route,) = routing().resolve(role)
    assert route.model.ref == "a/large"
    assert "not set" in route.reason


def test_an_unset_judge_is_the_planner() -> None:
    """B67: a judge that isn't set is the planner's models."""
    made = routing(roles=Roles(planner="b/small"))
    assert refs(made, "judge") == ["b/small"]
    assert made.resolve("judge")[0].reason == "role judge is not set, role planner"


def test_aliases_lead_to_names_and_lists() -> None:
    """B67: an alias stands for a name or a list, of models or other aliases, and may be used in a role."""
    made = routing(aliases={"fast": ("b/small", "backup"), "backup": "large"}, roles=Roles(executor="fast"))
    assert refs(made, "executor") == ["b/small", "a/large"]
    assert made.resolve("executor")[1].reason == "role executor, alias fast, alias backup"


def test_an_alias_circle_is_an_error() -> None:
    """B67: aliases that lead back to themselves are refused with the circle."""
    with pytest.raises(NoRouteError, match="x → y → x"):
        routing(aliases={"x": "y", "y": "x"}).resolve("x")


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("listed", ["a/large", "a/small", "b/small"]),
        ("price", ["b/small", "a/large", "a/small"]),
        ("latency", ["b/small", "a/small", "a/large"]),
    ],
)
def test_preferences_order_their_models(prefer: Any, expected: list[str]) -> None:
    """B67: a preference orders its models as listed, by price (unknown last) or by latency (never called first)."""
    listed = ("a/large", "a/small", "b/small")
    preference = RoutingPreference(name="eyes", description="cheapest that can see", models=listed, prefer=prefer)
    made = routing({"a/large": 5, "b/small": 1}, {"a/large": 2, "a/small": 1}, routing_preferences=(preference,))
    assert refs(made, "eyes") == expected


def test_models_are_named_with_or_without_their_provider() -> None:
    """B67: ``provider/model``, a model only one provider offers (slashes and all), and a provider are names."""
    made = routing()
    assert [refs(made, name) for name in ("b/small", "large", "org/tiny", "b/org/tiny", "b")] == [
        ["b/small"],
        ["a/large"],
        ["b/org/tiny"],
        ["b/org/tiny"],
        ["b/small"],
    ]


def test_an_ambiguous_model_lists_its_providers() -> None:
    """B67: a bare name that several providers offer is refused, and the candidates are listed."""
    with pytest.raises(NoRouteError, match="a/small, b/small") as caught:
        routing().resolve("small")
    assert caught.value.details["candidates"] == ["a/small", "b/small"]


@pytest.mark.parametrize(("name", "near"), [("lage", "large"), ("a/larg", "a/large"), ("planer", "planner")])
def test_an_unknown_name_gets_a_suggestion(name: str, near: str) -> None:
    """B67: an unknown name is refused with the nearest known ones."""
    with pytest.raises(NoRouteError) as caught:
        routing().resolve(name)
    assert near in caught.value.hint


def test_nothing_near_lists_what_there_is() -> None:
    """B67: a name like no other is refused with the list of models."""
    with pytest.raises(NoRouteError) as caught:
        routing().resolve("zzzzzz")
    assert "a/large, a/small, b/small" in caught.value.hint


def test_a_provider_without_a_list_takes_any_model() -> None:
    """A provider that lists no models takes any name, but has no first model; an offline one has its own."""
    providers = (ModelProvider(name="c", kind="openai"), ModelProvider(name="o", kind="offline"))
    made = routing(model_providers=providers)
    assert refs(made, "c/anything") == ["c/anything"]
    assert refs(made, "planner") == ["o/offline"]
    with pytest.raises(NoRouteError, match="lists no models"):
        made.resolve("c")


def test_no_model_at_all_is_said() -> None:
    """Without any model a role can't be resolved, and the hint says what to set."""
    with pytest.raises(NoRouteError, match="no provider lists a model"):
        routing(model_providers=()).resolve("planner")


def test_images_leave_blind_models_out() -> None:
    """B67: with images, models known to be blind are left out; if none is left, that is said."""
    blind = ModelSettings(name="blind", vision=False)
    provider = ModelProvider(name="a", kind="openai", models=(blind, ModelSettings(name="maybe")))
    made = routing(model_providers=(provider,), roles=Roles(planner=("blind", "maybe")))
    assert refs(made, "planner", needs=Needs(images=True)) == ["a/maybe"]
    assert refs(made, "planner") == ["a/blind", "a/maybe"]
    with pytest.raises(NoRouteError, match="reads no images"):
        made.resolve("blind", Needs(images=True))


def weighted(**fields: Any) -> Routing:
    """Return the routing of an alias that splits its calls 3 to 1, with a spare."""
    targets = (Weighted(model="b/small", weight=3), Weighted(model="a/large"), Weighted(model="a/small", weight=0))
    return routing(aliases={"split": targets}, **fields)


@pytest.mark.parametrize(
    ("chance", "first"), [(0.0, "b/small"), (0.74, "b/small"), (0.76, "a/large"), (0.99, "a/large")]
)
def test_a_weighted_alias_is_drawn(chance: float, first: str) -> None:
    """B67: a weighted alias draws its first model by the weights; the others follow, a spare last."""
    found = weighted(chance=lambda: chance).resolve("split")
    assert [found[0].model.ref, found[-1].model.ref] == [first, "a/small"]
    assert "of its calls" in found[0].reason


def test_a_conversation_draws_the_same() -> None:
    """B67: calls of one conversation draw the same model, conversations as a whole by the weights."""
    made = weighted()
    drawn = [[refs(made, "split", session=f"s{at}")[0] for _ in range(3)] for at in range(400)]
    assert all(len(set(each)) == 1 for each in drawn)
    assert 0.68 < sum(each[0] == "b/small" for each in drawn) / 400 < 0.82


def test_a_star_is_every_listed_model_that_fits() -> None:
    """B67: ``provider/*`` stands for the provider's models; one that fits none is unknown."""
    made = routing()
    assert refs(made, "a/*") == ["a/large", "a/small"]
    assert refs(made, "*/small") == ["a/small", "b/small"]
    with pytest.raises(NoRouteError, match="c/\\*"):
        made.resolve("c/*")


def test_a_conversation_stays_with_its_model() -> None:
    """B67: where the order is the gateway's choice, a conversation stays with its model for a time."""
    now = [0.0]
    made = routing(affinity=Affinity(600, clock=lambda: now[0]), roles=Roles(executor=("a/large", "a/small")))
    small = made.resolve("a/small")[0].model
    made.note("chat", small)
    assert refs(made, "a/*", session="chat") == ["a/small", "a/large"]
    assert "this conversation" in made.resolve("a/*", session="chat")[0].reason
    assert refs(made, "a/*", session="other") == refs(made, "executor", session="chat") == ["a/large", "a/small"]
    now[0] = 601
    assert refs(made, "a/*", session="chat") == ["a/large", "a/small"]


def test_needs_come_before_preference() -> None:
    """B67: the cheapest model that cannot do what the request needs is left out, and ``rank`` says why."""
    models = (
        ModelSettings(name="cheap", tools=False, context_tokens=1000),
        ModelSettings(name="dear", context_tokens=50),
    )
    provider = ModelProvider(name="a", kind="openai", models=models)
    preference = RoutingPreference(name="low", description="cheap", models=("a/*",), prefer="price")
    made = routing({"a/cheap": 1, "a/dear": 5}, model_providers=(provider,), routing_preferences=(preference,))
    assert refs(made, "low") == ["a/cheap", "a/dear"]
    assert refs(made, "low", needs=Needs(tools=True)) == ["a/dear"]
    assert refs(made, "low", needs=Needs(tokens=100)) == ["a/cheap"]
    assert refs(made, "low", needs=Needs(tokens=5000)) == ["a/cheap", "a/dear"]
    ranked = made.rank("low", Needs(tools=True))
    assert [(each.ref, each.left_out) for each in ranked] == [("a/dear", None), ("a/cheap", "calls no tools")]
