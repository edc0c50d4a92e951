"""What stands for something else in an MCP server's entry: variables of the environment, the program on the PATH."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.config import resolve_secret
from schemas.errors import ConfigError, ToolUnavailableError

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_UNKNOWN = re.compile(r"\$\{(\w+:[^}]*)\}")


def looker_up(environ: Mapping[str, str], folder: Path) -> Callable[[str], str]:
    """Return what replaces the variables of a text.

    Raises:
        ConfigError: Its result raises it: a variable is not set, or stands for what is not known here.
    """

    def of(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name in ("workspaceFolder", "workspaceRoot"):
            return str(folder)
        if name == "userHome":
            return str(Path.home())
        found = environ.get(name) or default
        if found is None:
            raise ConfigError(f"the environment variable {name} is not set", hint=f"export {name}=…")
        return found

    def look_up(text: str) -> str:
        whole = resolve_secret(text, environ) if not text.startswith("${") else text
        replaced = _VARIABLE.sub(of, whole or "")
        unknown = _UNKNOWN.search(replaced) if whole == text else None
        if unknown:
            raise ConfigError(f"${{{unknown[1]}}} is not known here", hint="use ${NAME} of the environment")
        return replaced

    return look_up


def program(command: str, path: str | None, cwd: Path) -> str:
    """Return the program's path.

    Raises:
        ToolUnavailableError: There is no such program.
    """
    word = str(Path(command).expanduser()) if command.startswith("~") else command
    if os.path.dirname(word):  # noqa: PTH120 (Path drops the ./ that says it is a path)
        word = str(cwd / word)
    found = shutil.which(word, path=path)
    if found is None:
        where = "" if os.path.dirname(word) else " on the PATH"  # noqa: PTH120
        raise ToolUnavailableError(f"there is no program '{command}'{where}")
    return found
