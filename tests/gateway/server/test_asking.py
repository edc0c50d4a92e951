"""What is told of calls without making them."""

from __future__ import annotations

from tests.gateway.server.serving import chat, config, served

PREFERENCES = [
    {"name": "code", "description": "writing and fixing programs", "models": ["p/m"]},
    {"name": "talk", "description": "everyday questions, weather, travel", "models": ["a/m"]},
]


def test_auto_is_a_name_and_its_route_is_told_by_words() -> None:
    """B67: ``auto`` is listed, and ``/v1/route`` says by words what it would be: no model is asked there."""
    given = config(routing_preferences=PREFERENCES, gateway={"router": "p/m"})  # nobody listens at p
    with served(given) as gateway:
        assert "auto" in [model["id"] for model in gateway.client.get("/v1/models").json()["data"]]
        assert gateway.client.get("/v1/models/auto").json()["engine"]["models"] == ["p/m", "a/m"]
        told = gateway.post("/v1/route", chat("how is the weather?", "auto")).json()
        assert (told["asked"], told["model"]) == ("auto", "a/m")
        assert told["routes"][0]["reason"].startswith("auto: talk, by the words weath (p/m is asked when it is called")
    with served(config()) as gateway:
        assert "auto" not in [model["id"] for model in gateway.client.get("/v1/models").json()["data"]]
        assert gateway.post("/v1/route", chat("hello", "auto")).status_code == 404
