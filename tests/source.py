"""The project's source as the architecture test sees it: modules, what they import, how long their parts are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "gateway", "engine", "benchmarks")
Function = ast.FunctionDef | ast.AsyncFunctionDef
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case)


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, and how it is imported."""

    target: str
    line: int
    hidden: bool = False
    typing_only: bool = False


@dataclass(frozen=True)
class Module:
    """One source file under its dotted name."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text)

    @property
    def is_package(self) -> bool:
        """Whether this is the ``__init__`` of a package."""
        return self.path.name == "__init__.py"

    @property
    def where(self) -> str:
        """The path below the project's folder."""
        return self.path.relative_to(ROOT).as_posix()

    def functions(self) -> Iterator[Function]:
        """Yield every function and method, nested ones included."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def public_functions(self) -> Iterator[Function]:
        """Yield the functions and methods that others may call: neither underscored nor nested in a function."""
        for owner in (self.tree, *(c for c in self.tree.body if isinstance(c, ast.ClassDef))):
            for node in owner.body:
                if isinstance(node, Function) and not node.name.startswith("_"):
                    yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        """Yield every class."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))


def modules(*packages: str) -> dict[str, Module]:
    """Return the modules of the packages (of all of ours, when none is named) by dotted name."""
    found: dict[str, Module] = {}
    for package in packages or PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path)
    return found


def imports(module: Module, known: dict[str, Module]) -> list[Import]:
    """Return what a module imports; ``from package import name`` is the submodule when it is one."""
    found: list[Import] = []
    for node, hidden, typing_only in _statements(module.tree, hidden=False, typing_only=False):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            base = _absolute(module, node)
            children = [f"{base}.{alias.name}" for alias in node.names]
            targets = [child if child in known else base for child in children]
        found += [Import(target, node.lineno, hidden, typing_only) for target in dict.fromkeys(targets)]
    return found


def body_lines(function: Function) -> int:
    """Return the lines from ``def`` to the end, decorators and docstring left out."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def complexity(function: Function) -> int:
    """Return 1 + branches: if, loop, except, case, boolean operators, conditions of comprehensions."""
    total, todo = 1, list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, (*Function.__args__, ast.Lambda, ast.ClassDef)):
            continue
        total += isinstance(node, BRANCHES)
        total += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        total += len(node.ifs) if isinstance(node, ast.comprehension) else 0
        todo += ast.iter_child_nodes(node)
    return total


def raises(function: Function) -> bool:
    """Return whether a function itself raises something new (not one nested in it)."""
    todo = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            return True
        if not isinstance(node, (*Function.__args__, ast.Lambda, ast.ClassDef)):
            todo += [
                child
                for child in ast.iter_child_nodes(node)
                if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case))
            ]
    return False


@cache
def functions_of(path: Path) -> list[Function]:
    """Return every function of a file, nested ones included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def tests() -> Iterator[tuple[Path, Function]]:
    """Yield every test function with its file."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in functions_of(path):
            if node.name.startswith("test_"):
                yield path, node


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _statements(
    parent: ast.AST, *, hidden: bool, typing_only: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, hidden, typing_only
        else:
            checking = isinstance(node, ast.If) and any(
                "TYPE_CHECKING" in (getattr(part, "id", ""), getattr(part, "attr", "")) for part in ast.walk(node.test)
            )
            yield from _statements(
                node, hidden=hidden or isinstance(node, Function), typing_only=typing_only or checking
            )
