from __future__ import annotations

from typing import Any

import pytest

from gateway.routing import Routing
from schemas.errors import NoRouteError
from schemas.settings import ModelProvider, ModelSettings, Roles, RoutingPreference, Settings

A = ModelProvider(name="a", kind="anthropic", models=(ModelSettings(name="large"), ModelSettings(name="small")))
B = ModelProvider(name="b", kind="openai", models=(ModelSettings(name="small"), ModelSettings(name="org/tiny")))


def routing(
    prices: dict[str, float] | None = None, latencies: dict[str, float] | None = None, **fields: Any
) -> Routing:
    """Return the routing of two providers that both offer ``small``."""
    return Routing(
        Settings(**{"model_providers": (A, B), **fields}),
        price=lambda model: (prices or {}).get(model.ref),
        latency=lambda model: (latencies or {}).get(model.ref),
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
    assert refs(made, "planner", images=True) == ["a/maybe"]
    assert refs(made, "planner") == ["a/blind", "a/maybe"]
    with pytest.raises(NoRouteError, match="reads images"):
        made.resolve("blind", images=True)
