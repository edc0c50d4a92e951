"""LangGraph's own ways of doing a case: LangChain's prebuilt agent, and the plan-and-execute graph of its tutorial.

Runs in an environment of its own (langgraph_agents.txt), as it is documented: ``create_agent`` with a chat model of
langchain-openai, tools as structured tools, failures that pass tried again by LangChain's own middleware, others told
to the model. Models are called as the library does it by default: whole replies where nobody reads a stream. The words
of its prompts are the documentation's where it has some, else ours; they are printed in reports.

Source: docs.langchain.com, "Agents"; LangGraph's tutorials, "Plan-and-Execute".
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
# LangGraph is installed beside the project, never in it.

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware, wrap_model_call
from langchain_core.tools import StructuredTool, ToolException
from langchain_openai import ChatOpenAI
from openai import _base_client, _constants

from benchmarks.baselines.pipe import Ended, PassingToolError, Task, ToolError, serve

AGENT_PROMPT = "You are a helpful assistant"
MAX_ATTEMPTS = 3
TURNS = 200


def model(task: Task, name: str) -> ChatOpenAI:
    """Return a chat model; those of one task share their connections. Its SDK's waits go by the task's time."""
    _base_client.INITIAL_RETRY_DELAY = _constants.INITIAL_RETRY_DELAY / task.speed
    return ChatOpenAI(model=name, base_url=f"{task.base_url}/v1", api_key="simulated")


async def ready(task: Task) -> None:
    """Open the connection to the models, as a process that lives longer than a case has it, and start the clock."""
    await model(task, f"{task.planner}-warm").ainvoke("ping")
    task.begin()


def agent(task: Task, name: str, *, parallel: bool = True) -> Any:
    """Return the prebuilt agent over a task's tools.

    Args:
        task: What is to be done.
        name: Of the model.
        parallel: Whether the model may call several tools at once, as it may by default.
    """
    retries = ToolRetryMiddleware(
        max_retries=MAX_ATTEMPTS - 1,
        retry_on=(PassingToolError,),
        on_failure=_told,
        initial_delay=0.5 / task.speed,
    )
    return create_agent(
        model(task, name),
        [_tool(task, tool) for tool in task.tools],
        system_prompt=AGENT_PROMPT,
        middleware=[retries] if parallel else [retries, one_at_a_time],
    )


@wrap_model_call
async def one_at_a_time(request: Any, handler: Any) -> Any:
    """Ask the model for one call at a time."""
    settings = {**request.model_settings, "parallel_tool_calls": False}
    return await handler(request.override(model_settings=settings))


def _tool(task: Task, told: dict[str, Any]) -> StructuredTool:
    name: str = told["name"]

    async def call(**arguments: Any) -> Any:
        try:
            return await task.call(name, arguments)
        except PassingToolError:
            raise
        except ToolError as exc:
            raise ToolException(str(exc)) from exc

    return StructuredTool(
        name=name,
        description=told["description"],
        args_schema=told["parameters"],
        coroutine=call,
        handle_tool_error=_told,
    )


def _told(error: BaseException) -> str:
    return f"Error: {error}"


async def asked(agent: Any, text: str) -> str:
    """Return what an agent answers."""
    state = await agent.ainvoke({"messages": [{"role": "user", "content": text}]}, {"recursion_limit": TURNS})
    return state["messages"][-1].text


async def react(task: Task) -> Ended:
    """Let the prebuilt agent do a case, calling as many tools at once as its model asks for."""
    made = agent(task, f"{task.planner}-react")
    await ready(task)
    return Ended(await asked(made, task.question))


async def react_sequential(task: Task) -> Ended:
    """Let the prebuilt agent do a case, one call at a time."""
    made = agent(task, f"{task.planner}-react", parallel=False)
    await ready(task)
    return Ended(await asked(made, task.question))


if __name__ == "__main__":
    serve({"langgraph-react": react, "langgraph-react-sequential": react_sequential})
