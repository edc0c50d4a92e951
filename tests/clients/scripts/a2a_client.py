"""The official A2A SDK's client at an assistant: what it gets, as JSON.

python a2a_client.py URL KEY OTHER_KEY {stream|poll} {1.0|0.3}
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from typing import Any

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.auth import AuthInterceptor
from a2a.types import (
    CancelTaskRequest,
    GetExtendedAgentCardRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskState,
)


class Keys:
    """The key, for whatever scheme the card names."""

    def __init__(self, key: str) -> None:
        self.key = key

    async def get_credentials(self, scheme: str, context: Any) -> str:
        return self.key


def words(told: Any) -> str:
    return "".join(part.text for part in told.parts)


async def asked(client: Any, text: str, **ids: str) -> dict[str, Any]:
    """Send a message; return how its task stands after all that was told."""
    message = Message(message_id=str(uuid.uuid4()), role=Role.ROLE_USER, parts=[Part(text=text)], **ids)
    facts: dict[str, Any] = {"told": 0, "answer": ""}
    async for event in client.send_message(SendMessageRequest(message=message)):
        facts["told"] += 1
        if event.HasField("task"):
            facts |= {"id": event.task.id, "context": event.task.context_id, "status": event.task.status}
            facts["answer"] = "".join(words(one) for one in event.task.artifacts)
        elif event.HasField("artifact_update"):
            more = words(event.artifact_update.artifact)
            facts["answer"] = facts["answer"] + more if event.artifact_update.append else more
        elif event.HasField("status_update"):
            facts["status"] = event.status_update.status
    status = facts.pop("status")
    return {**facts, "state": TaskState.Name(status.state), "says": words(status.message)}


async def refused(call: Any) -> str:
    try:
        result = await call if not hasattr(call, "__aiter__") else [one async for one in call]
    except Exception as exc:
        return type(exc).__name__
    return f"answered {result}"


async def main() -> None:
    """Do everything once."""
    url, key, other, how, version = sys.argv[1:6]
    facts: dict[str, Any] = {}
    async with httpx.AsyncClient(timeout=30) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        facts["card"] = [card.name, card.capabilities.streaming, sorted(card.security_schemes)]
        chosen = [one for one in card.supported_interfaces if one.protocol_version == version]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(chosen)
        factory = ClientFactory(ClientConfig(httpx_client=http, streaming=how == "stream"))
        client = factory.create(card, interceptors=[AuthInterceptor(Keys(key))])
        stranger = factory.create(card, interceptors=[AuthInterceptor(Keys(other))])
        nobody = factory.create(card)
        facts["answered"] = await asked(client, "look it up")
        first = facts["asks"] = await asked(client, "use send")
        got = await client.get_task(GetTaskRequest(id=first["id"]))
        facts["got"] = TaskState.Name(got.status.state)
        facts["stranger"] = await refused(stranger.get_task(GetTaskRequest(id=first["id"])))
        facts["unknown"] = await refused(client.get_task(GetTaskRequest(id="nothing")))
        facts["no_key"] = await refused(nobody.get_task(GetTaskRequest(id=first["id"])))
        facts["approved"] = await asked(client, "approve", task_id=first["id"])
        last = await asked(client, "use send")
        ended = await client.cancel_task(CancelTaskRequest(id=last["id"]))
        facts["cancelled"] = TaskState.Name(ended.status.state)
        if how == "stream":
            open_task = await asked(client, "use send")
            seen = client.subscribe(SubscribeToTaskRequest(id=open_task["id"]))
            begins = await anext(seen)
            facts["subscribed"] = begins.WhichOneof("payload")
            await client.cancel_task(CancelTaskRequest(id=open_task["id"]))
            rest = [one async for one in seen]
            facts["followed"] = TaskState.Name(rest[-1].status_update.status.state)
        if version == "1.0":
            listed = await client.list_tasks(ListTasksRequest(page_size=2))
            facts["listed"] = [len(listed.tasks), bool(listed.next_page_token)]
            extended = await client.get_extended_agent_card(GetExtendedAgentCardRequest())
            facts["skills"] = sorted(skill.name for skill in extended.skills)
    print(json.dumps(facts))


if __name__ == "__main__":
    asyncio.run(main())
