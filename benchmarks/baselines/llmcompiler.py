"""LLMCompiler's own code, unmodified, with the prompts and examples it publishes for ParallelQA, HotpotQA and Movie.

Runs in an environment of its own (llmcompiler.txt) over a checkout of its repository, which is on no package index:
``ENGINE_BENCH_LLMCOMPILER`` names the folder. The plan is streamed (its ``--stream``), the one replan it is configured
with is its last turn. Its prompts know the tools of these settings alone, so it does nothing else; tools are described
to it in the words that every system reads. An error of a tool is given to it as a result: a tool that raises hangs it.

Source: github.com/SqueezeAILab/LLMCompiler, configs (Kim et al., "An LLM Compiler for Parallel Function
Calling", 2024).
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# LLMCompiler lies beside the project, never in it.

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

sys.path.insert(0, os.environ["ENGINE_BENCH_LLMCOMPILER"])

from configs.hotpotqa.configs import CONFIGS as HOTPOT
from configs.movie.configs import CONFIGS as MOVIE
from configs.parallelqa.configs import CONFIGS as PARALLELQA
from langchain_community.chat_models import ChatOpenAI
from src.agents.tools import Tool
from src.llm_compiler.constants import END_OF_PLAN
from src.llm_compiler.llm_compiler import LLMCompiler
from src.utils import logger_utils

from benchmarks.baselines.pipe import Ended, Task, ToolError, serve

SETTINGS: dict[str, dict[str, Any]] = {"parallelqa": PARALLELQA, "hotpot": HOTPOT, "movie": MOVIE}


async def _model(task: Task, name: str, *, stream: bool) -> ChatOpenAI:
    """Return a chat model that has its connection, as in a process that lives longer than a case."""
    made = ChatOpenAI(
        model_name=f"{task.planner}-warm",
        openai_api_base=f"{task.base_url}/v1",
        openai_api_key="simulated",
        temperature=0,
    )
    await made.ainvoke("ping")
    made.model_name, made.streaming = name, stream
    return made


def _tool(task: Task, told: dict[str, Any]) -> Tool:
    name: str = told["name"]
    properties: dict[str, Any] = told["parameters"]["properties"]
    required = told["parameters"].get("required", [])
    types = {"string": "str", "array": "list[str]"}
    takes = ", ".join(
        f"{one}: {types[schema['type']]}" if one in required else f"{one}: Optional[{types[schema['type']]}]"
        for one, schema in properties.items()
    )

    async def call(*values: Any) -> str:
        try:
            return str(await task.call(name, dict(zip(properties, values, strict=False))))
        except ToolError as exc:
            return f"Error: {exc}"

    return Tool(
        name=name,
        func=call,
        description=f"{name}({takes}) -> str:\n - {told['description']}\n",
        stringify_rule=_first_argument(name),
    )


def _first_argument(name: str) -> Callable[[Any], str]:
    """Return how a call is shown to the joiner: without its context, as in its own configuration."""
    return lambda arguments: f"{name}({arguments[0]})"


async def compiled(task: Task) -> Ended:
    """Let LLMCompiler do a case."""
    setting = SETTINGS[task.suite]
    prompts = setting["prompts"]["gpt"]
    run: Callable[[str], Awaitable[str]] = LLMCompiler(
        tools=[_tool(task, tool) for tool in task.tools],
        planner_llm=await _model(task, f"{task.planner}-llmcompiler-planner", stream=True),
        planner_example_prompt=prompts["planner_prompt"],
        planner_example_prompt_replan=None,
        planner_stop=[END_OF_PLAN],
        planner_stream=True,
        agent_llm=await _model(task, f"{task.worker}-llmcompiler-joiner", stream=False),
        joinner_prompt=prompts["output_prompt"],
        joinner_prompt_final=None,
        max_replans=setting["max_replans"],
        benchmark=False,
    ).arun
    task.begin()
    return Ended(await run(task.question))


if __name__ == "__main__":
    logger_utils.LOG_ENABLED = False
    serve({"llmcompiler": compiled})
