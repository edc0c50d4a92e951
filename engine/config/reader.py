"""YAML to plain data, with the line of every key: what an error needs to point at its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import yaml

from schemas.errors import ConfigError

MAX_NODES = 100_000
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
KeyPath = tuple[str | int, ...]


class Reader:
    """Turns YAML into plain data and remembers the line of every key path."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: dict[KeyPath, int] = {}
        self._open: set[int] = set()
        self._nodes = 0
        self._repeated: list[str] = []

    def read(self, text: str) -> dict[str, Any]:
        """Return the document's top-level mapping. Raises ConfigError as ``parse_settings``."""
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            raw: Any = {} if node is None else self._value(loader, node, ())
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            line = mark.line + 1 if mark else 1
            raise ConfigError(f"{self._source}:{line}: not YAML: {exc.problem}", hint=_yaml_hint(exc, text)) from None
        except yaml.YAMLError as exc:
            raise ConfigError(f"{self._source}: not YAML: {' '.join(str(exc).split())}") from None
        if self._repeated:
            raise config_error(self._repeated)
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            raise ConfigError(
                f"{self._source}:{self.line(())}: expected keys and values at the top, not {kind_of(raw)}",
                hint="`engine init` writes a file to start from",
            )
        return cast("dict[str, Any]", raw)

    @property
    def source(self) -> str:
        """What the text is from."""
        return self._source

    @property
    def lines(self) -> dict[str, int]:
        """The line of every key path, as people write it."""
        return {dotted(path): line for path, line in self._lines.items() if path}

    def line(self, path: KeyPath) -> int:
        """Return the line of the path, or of the nearest path above it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def at(self, path: KeyPath) -> str:
        """Return ``file:line: key.path``, without a line for what was not read from a file."""
        place = f"{self._source}:{self.line(path)}" if self._lines else self._source
        return f"{place}: {dotted(path)}"

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: KeyPath) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConfigError(f"{self._source}: more than {MAX_NODES} values", hint="aliases may multiply them")
        if id(node) in self._open:
            raise ConfigError(f"{self.at(path)}: an alias that contains itself", hint="write the value out")
        self._open.add(id(node))
        try:
            if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
                raise yaml.MarkedYAMLError(problem=f"the tag {node.tag} is not possible", problem_mark=node.start_mark)
            if isinstance(node, yaml.MappingNode):
                return self._mapping(loader, node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._value(loader, item, (*path, index)) for index, item in enumerate(node.value)]
            return _scalar(loader, node)
        finally:
            self._open.discard(id(node))

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        own: dict[str, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key_node.start_mark)
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in own and key != "<<":
                where = f"{self._source}:{line}: {dotted((*path, key))}"
                self._repeated.append(f"{where}: given twice, first on line {own[key]}")
            own.setdefault(key, line)
        loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            self._lines[(*path, key)] = key_node.start_mark.line + 1
            found[key] = self._value(loader, value_node, (*path, key))
        return found


def _scalar(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    """Return a scalar's value; dates and times stay the text they are written as (YAML 1.1 reads 10:30 as 630)."""
    written = str(cast("Any", node).value)
    if node.tag == "tag:yaml.org,2002:timestamp" or (node.tag == "tag:yaml.org,2002:int" and ":" in written):
        return written
    try:
        value: Any = cast("Any", loader).construct_object(node)
    except ValueError as exc:
        raise yaml.MarkedYAMLError(problem=str(exc), problem_mark=node.start_mark) from None
    return value


def _yaml_hint(exc: yaml.MarkedYAMLError, text: str) -> str:
    mark = exc.problem_mark or exc.context_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in str(exc.problem):
        return "put text that holds a colon in quotes"
    return "check quotes, brackets and indentation there"


def config_error(problems: Sequence[str]) -> ConfigError:
    """Return one error for all problems: the first is its message, with its own hint."""
    first, _, hint = problems[0].partition("\n")
    flat = [problem.replace("\n", "; ") for problem in problems]
    more = f"{len(flat) - 1} more: " + " | ".join(flat[1:]) if len(flat) > 1 else ""
    return ConfigError(first, hint="; ".join(part for part in (hint, more) if part), details={"problems": flat})


def dotted(path: KeyPath) -> str:
    """Return a key path as people write it.

    >>> dotted(("tools", 0, "python"))
    'tools[0].python'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "the file"


def kind_of(value: Any) -> str:
    """Return what a value is, in the words of the file's author."""
    kinds: tuple[tuple[type, str], ...] = ((dict, "keys and values"), (list, "a list"), (str, "text"))
    return next((name for kind, name in kinds if isinstance(value, kind)), f"the value {value!r}")
