"""What the configuration says of MCP servers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.tools.mcp.entry import ServerEntry, server_entries, unique
from schemas.errors import ConfigError, ToolUnavailableError
from schemas.settings import ToolSettings


def read(folder: Path, **entry: Any) -> list[ServerEntry]:
    """Read one entry of ``tools:``."""
    return server_entries(ToolSettings.model_validate(entry), folder, "tools[0]")


def made(folder: Path, **mcp: Any) -> ServerEntry:
    """Read one server written out in full."""
    return read(folder, mcp={"command": "env", **mcp})[0]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("uvx mcp-server-git", "git"),
        ("npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /data", "filesystem"),
        ("/opt/venv/bin/mcp-server-time --local-timezone UTC", "time"),
        ("python tools/ticket_server.py", "ticket"),
        ("uv run --with mcp-server-sqlite mcp", "sqlite"),
        ("uvx", "uvx"),
    ],
)
def test_a_server_without_a_name_is_called_after_its_program(tmp_path: Path, line: str, name: str) -> None:
    """The name is made of the command, without the words that all of them share."""
    assert read(tmp_path, mcp=line)[0].name == name


def test_a_command_line_is_split_as_a_shell_does(tmp_path: Path) -> None:
    """The short form may quote."""
    entry = read(tmp_path, mcp="serve 'two words' --flag")[0]
    assert (entry.mcp.command, entry.mcp.args) == ("serve", ("two words", "--flag"))


def test_include_and_exclude_are_patterns(tmp_path: Path) -> None:
    """A tool is used when a pattern includes it and none excludes it."""
    entry = made(tmp_path, include=["read_*", "list"], exclude=["*_media"])
    assert [entry.wants(tool) for tool in ("read_text", "list", "write", "read_media")] == [True, True, False, False]


def test_the_environment_is_small(tmp_path: Path) -> None:
    """A server gets PATH and the like, what is declared, and nothing else."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/home/ada", "AWS_SECRET": "s", "KEY": "k"}
    launch = made(tmp_path, env={"TOKEN": "$KEY", "URL": "http://${KEY}@x/${env:NONE:-d}"}).target(environ)
    assert launch.env == {"PATH": os.environ["PATH"], "HOME": "/home/ada", "TOKEN": "k", "URL": "http://k@x/d"}
    assert launch.cwd == tmp_path.resolve()


@pytest.mark.parametrize(
    ("mcp", "said"),
    [
        ({"env": {"A": "$NOT_THERE"}}, "the environment variable NOT_THERE is not set"),
        ({"args": ["--key=${NOT_THERE}"]}, "the environment variable NOT_THERE is not set"),
        ({"args": ["${input:token}"]}, "${input:token} is not known here"),
        ({"command": "no-such-program"}, "there is no program 'no-such-program' on the PATH"),
        ({"command": "./no-such"}, "there is no program './no-such'"),
        ({"cwd": "nowhere"}, "there is no folder"),
    ],
)
def test_what_cannot_be_started_is_unavailable(tmp_path: Path, mcp: dict[str, Any], said: str) -> None:
    """B56: a variable, program or folder that is missing makes one server unavailable, with the reason."""
    with pytest.raises(ToolUnavailableError) as caught:
        made(tmp_path, **mcp).target({"PATH": os.environ["PATH"]})
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"mcp": {}}, "tools[0].mcp: says not how the server is reached"),
        ({"mcp": {"command": "a", "file": "b.json"}}, "tools[0].mcp: has command and file"),
        ({"mcp": "  "}, "tools[0].mcp: is empty"),
        ({"mcp": "serve 'it"}, "the command line cannot be read"),
        ({"mcp": "serve", "name": "no spaces"}, "tools[0].name: 'no spaces' cannot be the name"),
        ({"mcp": "servers.json", "name": "x"}, "names its own"),
        ({"mcp": "missing.json"}, "No such file"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, entry: dict[str, Any], said: str) -> None:
    """Every mistake in an entry is one line that says where it is."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **entry)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("body", "said"),
    [("{", "not JSON"), ("[]", "has no mcpServers"), ('{"mcpServers": {"a": {"command": "x", "args": 7}}}', "args")],
)
def test_wrong_files_are_named(tmp_path: Path, body: str, said: str) -> None:
    """A file that is no list of servers is an error that names it."""
    (tmp_path / "servers.json").write_text(body)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, mcp="servers.json")
    assert said in caught.value.message
    assert "servers.json" in caught.value.message


def test_a_file_of_vs_code(tmp_path: Path) -> None:
    """``.vscode/mcp.json`` is read: its servers by name, paths from the folder above it, disabled ones left out."""
    (tmp_path / ".vscode").mkdir()
    servers = {
        "my notes": {"type": "stdio", "command": "env", "args": ["${workspaceFolder}/notes"], "env": {"A": 1}},
        "off": {"command": "env", "disabled": True},
    }
    (tmp_path / ".vscode/mcp.json").write_text(json.dumps({"servers": servers, "inputs": []}))
    (entry,) = read(tmp_path, mcp=".vscode/mcp.json", effects="none")
    launch = entry.target({"PATH": os.environ["PATH"]})
    assert (entry.name, launch.command[1], launch.cwd) == ("my_notes", f"{tmp_path}/notes", tmp_path.resolve())
    assert launch.env["A"] == "1"


def test_two_servers_of_one_name(tmp_path: Path) -> None:
    """Two servers cannot have the same name."""
    both = [*read(tmp_path, mcp="uvx mcp-server-git"), *read(tmp_path, mcp="npx git-mcp")]
    with pytest.raises(ConfigError, match="'git' is already declared"):
        unique(both)
