"""Plano's prompt targets as tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.tools.registry import from_settings
from schemas.errors import ConfigError
from tests.config.plano.reading import MODELS, read
from tests.tools.context import Context
from tests.tools.webserver import Answer, Sent, serving

FILE = """
version: v0.3.0
listeners: [{type: prompt, name: helper, port: 10000, address: localhost}]
system_prompt: Be brief.
endpoints: {service: {endpoint: "PLACE"}}
prompt_targets:
  - name: get_weather
    description: Weather at a place.
    endpoint: {name: service, path: "/weather/{city}", http_method: POST, http_headers: {X-Key: $KEY}}
    parameters:
      - {name: city, description: where, type: str, required: true, in_path: true}
      - {name: days, description: how many, type: int, required: true}
      - {name: unit, description: which, type: str, enum: [c, f], default: c}
  - {name: other, default: true, description: all else, endpoint: {name: service, path: /other}}
"""


@pytest.mark.anyio
async def test_a_target_is_a_tool() -> None:
    """The service is called as Plano calls it: path, JSON body, headers; the listener's assistant has it."""
    with serving(lambda sent: Answer(b'{"c": 11}', headers={"Content-Type": "application/json"})) as server:
        settings, notes = read(FILE.replace("PLACE", server.url.removeprefix("http://")) + MODELS)
        registry = from_settings(settings, Path(), {"KEY": "s3cret"})
        tool = registry.get("get_weather")
        assert await tool.call({"city": "Oslo", "days": 2}, Context()) == {"c": 11}
        sent: Sent = server.requests[0]
    assert (sent.path, sent.body, sent.headers["x-key"]) == ("/weather/Oslo", b'{"days":2}', "s3cret")
    assert tool.spec.input_schema["properties"]["unit"]["enum"] == ["c", "f"]
    assert set(tool.spec.required) == {"city", "days"}
    assert (settings.assistants[0].tools, settings.assistants[0].instructions) == (("get_weather",), "Be brief.")
    assert "prompt_targets[1]: other is for what fits no target" in notes


def test_a_target_of_no_endpoint_is_an_error() -> None:
    """A target names an endpoint of the file."""
    text = "version: v0.3.0\nlisteners: []\nprompt_targets: [{name: a, description: b, endpoint: {name: c, path: /}}]"
    with pytest.raises(ConfigError, match=r"plano.yaml:3: prompt_targets\[0\].endpoint.name: there is no endpoint 'c'"):
        read(text)
