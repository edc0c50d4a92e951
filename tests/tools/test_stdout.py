"""Standard output is the engine's own."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from engine.tools.function import FunctionTool
from engine.tools.stdout import ToolOutput, guard_stdout
from tests.tools.context import Context

PROGRAM = """
import json, os, subprocess, sys, anyio
from engine.tools.function import tool
from engine.tools.stdout import guard_stdout
from schemas.protocols import ToolContext
from tests.tools.context import Context

@tool
def loud():
    print("from a thread"); os.write(1, b"from C\\n"); subprocess.run(["echo", "from a child"])

@tool
async def loud_too():
    print("from a task"); sys.stdout.flush()

async def main():
    print(json.dumps({"seq": 1}))
    await loud.call({}, Context()); await loud_too.call({}, Context())
    print(json.dumps({"seq": 2}), flush=True)

class Loud(Context):
    def progress(self, message="", fraction=None):
        print(json.dumps({"seq": 3}), file=own, flush=True)  # the engine, while a tool is on the stack

@tool
def reporting(context: ToolContext):
    context.progress("half")

with guard_stdout() as own:
    anyio.run(main)
    anyio.run(reporting.call, {}, Loud())
print("after")
"""


def test_only_the_engine_writes_to_stdout() -> None:
    """B39: a tool that prints, writes to descriptor 1 or starts a child that does, never touches the engine's lines."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == ['{"seq": 1}', '{"seq": 2}', '{"seq": 3}', "after"]
    assert sorted(done.stderr.splitlines()) == ["from C", "from a child", "from a task", "from a thread"]


def test_a_stream_that_is_no_file_is_guarded_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Under a test runner, where stdout is no descriptor, prints of tools go to stderr as well."""
    with guard_stdout() as own:
        print("ours")
        with ToolOutput():
            print("theirs")
            print("ours in between", file=own)
        print("ours again")
    assert capsys.readouterr() == ("ours\nours in between\nours again\n", "theirs\n")


def test_a_reader_that_goes_away_is_told_and_nothing_is_left_open() -> None:
    """A closed pipe raises BrokenPipeError out of the block, and descriptor 1 is the old one again."""
    program = (
        "import os, sys\nfrom engine.tools.stdout import guard_stdout\nbefore = os.fstat(1).st_ino\n"
        "try:\n    with guard_stdout() as own:\n        own.write('x' * 100000)\n"
        "except BrokenPipeError:\n    sys.stderr.write(f'told {os.fstat(1).st_ino == before}')\nos._exit(0)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b"told True"


@pytest.mark.anyio
@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("errors", ["open", "closed", "none"])
async def test_a_print_where_stdout_is_closed_is_no_failure(
    blocking: bool, errors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B39: in a service whose standard output is closed a tool that prints does its work; it goes to stderr, if any."""

    async def waiting() -> int:
        print("here")
        return 7

    def working() -> int:
        print("here")
        return 7

    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stdout", closed())
    monkeypatch.setattr(sys, "stderr", {"open": stderr, "closed": closed(), "none": None}[errors])
    assert await FunctionTool(working if blocking else waiting).call({}, Context()) == 7
    assert stderr.getvalue() == ("here\n" if errors == "open" else "")


def closed() -> io.StringIO:
    """A stream nobody can write to."""
    stream = io.StringIO()
    stream.close()
    return stream
