"""Plan-and-execute as LangGraph's tutorial builds it: a planner, an agent a step, a replanner after every step.

The graph, the shapes that the planner and the replanner answer in, and what each of them is told are the tutorial's;
the words are ours. One thing is kinder to it than the tutorial: the agent that does a step is also shown what earlier
steps gave, so that the replanner need not write results into the steps that are left (it reads them more cheaply than
it writes them). The planner is not told the tools, as there.

Source: LangGraph's tutorials, "Plan-and-Execute" (after Wang et al., "Plan-and-Solve Prompting", 2023, and BabyAGI).
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedBaseClass=false
# LangGraph is installed beside the project, never in it.

from __future__ import annotations

import json
import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from benchmarks.baselines.langgraph_agents import TURNS, agent, asked, model, ready
from benchmarks.baselines.pipe import Ended, Task, serve

PLANNER_PROMPT = (
    "Write a simple plan for what is asked, step by step. Each step is a task of its own; done one after another, "
    "they lead to the right answer, which the last of them gives. Leave out what is not needed, and say in each step "
    "all that must be known to do it."
)
STEP_PROMPT = "The plan:\n{plan}\n\nWhat the steps before gave:\n{past}\n\nDo the first step of this plan:\n{step}"
REPLANNER_PROMPT = (
    PLANNER_PROMPT + "\n\nWhat was asked:\n{question}\n\nThe plan was:\n{plan}\n\nThese steps were done:\n{past}\n\n"
    "Bring the plan up to date. When nothing more is needed, answer. Otherwise write the steps that are still to be "
    "done, and none that was done already."
)


class Plan(BaseModel):
    """A plan to follow."""

    steps: list[str] = Field(description="the steps to follow, in order")


class Response(BaseModel):
    """An answer to the user."""

    response: str


class Act(BaseModel):
    """What to do next."""

    action: Response | Plan = Field(description="Response answers the user; Plan holds the steps that are left.")


class State(TypedDict):
    """What the graph keeps."""

    plan: list[str]
    past: Annotated[list[tuple[str, str]], operator.add]
    response: str


def graph(task: Task, plans: list[dict[str, Any]]) -> Any:
    """Return the compiled graph.

    Args:
        task: What is to be done.
        plans: Gets the first plan, and each that is not just the rest of the one before.
    """
    planner = model(task, f"{task.planner}-langgraph-planner").with_structured_output(Plan)
    replanner = model(task, f"{task.planner}-langgraph-replanner").with_structured_output(Act)
    executor = agent(task, f"{task.worker}-langgraph-step")

    async def plan(state: State) -> dict[str, Any]:
        del state
        made = await planner.ainvoke([("system", PLANNER_PROMPT), ("user", task.question)])
        plans.append({"steps": made.steps})
        return {"plan": made.steps}

    async def execute(state: State) -> dict[str, Any]:
        step = state["plan"][0]
        text = STEP_PROMPT.format(plan=_numbered(state["plan"]), past=_past(state), step=step)
        return {"past": [(step, await asked(executor, text))]}

    async def replan(state: State) -> dict[str, Any]:
        text = REPLANNER_PROMPT.format(question=task.question, plan=_numbered(state["plan"]), past=_past(state))
        action = (await replanner.ainvoke([("user", text)])).action
        if isinstance(action, Response):
            return {"response": action.response}
        if action.steps != state["plan"][1:]:
            plans.append({"steps": action.steps})
        return {"plan": action.steps}

    builder = StateGraph(State)
    builder.add_node("planner", plan)
    builder.add_node("agent", execute)
    builder.add_node("replan", replan)
    builder.add_edge(START, "planner")
    builder.add_edge("planner", "agent")
    builder.add_edge("agent", "replan")
    builder.add_conditional_edges("replan", _next, ["agent", END])
    return builder.compile()


def _next(state: State) -> str:
    return END if state["response"] else "agent"


def _numbered(steps: list[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _past(state: State) -> str:
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in state["past"]) or "nothing yet"


async def plan_and_execute(task: Task) -> Ended:
    """Let the tutorial's graph do a case."""
    plans: list[dict[str, Any]] = []
    made = graph(task, plans)
    await ready(task)
    state = await made.ainvoke({"plan": [], "past": [], "response": ""}, {"recursion_limit": TURNS})
    return Ended(state["response"], replans=len(plans) - 1, plans=plans)


if __name__ == "__main__":
    serve({"langgraph-plan": plan_and_execute})
