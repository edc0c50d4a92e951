"""The document is a document, and true."""

from __future__ import annotations

import json

from openapi_spec_validator import validate

from gateway.server.openapi import EXAMPLES, document
from gateway.server.places import PLACES, place_of
from tests.gateway.server.serving import chat, config, served


def test_it_is_openapi() -> None:
    """It holds to the specification of OpenAPI 3.1."""
    validate(json.loads(json.dumps(document())))


def test_it_names_what_there_is() -> None:
    """Every path and method that is answered is in it, and no other."""
    told = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
    there = {(path, method) for path, place in PLACES.items() for method in place.methods if method != "HEAD"}
    assert told == there | {("/v1/models/{id}", "GET")}
    assert place_of("/v1/models/a/b") is not None


def test_it_tells_which_paths_are_open() -> None:
    """What needs no key says so."""
    paths = document()["paths"]
    for path, place in PLACES.items():
        operation = next(iter(paths[path].values()))
        assert (operation.get("security") == []) is place.open, path


def test_answers_fit_it() -> None:
    """Lists, models, routes and errors have the fields it promises."""
    schemas = document()["components"]["schemas"]
    with served(config()) as gateway:
        found = {
            "ModelList": gateway.client.get("/v1/models").json(),
            "Model": gateway.client.get("/v1/models/p/m").json(),
            "Route": gateway.post("/v1/route", chat()).json(),
            "OpenAIError": gateway.client.get("/nothing").json(),
            "AnthropicError": gateway.post("/v1/messages", {}).json(),
        }
    for name, body in found.items():
        assert set(schemas[name]["required"]) <= set(body), name


def test_examples_are_taken() -> None:
    """Each body that stands as an example is understood, up to the provider, which is away."""
    posts = {path for path, methods in document()["paths"].items() if "requestBody" in methods.get("post", {})}
    assert posts == set(EXAMPLES)
    roles = {"executor": "p/m"}
    with served(config(roles=roles)) as gateway:
        for path, example in EXAMPLES.items():
            answer = gateway.post(path, example, headers={"x-engine-deadline": "0.5"})
            away = path not in ("/v1/messages/count_tokens", "/v1/route")
            assert answer.status_code in ((502, 503, 504) if away else (200,)), (path, answer.text)
