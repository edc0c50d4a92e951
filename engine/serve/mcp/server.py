"""The engine behind the SDK's server."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from mcp import types
from mcp.server.lowlevel import Server

from engine.assistants import Assistants
from engine.serve.callers import Caller
from engine.serve.mcp.calls import Calls
from engine.serve.mcp.listing import tools
from engine.serve.mcp.resources import Resources
from engine.serve.mcp.watch import Context, Runs
from schemas.errors import EngineError

_SAID = (
    "Give a whole task to an assistant's tool: it is planned, run step by step, and answered. A run that waits for a "
    "person says so in its result; answer_run answers it. run://{run_id} shows a run."
)


def _everybody(_: Context) -> Caller:
    return Caller("", sees_all=True)


def _anything(_context: Context, _name: str) -> None:
    """Allow it."""


def make_server(
    runs: Runs,
    who: Callable[[Context], Caller] = _everybody,
    check: Callable[[Context, str], None] = _anything,
) -> Server:
    """Return the server.

    Args:
        runs: The engine (entered by the caller), and what drives its runs.
        who: Who makes a request; everybody may see everything by default.
        check: Raises where that one may not ask an assistant.
    """
    calls, resources = Calls(runs, who, check), Resources(runs, who)

    async def listed(context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        assistants = Assistants(runs.engine)
        allowed = {name for name in assistants if _may(check, context, name)}
        return types.ListToolsResult(tools=tools(assistants, runs.engine.tools.specs(), allowed))

    return Server(
        "plan-execute-engine",
        version=_version(),
        title="Plan-and-execute engine",
        instructions=_SAID,
        on_list_tools=listed,
        on_call_tool=calls.call,
        on_list_resources=resources.listed,
        on_list_resource_templates=resources.templates,
        on_read_resource=resources.read,
    )


def _may(check: Callable[[Context, str], None], context: Context, name: str) -> bool:
    try:
        check(context, name)
    except EngineError:
        return False
    return True


def _version() -> str:
    try:
        return version("plan-execute-engine")
    except PackageNotFoundError:
        return "0"
