"""LangGraph with a checkpointer, as it is meant to survive a crash: SQLite or Postgres, one node a step.

Runs in an environment of its own (langgraph_durable.txt). Each line of stdin names a store, a shape and the size of a
step's result; the reply is the CPU and wall time of one run, the checkpointer's set-up left out. A node's result is
kept in the graph's state by its name, where the nodes after it find it, as a run's results are kept by ours.
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false
# LangGraph is installed beside the project, never in it.

from __future__ import annotations

import asyncio
import base64
import gc
import json
import operator
import random
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiosqlite
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict):
    """What the nodes gave, by their names."""

    results: Annotated[dict[str, str], operator.or_]


@asynccontextmanager
async def saver(store: str) -> AsyncGenerator[Any]:
    """Open a checkpointer that has its tables; SQLite with WAL and every commit synced, as ours."""
    if store.startswith("postgresql:"):
        async with AsyncPostgresSaver.from_conn_string(store) as opened:
            await opened.setup()
            yield opened
        return
    async with aiosqlite.connect(store) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        opened = AsyncSqliteSaver(connection)
        await opened.setup()
        yield opened


def chain(count: int, result_bytes: int, checkpointer: object) -> Any:
    """Return a compiled chain of nodes."""
    builder = StateGraph(State)
    for number in range(1, count + 1):
        builder.add_node(str(number), _node(str(number), result_bytes))
        builder.add_edge(str(number - 1) if number > 1 else START, str(number))
    builder.add_edge(str(count), END)
    return builder.compile(checkpointer=checkpointer)


def _node(name: str, result_bytes: int) -> Callable[[State], Awaitable[dict[str, dict[str, str]]]]:
    async def node(state: State) -> dict[str, dict[str, str]]:
        del state
        text = base64.b64encode(random.randbytes(result_bytes))[:result_bytes].decode()  # hard to compress
        return {"results": {name: text}}

    return node


async def measure(store: str, steps: int, result_bytes: int) -> dict[str, float]:
    """Run a chain once on a thread of its own."""
    async with saver(store) as checkpointer:
        graph = chain(steps, result_bytes, checkpointer)
        config = {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": steps + 10}
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        await graph.ainvoke({"results": {}}, config)
        return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(asyncio.run(measure(**json.loads(line)))), flush=True)
