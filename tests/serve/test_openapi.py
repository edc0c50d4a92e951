"""What /openapi.json says of the runs API."""

from __future__ import annotations

from engine.serve import bodies
from engine.serve.openapi import _BODIES  # pyright: ignore[reportPrivateUsage] (every example is held to its schema)
from tests.runs import engine_of
from tests.serve.serving import served


def test_every_route_is_told_with_what_it_takes() -> None:
    """One document has the gateway's paths and the runs API's, each with a summary; bodies refer to schemas it has."""
    with served(engine_of) as here:
        told = here.client.get("/openapi.json").json()
    assert {"/v1/chat/completions", "/runs", "/runs/{run_id}", "/runs/{run_id}/fork"} <= set(told["paths"])
    for path, methods in told["paths"].items():
        for about in methods.values():
            assert about["summary"], path
            for content in about.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                assert not name or name in told["components"]["schemas"], path


def test_examples_are_right() -> None:
    """Every example of a body is one that is taken."""
    for model, example in _BODIES.values():
        assert model.model_validate(example)
    assert bodies.NewRun in {model for model, _ in _BODIES.values()}
