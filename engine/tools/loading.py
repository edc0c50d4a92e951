"""Importing a user's tools: ``module:function``, from the folder of the configuration file."""

from __future__ import annotations

import difflib
import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.tools.failures import describe
from schemas.errors import ConfigError

OURS = ("engine", "gateway", "schemas")


def load_object(reference: str, folder: Path, *, where: str) -> Any:
    """Import ``module:name`` with ``folder`` appended to sys.path, so that nothing in it shadows what is installed.

    Args:
        reference: As the configuration says it.
        folder: The folder of the configuration file.
        where: The entry, for messages: ``tools[0].python``.

    Raises:
        ConfigError: Nothing can be imported by that name, the module raised, or its name clashes with ours; one line
            with the file and line at fault.
    """
    module_name, _, name = reference.partition(":")
    if not name or not all(part.isidentifier() for part in (*module_name.split("."), *name.split("."))):
        raise ConfigError(f"{where}: '{reference}' is not of the form module:function", hint="for example tools:search")
    if module_name.partition(".")[0] in OURS:
        raise ConfigError(
            f"{where}: the module '{module_name}' has the name of a package of the engine itself",
            hint=f"rename your file or folder; {', '.join(OURS)} are taken",
        )
    found: Any = _import(module_name, folder, where)
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [key for key in dir(found) if not key.startswith("_")], 1)
            raise ConfigError(
                f"{where}: module '{module_name}' has no '{name}'", hint=f"did you mean '{near[0]}'?" if near else ""
            )
        found = getattr(found, part)
    return found


def _import(module_name: str, folder: Path, where: str) -> ModuleType:
    entry = str(folder.resolve())
    if entry not in sys.path:
        sys.path.append(entry)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # a user's module may raise anything, SystemExit included
        raise _import_error(module_name, Path(entry), where, exc) from None
    _check_origin(module_name, module, Path(entry), where)
    return module


def _import_error(module_name: str, folder: Path, where: str, exc: BaseException) -> ConfigError:
    missing = exc.name if isinstance(exc, ImportError) else None
    if isinstance(exc, ModuleNotFoundError) and missing and module_name.startswith(missing):
        near = difflib.get_close_matches(missing, [path.stem for path in folder.glob("*.py")], 1)
        return ConfigError(
            f"{where}: there is no module '{missing}'",
            hint=f"did you mean '{near[0]}'?" if near else f"put {missing}.py beside the configuration ({folder})",
        )
    hint = ""
    top = (missing or "").partition(".")[0]
    if top in OURS and ((folder / top).is_dir() or (folder / f"{top}.py").is_file()):
        hint = f"your own '{top}' is hidden by the engine's package of that name: rename it"
    elif isinstance(exc, ModuleNotFoundError):
        hint = "install it in the environment the engine runs in"
    return ConfigError(f"{where}: {_place(exc, folder)}importing '{module_name}' raised {describe(exc)}", hint=hint)


def _place(exc: BaseException, folder: Path) -> str:
    """``file.py:12: `` of the line at fault: the innermost one in the user's folder."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{_shown(exc.filename, folder)}:{exc.lineno}: "
    frames = traceback.extract_tb(exc.__traceback__)
    mine = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    return f"{_shown(mine[-1].filename, folder)}:{mine[-1].lineno}: " if mine else ""


def _shown(filename: str, folder: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else filename


def _check_origin(module_name: str, module: ModuleType, folder: Path, where: str) -> None:
    """Refuse a module from elsewhere while the user's folder has one of that name: appended, it is never seen."""
    top = module_name.partition(".")[0]
    mine = next((path for path in (folder / f"{top}.py", folder / top / "__init__.py") if path.is_file()), None)
    origin = getattr(sys.modules.get(top, module), "__file__", None)
    if mine is not None and (origin is None or Path(origin).resolve() != mine.resolve()):
        raise ConfigError(
            f"{where}: '{top}' is {origin or 'a built-in module'}, which hides your own {mine.relative_to(folder)}",
            hint="rename your file",
        )
