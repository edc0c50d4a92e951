"""Other people's clients, unmodified, each in an environment of its own, against the gateway over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.baselines.environment import node_with, python_with
from tests.gateway.server.serving import Keys, config, served
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

HERE = Path(__file__).parent
PINS, SCRIPTS = HERE / "pins", HERE / "scripts"
TEXT = "It is 21 °C in Paris – 晴れ."
AFTER_TOOL = "The tool says: WEATHER OF Paris."
CALL = ["weather", {"city": "Paris"}]
CLIENT_S = 180


def weather(request: Mapping[str, Any], path: str) -> Reply:
    """Answer as a model: call the tool that is offered, tell what it said, or just talk."""
    turns: list[dict[str, Any]] = request["messages"]
    if "WEATHER OF" in json.dumps(turns[-1]):
        return say(request, path, AFTER_TOOL)
    if request.get("tools"):
        return say(request, path, calls=[("weather", {"city": "Paris"})])
    return say(request, path, TEXT)


@pytest.fixture(scope="module")
def gateway() -> Iterator[tuple[str, str]]:
    """A gateway with a model of each provider format behind it: its address, and a key."""
    keys = Keys()
    secret = keys.add()
    with WireServer(weather) as upstream, served(config(upstream.url), keys=keys) as here:
        yield here.url, secret


def told(command: list[str], gateway: tuple[str, str], model: str, folder: Path) -> dict[str, Any]:
    """Run a client and return what it got."""
    environ = {
        name: value for name, value in os.environ.items() if not name.endswith(("_PROXY", "_API_KEY", "_BASE_URL"))
    }
    environ |= {"GATEWAY_URL": gateway[0], "GATEWAY_KEY": gateway[1], "GATEWAY_MODEL": model}
    environ |= {"OPENAI_API_KEY": "unused", "ANTHROPIC_API_KEY": "unused", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL, timeout=CLIENT_S, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def python(script: str, interpreter: str = sys.executable) -> list[str]:
    """Return the command of a Python client."""
    return [interpreter, str(SCRIPTS / f"{script}.py")]


def elsewhere(name: str) -> str:
    """Return a Python with a client's pinned packages."""
    found = python_with(name, PINS)
    if found is None:
        pytest.fail(f"the environment of {name} cannot be made")
    return found


def node(name: str, script: str) -> list[str]:
    """Return the command of a JavaScript client; it is copied beside its packages, where imports are looked up."""
    folder, program = node_with(name, PINS), shutil.which("node")
    if folder is None or program is None:
        pytest.skip("NOT RUN: node and npm are not installed")
    copied = folder / f"{script}.mjs"
    shutil.copy(SCRIPTS / copied.name, copied)
    return [program, str(copied)]


def check(facts: Mapping[str, Any], unknown: str, wrong: str) -> None:
    """Hold what a client got to what was to be got: every text, call and count, and errors of the right class."""
    assert (facts["unknown_model"], facts["wrong_key"]) == (unknown, wrong)
    for name, fact in facts.items():
        if "with_tool" in name:
            assert fact == AFTER_TOOL, name
        elif name.endswith("tool"):
            assert fact == CALL, name
        elif name.endswith(("text", "streamed")):
            assert fact == TEXT, name
        elif name == "usage":
            assert fact == [[10, 5], [10, 5]]
        elif name == "calls":
            assert all(call == CALL for call in fact)
        elif name == "models":
            assert fact is True


MODELS = pytest.mark.parametrize("model", ["p/m", "a/m"], ids=["chat", "messages"])


@pytest.mark.parametrize(
    ("script", "model"),
    [
        ("openai_chat", "a/m"),
        ("openai_responses", "a/m"),
        ("anthropic_messages", "p/m"),
        pytest.param("openai_chat", "p/m", marks=pytest.mark.slow),
        pytest.param("openai_responses", "p/m", marks=pytest.mark.slow),
        pytest.param("anthropic_messages", "a/m", marks=pytest.mark.slow),
    ],
)
def test_official_clients(gateway: tuple[str, str], script: str, model: str, tmp_path: Path) -> None:
    """B72: the official clients of all three formats, with strict validation, get text, streams, calls and errors."""
    check(told(python(script), gateway, model, tmp_path), "NotFoundError", "AuthenticationError")


@pytest.mark.slow
@MODELS
@pytest.mark.parametrize(
    ("pins", "script", "unknown", "wrong"),
    [
        ("llm", "llm_cli", "RuntimeError", "RuntimeError"),
        ("langchain-openai", "langchain_openai_chat", "OpenAIModelNotFoundError", "OpenAIAuthenticationError"),
        ("pydantic-ai", "pydantic_ai_agent", "ModelNotFoundError", "ModelAuthenticationError"),
        ("litellm", "litellm_client", "NotFoundError", "AuthenticationError"),
    ],
)
def test_python_clients(
    gateway: tuple[str, str], pins: str, script: str, unknown: str, wrong: str, model: str, tmp_path: Path
) -> None:
    """B72: clients and frameworks that people use get the same through the gateway."""
    check(told(python(script, elsewhere(pins)), gateway, model, tmp_path), unknown, wrong)


@pytest.mark.slow
@MODELS
@pytest.mark.parametrize(
    ("pins", "script", "unknown", "wrong"),
    [
        ("npm-openai", "npm_openai", "NotFoundError", "AuthenticationError"),
        ("npm-ai", "npm_ai", "AI_APICallError", "AI_APICallError"),
    ],
)
def test_javascript_clients(
    gateway: tuple[str, str], pins: str, script: str, unknown: str, wrong: str, model: str, tmp_path: Path
) -> None:
    """B72: the clients of JavaScript programs get the same through the gateway."""
    check(told(node(pins, script), gateway, model, tmp_path), unknown, wrong)
