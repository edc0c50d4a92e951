"""``run_python``: programs in the sandbox, and everything they must not do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.tools.builtin import builtin_tools
from engine.tools.builtin.python import LONGEST_STDOUT
from schemas.errors import ToolFailedError
from schemas.settings import PythonSettings, Settings
from tests.tools.context import Context

pytestmark = pytest.mark.anyio
SHORT = Settings(run_python=PythonSettings(time_limit_s=0.3, memory_mb=32))
ROOMY = Settings(run_python=PythonSettings(time_limit_s=10, memory_mb=32))


async def run(code: str, settings: Settings | None = None, /, **inputs: Any) -> Any:
    """Run the tool."""
    (tool,) = builtin_tools(["run_python"], Path(), settings)
    return await tool.call({"code": code, "inputs": inputs}, Context())


async def refusal(code: str, settings: Settings = SHORT, /, **inputs: Any) -> ToolFailedError:
    """The error a program gives."""
    with pytest.raises(ToolFailedError) as caught:
        await run(code, settings, **inputs)
    return caught.value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("sum(row['n'] for row in rows)", 6),
        ("total = 0\nfor row in rows:\n    total += row['n']\nprint(total)\ntotal", 6),
        (
            "import json, math\n{'a': (1, {2}), 'r': math.sqrt(4), 'j': json.loads('[1]')}",
            {"a": [1, [2]], "r": 2.0, "j": [1]},
        ),
        ("from datetime import date\ndate(2024, 2, 28)", "2024-02-28"),
        ("best = [\n    row['n']\n    for row in rows\n]\n# the rows' numbers\n", [1, 2, 3]),
        ("None", None),
        ("x = 1\nprint(x)", None),
        ("'多行'[::-1]", "行多"),
    ],
)
async def test_the_value_of_the_program(code: str, value: Any) -> None:
    """The value is that of the last expression, or of the variable that the last statement assigns."""
    assert (await run(code, rows=[{"n": 1}, {"n": 2}, {"n": 3}]))["value"] == value


async def test_what_it_prints_is_kept() -> None:
    """What a program prints comes with its value, not on the process's standard output."""
    assert await run("print('a', 1)\nprint('b')\n2") == {"value": 2, "stdout": "a 1\nb\n", "truncated": False}


async def test_much_output_is_cut() -> None:
    """B39: a program that prints 50 MB keeps its value; what it printed is cut and said to be."""
    outcome = await run("print('x' * 50_000_000)\nfor n in range(100_000): print(n)\n7")
    assert (outcome["value"], len(outcome["stdout"]), outcome["truncated"]) == (7, LONGEST_STDOUT, True)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass", "more than 0.3 s"),
        ("while True:\n  try:\n    while True: pass\n  except BaseException: pass", "more than 0.3 s"),
        ("while True: print('x' * 100_000)", "more than 0.3 s"),
        ("sum(range(10**12))", "more than 0.3 s"),
        ("rows = []\nwhile True: rows.append('x' * 100_000)", "more than 32 MB"),
        ("2 ** 10 ** 9", "more than 32 MB"),
        ("len('a' * 10 ** 10)", "more than 32 MB"),
        ("list(range(10 ** 9))", "more than 32 MB"),
        ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
        ("[" * 5_000 + "]" * 5_000, "too deeply nested"),
    ],
)
async def test_a_program_that_takes_too_much_ends(code: str, said: str) -> None:
    """Endless loops, memory bombs, huge numbers and deep recursion end at the sandbox's own limits."""
    began = time.monotonic()
    error = await refusal(code, ROOMY if said == "more than 32 MB" else SHORT)
    assert said in error.message
    assert len(error.message) < 300
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('/etc/passwd').read()", "PermissionError"),
        ("__import__('os').system('id')", "NameError"),
        ("import os\nos.listdir('/')", "PermissionError"),
        ("import os\nos.environ['HOME']", "not supported"),
        ("import socket", "ModuleNotFoundError"),
        ("import subprocess", "ModuleNotFoundError"),
        ("from pathlib import Path\nPath('/tmp/x').write_text('x')", "PermissionError"),
        ("().__class__.__bases__", "AttributeError"),
        ("input()", "NameError"),
    ],
)
async def test_there_is_no_way_out(code: str, said: str) -> None:
    """No files, no network, no processes, no environment and no way to the interpreter around it."""
    assert said in (await refusal(code)).message


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("def g():\n  return 1 / 0\ng()", "code: line 2: ZeroDivisionError: division by zero in `return 1 / 0`", ""),
        ("x = = 3", "code: line 1: SyntaxError: Expected an expression in `x = = 3`", ""),
        ("total + 1", "code: line 1: NameError: name 'total' is not defined in `total + 1`", "inputs: rows"),
        (
            "import numpy",
            "code: line 1: ModuleNotFoundError: No module named 'numpy' in `import numpy`",
            "there are base64",
        ),
        ("def f():\n  yield 1", "code: line 2: NotImplementedError: this Python has no yield", "write it without"),
        ("lambda: 1", "has no form outside the program", "end with a value"),
        ("range(3)", "has no form outside the program", "list(…)"),
        ("float('nan')", "the number at value is nan", "return null"),
        ("raise ValueError('a\\nb')", "code: line 1: ValueError: a in `raise", ""),
    ],
)
async def test_a_failure_is_one_line(code: str, message: str, hint: str) -> None:
    """A failing program is one line with its line number, exception and source, and what would be right."""
    error = await refusal(code, Settings(), rows=[])
    assert message in error.message
    assert "\n" not in error.message
    assert hint in error.hint


async def test_wrong_inputs_are_said() -> None:
    """A name that no variable can have is refused."""
    assert "Input name 'a b'" in (await refusal("1", SHORT, **{"a b": 1})).message


async def test_the_event_loop_goes_on(anyio_backend_name: str) -> None:
    """While a program computes, other tasks run."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.01)
            ticks += 1

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await refusal("while True: pass")
        group.cancel_scope.cancel()
    assert ticks >= 3


async def test_calls_share_nothing() -> None:
    """A variable of one program is unknown to the next."""
    await run("secret = 1\nsecret")
    assert "NameError" in (await refusal("secret")).message
