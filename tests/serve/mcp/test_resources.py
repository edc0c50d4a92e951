"""Runs as resources."""

from __future__ import annotations

import json

import pytest
from mcp import MCPError

from tests.serve.mcp.talking import ONE_LOOP, engine, talking

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ONE_LOOP)]


async def test_a_run_can_be_read() -> None:
    """A run is listed, and its state, plan and events can be read."""
    async with talking(engine()) as client:
        done = await client.call_tool("run_task", {"task": "look"})
        assert done.structured_content is not None
        uri = f"run://{done.structured_content['run_id']}"
        listed = [resource.uri for resource in (await client.list_resources()).resources]
        whole, plan, events = [
            (await client.read_resource(f"{uri}{part}")).contents[0].text  # type: ignore[union-attr]
            for part in ("", "/plan", "/events")
        ]
        templates = [one.uri_template for one in (await client.list_resource_templates()).resource_templates]
    assert listed == [uri]
    assert json.loads(whole)["answer"]["text"] == "done"
    assert json.loads(plan)["steps"][0]["tool"] == "look"
    assert json.loads(events.splitlines()[-1])["kind"] == "run_ended"
    assert templates == ["run://{run_id}", "run://{run_id}/plan", "run://{run_id}/events"]


@pytest.mark.parametrize("uri", ["run://nope", "run://nope/plan", "run://a/b/c", "file:///etc/passwd"])
async def test_what_is_not_there(uri: str) -> None:
    """Another address is an error that names it, never another file."""
    async with talking(engine()) as client:
        with pytest.raises(MCPError, match="there is no"):
            await client.read_resource(uri)
