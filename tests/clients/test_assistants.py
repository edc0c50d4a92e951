"""Other people's clients, unmodified, each in its own environment, against assistants of a real ``engine serve``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import clean_environ
from tests.clients.test_clients import AFTER_TOOL, CALL, TEXT, elsewhere, node, python, told
from tests.serve.test_app import process
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

CONFIG = """
model_providers:
  - {{name: p, kind: openai, base_url: "{url}/v1", api_key: k, models: [{{name: m}}]}}
roles: {{planner: p/m, executor: p/m, synthesizer: p/m}}
assistants:
  - {{name: guide, description: Knows the weather., tools: [], agents: []}}
"""


def mind(request: Mapping[str, Any], path: str) -> Reply:
    """Answer as the models of an assistant: plan a call of the client's tool, tell what it said, or just talk."""
    written = json.dumps(request["messages"])
    if "WEATHER OF" in written:
        return say(request, path, AFTER_TOOL)
    if request.get("response_format") or request.get("tools"):
        plan = {"steps": [{"weather": {"city": "Paris"}}]}
        return say(request, path, json.dumps(plan))
    return say(request, path, TEXT)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server with one assistant, whose models are reached over HTTP: its address, and a key."""
    folder = tmp_path_factory.mktemp("serve")
    with WireServer(mind) as upstream:
        (folder / "engine.yaml").write_text(CONFIG.format(url=upstream.url))
        command = [sys.executable, "-m", "engine.cli", "keys", "create", "ann", "--store", str(folder / "runs.db")]
        made = subprocess.run(command, cwd=folder, env=clean_environ(), capture_output=True, text=True, check=True)
        found = re.search(r"ek-\w+", made.stdout)
        assert found is not None, made.stdout
        with process(folder) as (_, url):
            yield url, found[0]


def check(facts: Mapping[str, Any], unknown: str, wrong: str) -> None:
    """Hold what a client got to what was to be got; ``usage`` is the whole run's, and more than nothing."""
    assert (facts["unknown_model"], facts["wrong_key"]) == (unknown, wrong)
    for name, fact in facts.items():
        if "with_tool" in name:
            assert fact == AFTER_TOOL, name
        elif name.endswith("tool"):
            assert fact == CALL, name
        elif name.endswith(("text", "streamed")):
            assert fact == TEXT, name
        elif name == "usage":
            assert all(count > 0 for counts in fact for count in counts)
        elif name == "calls":
            assert fact
            assert all(call == CALL for call in fact)


@pytest.mark.parametrize(
    ("script", "unknown", "wrong"),
    [
        ("openai_chat", "NotFoundError", "AuthenticationError"),
        pytest.param("openai_responses", "NotFoundError", "AuthenticationError", marks=pytest.mark.slow),
        pytest.param("anthropic_messages", "NotFoundError", "AuthenticationError", marks=pytest.mark.slow),
    ],
)
def test_official_clients(assistant: tuple[str, str], script: str, unknown: str, wrong: str, tmp_path: Path) -> None:
    """The official clients get an assistant's text, streams, calls of their tools, and errors of the right class."""
    check(told(python(script), assistant, "guide", tmp_path), unknown, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pins", "script", "unknown", "wrong"),
    [
        ("llm", "llm_cli", "RuntimeError", "RuntimeError"),
        ("langchain-openai", "langchain_openai_chat", "OpenAIModelNotFoundError", "OpenAIAuthenticationError"),
        ("pydantic-ai", "pydantic_ai_agent", "ModelNotFoundError", "ModelAuthenticationError"),
        ("openai-agents", "openai_agents", "NotFoundError", "AuthenticationError"),
        ("aider", "aider_chat", "RuntimeError", "RuntimeError"),
    ],
)
def test_python_clients(
    assistant: tuple[str, str], pins: str, script: str, unknown: str, wrong: str, tmp_path: Path
) -> None:
    """Clients and frameworks that people use talk to an assistant as to a model, their own tools included."""
    check(told(python(script, elsewhere(pins)), assistant, "guide", tmp_path), unknown, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pins", "script", "unknown", "wrong"),
    [
        ("npm-openai", "npm_openai", "NotFoundError", "AuthenticationError"),
        ("npm-ai", "npm_ai", "AI_APICallError", "AI_APICallError"),
    ],
)
def test_javascript_clients(
    assistant: tuple[str, str], pins: str, script: str, unknown: str, wrong: str, tmp_path: Path
) -> None:
    """So do the clients of JavaScript programs."""
    check(told(node(pins, script), assistant, "guide", tmp_path), unknown, wrong)
