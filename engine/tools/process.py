"""A blocking function in a process of its own, so that giving up on it is a real kill.

One process a call: JSON in, JSON out, nothing pickled. What it prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import anyio
from anyio.abc import Process

from schemas.errors import ConfigError, ToolFailedError, from_info
from schemas.result import ErrorInfo

LARGEST_RESULT_BYTES = 256_000_000


def importable(function: Callable[..., Any]) -> tuple[str, str, str | None]:
    """Return a function's module, its name in there, and the script's path when the module is ``__main__``.

    Raises:
        ConfigError: Another process could not import it.
    """
    module: str = getattr(function, "__module__", "")
    name: str = getattr(function, "__qualname__", "")
    if not module or not name or "<" in name or hasattr(function, "__self__"):
        raise ConfigError(
            f"tool '{name or function!r}' cannot run in a process of its own: no other process can import it",
            hint="define it at the top of a module",
        )
    if module != "__main__":
        return module, name, None
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is None:
        raise ConfigError(
            f"tool '{name}' cannot run in a process of its own: it was defined interactively", hint="put it in a file"
        )
    return module, name, os.path.abspath(script)  # noqa: PTH100 -- kept as text for JSON


@dataclass(frozen=True, slots=True)
class Isolated:
    """A function known by where it can be imported from."""

    module: str
    name: str
    script: str | None = None

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Call it in a new process and return its JSON result.

        Cancellation: the process and everything it started are killed before this returns.

        Raises:
            ToolError: As the function raised it there.
            ToolFailedError: The process ended without a result.
        """
        order = {
            "tool": tool,
            "module": self.module,
            "name": self.name,
            "script": self.script,
            "arguments": dict(arguments),
        }
        start = f"import sys; sys.path[:] = {sys.path!r}; from engine.tools.worker import main; main()"
        process = await anyio.open_process([sys.executable, "-c", start], stderr=None, start_new_session=True)
        try:
            reply = await _exchange(tool, process, json.dumps(order).encode())
            code = await process.wait()
        finally:
            _kill(process)
            with anyio.CancelScope(shield=True):
                await process.aclose()
        return _read_reply(tool, reply, code)


async def _exchange(tool: str, process: Process, order: bytes) -> bytes:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise ToolFailedError(f"tool '{tool}': its process has no pipes")
    try:
        await stdin.send(order)
        await stdin.aclose()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # it died while starting: its exit code says more
    received = bytearray()
    async for chunk in stdout:
        received += chunk
        if len(received) > LARGEST_RESULT_BYTES:
            raise ToolFailedError(
                f"tool '{tool}' returned more than {LARGEST_RESULT_BYTES // 1_000_000} MB",
                hint="write large results to a file and return its path",
            )
    return bytes(received)


def _kill(process: Process) -> None:
    """Kill the process and what it started; it leads a session of its own."""
    if process.returncode is not None:
        return
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _read_reply(tool: str, reply: bytes, code: int) -> Any:
    try:
        read = json.loads(reply)
    except ValueError:
        raise ToolFailedError(
            f"the process of tool '{tool}' ended without a result ({_ending(code)})", details={"exit_code": code}
        ) from None
    answer = cast("dict[str, Any]", read)
    if "error" in answer:
        raise from_info(ErrorInfo.model_validate(answer["error"]))
    return answer["value"]


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
