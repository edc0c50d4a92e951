"""An agent on the official A2A SDK: streams or not, 1.0 or 0.3; what it does is the first word it is asked.

python a2a_agent.py {stream|poll} {1.0|0.3}   prints its port, then each task that it is told to cancel
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import uvicorn
from a2a.helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from starlette.applications import Starlette


class Weather(AgentExecutor):
    """Does as it is asked."""

    async def execute(self, context: RequestContext, queue: EventQueue) -> None:
        asked = context.get_user_input()
        word = asked.partition(" ")[0]
        if word == "message":
            await queue.enqueue_event(new_text_message("Just rain."))
            return
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await queue.enqueue_event(task)
        updater = TaskUpdater(queue, task.id, task.context_id)
        if word in ("fail", "reject", "ask", "auth"):
            ends: dict[str, Any] = {"fail": updater.failed, "reject": updater.reject}
            ends |= {"ask": updater.requires_input, "auth": updater.requires_auth}
            await ends[word](updater.new_agent_message([Part(text=f"{word}: which city?")]))
            return
        await updater.start_work(updater.new_agent_message([Part(text="Looking at the sky")]))
        if word == "long":
            await asyncio.sleep(60)
        if word == "pieces":
            for at, piece in enumerate(["Rain ", "in Par", "is."]):
                await updater.add_artifact([Part(text=piece)], artifact_id="a", append=at > 0, last_chunk=at == 2)
        elif word == "data":
            value = ParseDict({"c": 11.5}, Value())
            file = Part(raw=b"abc", filename="a.txt", media_type="text/plain")
            await updater.add_artifact([Part(text="Rain."), Part(data=value), file])
        else:
            await updater.add_artifact([Part(text=f"Rain in {asked}.")])
        await updater.complete()

    async def cancel(self, context: RequestContext, queue: EventQueue) -> None:
        print("cancelled", flush=True)
        await TaskUpdater(queue, context.task_id or "", context.context_id or "").cancel()


def main() -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    interface = AgentInterface(
        url=f"http://127.0.0.1:{port}/rpc", protocol_binding="JSONRPC", protocol_version=sys.argv[2]
    )
    card = AgentCard(
        name="Weather",
        description="Knows the weather.",
        version="1.2.3",
        supported_interfaces=[interface],
        capabilities=AgentCapabilities(streaming=sys.argv[1] == "stream"),
        default_input_modes=["text"],
        default_output_modes=["text"],
        skills=[AgentSkill(id="w", name="forecast", description="Tomorrow", tags=["rain"])],
    )
    handler = DefaultRequestHandler(agent_executor=Weather(), task_store=InMemoryTaskStore(), agent_card=card)
    routes = [*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=True)]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
    print(port, flush=True)
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
