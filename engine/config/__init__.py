"""Reads engine.yaml, or the environment where there is no file, into ``schemas.settings``.

Every error names file, line, key, what was expected and the nearest valid word. A secret written as ``$NAME`` stays
as it is until it is used (``resolve_secret``), so a missing one is an error of the model that needs it and of no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.config.environment import providers_from, role_models
from engine.config.plano import is_plano
from engine.config.problems import name_problems, tool_problems, validation_problems
from engine.config.reader import Reader, config_error
from schemas.errors import ConfigError
from schemas.settings import Roles, Settings, ToolSettings

FILE_NAME = "engine.yaml"
_PLANO = "engine.config.plano.translation"  # imported for a file that is written so
_SECRET = re.compile(r"^\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<plain>[A-Za-z_][A-Za-z0-9_]*))$")

_ONLY_WHERE_SET = ("summarizer",)  # that somebody chose one is what makes ``results.view: auto`` ask it


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and where they are from.

    Attributes:
        settings: Complete: providers, roles and tools are filled in where the file left them out.
        folder: What relative paths and the user's own Python modules are relative to.
        source: The file's path, or ``environment``.
        lines: Line of every key path (``tools[2].python``) of the file.
        notice: One line on what was chosen without being asked for; empty when a file said it all.
        notes: What another program's file says and is not honoured here, a line each, with its place.
    """

    settings: Settings
    folder: Path
    source: str
    notice: str = ""
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()

    def located(self, error: ConfigError) -> ConfigError:
        """Return an error about one of the file's keys with file and line before it; any other as it is."""
        path = error.message.partition(":")[0]
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["))] if re.search(r"[.\[]", path) else ""
        if not path:
            return error
        place = f"{self.source}:{self.lines[path]}: {error.message}"
        return ConfigError(place, hint=error.hint, details=error.details)


def load_settings(path: str | None, environ: Mapping[str, str]) -> LoadedSettings:
    """Return the settings of ``path``, else of $ENGINE_CONFIG, else of ./engine.yaml, else of the environment.

    What a file leaves out is filled in: no ``model_providers`` are taken from the environment, no ``roles`` from the
    defaults of the providers, and no ``tools`` means every built-in one. Cost: at most 0.1 s when local servers are
    looked for, at most 2 s when a compatible server is asked for its models.

    Raises:
        ConfigError: The file cannot be read or says something wrong; every problem is listed, the first one first.
    """
    named = path or environ.get("ENGINE_CONFIG") or None
    file = Path(named).expanduser() if named else Path(FILE_NAME)
    if named is None and not file.exists():
        settings, notice = _complete(Settings(), frozenset(), environ)
        return LoadedSettings(settings, Path.cwd(), "environment", notice)
    parsed = _parse(Reader(str(file)), _read(file, from_variable=path is None and named is not None), environ)
    settings, notice = _complete(parsed.settings, parsed.given, environ)
    return LoadedSettings(settings, file.resolve().parent, str(file), notice, parsed.lines, parsed.notes)


def declared_settings(path: str | None, environ: Mapping[str, str]) -> tuple[Settings, Path]:
    """Return what the file that ``load_settings`` would read says, nothing filled in or looked for, and its folder.

    Raises:
        ConfigError: As ``load_settings``.
    """
    named = path or environ.get("ENGINE_CONFIG") or None
    file = Path(named).expanduser() if named else Path(FILE_NAME)
    if named is None and not file.exists():
        return Settings(), Path.cwd()
    text = _read(file, from_variable=path is None and named is not None)
    return parse_settings(text, str(file), environ), file.resolve().parent


def parse_settings(text: str, source: str = FILE_NAME, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings a YAML text holds, in our form or in Plano's, nothing filled in.

    Raises:
        ConfigError: It is no YAML, repeats a key, or does not fit ``schemas.settings``.
    """
    return _parse(Reader(source), text, environ or {}).settings


def settings_from(config: Mapping[str, Any] | Settings, environ: Mapping[str, str]) -> LoadedSettings:
    """Return complete settings for a program's own mapping or ``Settings``, as ``load_settings`` does for a file.

    Raises:
        ConfigError: The mapping does not fit ``schemas.settings``; names the key, what was expected, the nearest word.
    """
    if isinstance(config, Settings):
        settings, given = config, frozenset(config.model_fields_set)
    else:
        settings, given = _validated(dict(config), Reader("config"))
    settings, notice = _complete(settings, given, environ)
    return LoadedSettings(settings, Path.cwd(), "code", notice)


def resolve_secret(value: str | None, environ: Mapping[str, str]) -> str | None:
    """Return ``value``, or what the variable it names (``$NAME``, ``${NAME}``) holds.

    >>> resolve_secret("$KEY", {"KEY": "abc"})
    'abc'

    Raises:
        ConfigError: The variable is not set, or empty.
    """
    match = _SECRET.match(value or "")
    if not match:
        return value
    name = match["braced"] or match["plain"]
    found = environ.get(name)
    if not found:
        raise ConfigError(f"the environment variable {name} is not set", hint=f"export {name}=…, or change {value}")
    return found


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The settings of a text, the top-level keys it gives, the lines of its keys, and what is not honoured of it."""

    settings: Settings
    given: frozenset[str]
    lines: Mapping[str, int]
    notes: tuple[str, ...] = ()


def _parse(reader: Reader, text: str, environ: Mapping[str, str]) -> _Parsed:
    """Return what a text says. Raises as ``parse_settings``."""
    raw = reader.read(text)
    if not is_plano(raw):
        return _Parsed(*_validated(raw, reader), reader.lines)
    plano = import_module(_PLANO).translated(raw, reader, environ)
    return _Parsed(*_validated(plano.raw, Reader(reader.source)), {}, plano.notes)


def _validated(raw: dict[str, Any], reader: Reader) -> tuple[Settings, frozenset[str]]:
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as exc:
        raise config_error(validation_problems(exc, raw, reader)) from None
    problems = [*tool_problems(settings, reader), *name_problems(settings, reader)]
    if problems:
        raise config_error(problems)
    return settings, frozenset(raw)


def _read(file: Path, *, from_variable: bool) -> str:
    named_by = " (named by ENGINE_CONFIG)" if from_variable else ""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{file}{named_by}: no such file", hint="`engine init` writes a commented one") from None
    except IsADirectoryError:
        raise ConfigError(f"{file}{named_by}: is a folder", hint=f"name the file, such as {file / FILE_NAME}") from None
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file}: not UTF-8 text at byte {exc.start}", hint="save it as UTF-8") from None
    except OSError as exc:
        raise ConfigError(f"{file}{named_by}: cannot be read: {exc.strerror}") from None


def _complete(settings: Settings, given: frozenset[str], environ: Mapping[str, str]) -> tuple[Settings, str]:
    """Fill in providers, roles and tools where they were not given; return with them the line that says so."""
    notice = ""
    providers = settings.model_providers
    if not providers:
        providers, notice = providers_from(environ)
    roles = Roles.model_validate(
        {
            role: getattr(settings.roles, role) or (None if role in _ONLY_WHERE_SET else role_models(role, providers))
            for role in Roles.model_fields
        }
    )
    tools = settings.tools if "tools" in given else (ToolSettings(builtin="all"),)
    return settings.model_copy(update={"model_providers": providers, "roles": roles, "tools": tools}), notice
