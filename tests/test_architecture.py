"""The tables the code is held to: who may import whom, who may import which third party, how large a thing may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path

import networkx
import pytest

from tests import source
from tests.source import ROOT, Module

MODULES = source.modules()

# Rows: imports go down only; packages on one row never import each other.
ROWS = {
    "engine.cli": 6,
    "benchmarks": 6,
    "engine.serve": 5,
    "engine.testing": 5,
    "engine.comparison": 5,
    "engine": 5,  # the root re-exports the loop; nobody inside imports it
    "engine.loop": 4,  # the loop's room: every module of engine/ itself that has no row of its own; api on top
    "engine.planner": 3,
    "engine.executor": 3,
    "engine.replanner": 3,
    "engine.synth": 3,
    "engine.react": 3,
    "engine.tools": 2,
    "gateway": 1,
    "engine.dag": 1,
    "engine.durable": 1,
    "engine.config": 1,
    "engine.sinks": 1,
    "engine.telemetry": 1,
    "engine.beside": 1,
    "schemas": 0,
}

# Third parties: module → the only packages that may import it; the empty list is everybody above schemas.
EVERYBODY: tuple[str, ...] = ()
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "pydantic": ("schemas", "gateway", "engine", "benchmarks"),
    "pydantic_core": ("schemas", "gateway.exchange", "gateway.wire.metering"),
    "jsonschema": ("schemas", "gateway", "engine", "benchmarks.orchestration.nestful"),
    "cronsim": ("schemas.schedules",),  # a line that it cannot read is refused with the rest of the settings
    "anyio": EVERYBODY,
    "structlog": EVERYBODY,
    "opentelemetry": EVERYBODY,
    "opentelemetry.sdk": ("engine.telemetry",),
    "opentelemetry.exporter": ("engine.telemetry",),
    "networkx": ("engine.dag",),
    "regex": ("schemas.patterns", "gateway.filters.words"),
    "jmespath": ("engine.dag",),
    "anthropic": ("gateway.upstream",),
    "openai": ("gateway.upstream", "benchmarks.baselines.langgraph_agents"),
    "httpx2": ("gateway.upstream", "engine.tools", "benchmarks.simulated.provider", "benchmarks.cases.serve"),
    "httpcore2": ("engine.tools.http",),
    "html_to_markdown": ("engine.tools.builtin.pages",),
    "genai_prices": ("gateway.prices",),
    "typer": ("engine.cli",),
    "click": ("engine.cli",),
    "rich": ("engine.cli", "engine.sinks"),
    "yaml": ("engine.config", "engine.tools.openapi"),
    "platformdirs": ("engine.cli",),
    "duckdb": ("engine.tools.builtin",),
    "pydantic_monty": ("engine.tools.builtin.python",),
    "mcp": ("engine.tools.mcp", "engine.serve.mcp"),
    "psycopg": ("engine.durable", "benchmarks.server"),
    "psycopg_pool": ("engine.durable",),
    "procrastinate": ("engine.durable",),
    "starlette": ("engine.serve", "gateway.server"),
    "uvicorn": ("benchmarks.simulated.server",),
    "httptools": ("gateway.server", "gateway.upstream.reading"),
    "uvloop": ("gateway.server",),
    "aiohappyeyeballs": ("gateway.upstream.dialing",),
    "trio": ("benchmarks",),
    "tiktoken": ("benchmarks",),
    "langgraph": (  # lives in environments of its own
        "benchmarks.baselines.langgraph_worker",
        "benchmarks.baselines.langgraph_durable_worker",
        "benchmarks.baselines.langgraph_agents",
        "benchmarks.baselines.langgraph_plan",
    ),
    "langchain": ("benchmarks.baselines.langgraph_agents",),
    "langchain_core": ("benchmarks.baselines.langgraph_agents",),
    "langchain_openai": ("benchmarks.baselines.langgraph_agents",),
    "bfcl_eval": ("benchmarks.baselines.bfcl_worker",),
    "langchain_community": ("benchmarks.baselines.llmcompiler",),
    "configs": ("benchmarks.baselines.llmcompiler",),  # LLMCompiler's own
    "src": ("benchmarks.baselines.llmcompiler",),
    "aiosqlite": ("benchmarks.baselines.langgraph_durable_worker",),
    "typing_extensions": (
        "benchmarks.baselines.langgraph_worker",
        "benchmarks.baselines.langgraph_durable_worker",
        "benchmarks.baselines.langgraph_plan",
    ),
}

# Where asyncio itself is allowed: code that never runs on trio. Everything else uses anyio.
ASYNCIO_ONLY = (
    "benchmarks",
    "engine.detached",  # does the same on trio by trio's own means
    "engine.serve",
    "engine.standalone",  # the text of exported scripts, which need nothing but Python
    "engine.durable.postgres",
    "engine.durable.dispatch",
    "gateway.server",
    "gateway.upstream.dialing",
    "gateway.upstream.http1",
)
PURE = {
    "engine.dag.state": ("anyio", "trio", "asyncio", "time", "datetime", "logging", "structlog", "random", "threading")
}
LAZY_OWN_IMPORTS = ("engine.cli", "gateway.providers", "engine.durable.opening")
HEAVY = ("anthropic", "openai", "networkx", "duckdb", "starlette", "uvicorn", "mcp")
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "core", "misc"}
MAX_MODULE, MAX_FUNCTION, MAX_CLASS, MAX_COMPLEXITY = 500, 60, 250, 12

# Cases of docs/behaviour.md that this release delivers.
RELEASED = (*range(1, 81), 82)
NUMBER = re.compile(r"\bB(\d+)\b")


def _inside(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def _room(name: str) -> str | None:
    """The longest entry of ROWS that holds a module; files of the engine folder itself are the loop's room."""
    parts = name.split(".")
    if name not in ROWS and parts[0] == "engine" and len(parts) == 2 and not MODULES[name].is_package:
        return "engine.loop"
    rooms = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((room for room in rooms if room in ROWS and (room != "engine" or name == "engine")), None)


def _own(target: str) -> bool:
    return target.split(".")[0] in source.PACKAGES


@cache
def _edges() -> list[tuple[Module, source.Import]]:
    return [(module, edge) for module in MODULES.values() for edge in source.imports(module, MODULES)]


def test_every_module_has_a_room() -> None:
    """Every module stands in one row of the import table."""
    assert [name for name in MODULES if _room(name) is None] == []


def test_imports_go_down_only() -> None:
    """A module imports its own room or a lower row, never a sibling, never upwards."""
    wrong: list[str] = []
    for module, edge in _edges():
        here, there = _room(module.name), _room(edge.target) if _own(edge.target) else None
        if here and there and here != there and ROWS[here] <= ROWS[there]:
            wrong.append(f"{module.where}:{edge.line} imports {edge.target} (row {ROWS[here]} → {ROWS[there]})")
    assert not wrong, "\n".join(wrong)


def test_the_library_stands_on_top_of_the_loop() -> None:
    """In the loop's room every file may import another downwards; ``engine.api`` is imported by none of them."""
    wrong = [
        f"{m.where}:{e.line}"
        for m, e in _edges()
        if e.target == "engine.api" and _room(m.name) == "engine.loop" and m.name != "engine.api"
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_inside_imports_the_root() -> None:
    """Only users import ``engine`` itself; inside, each module is imported where it lives."""
    wrong = [f"{m.where}:{e.line}" for m, e in _edges() if e.target == "engine" and m.name != "engine"]
    assert not wrong, "\n".join(wrong)


def test_third_parties_stay_in_their_rooms() -> None:
    """A third-party package is imported only where the table says."""
    wrong: list[str] = []
    for module, edge in _edges():
        top = edge.target.split(".")[0]
        if _own(edge.target) or top in sys.stdlib_module_names:
            continue
        listed = [name for name in THIRD_PARTY if _inside(edge.target, (name,))]
        allowed = THIRD_PARTY[max(listed, key=len)] if listed else None
        everybody = allowed == EVERYBODY and not _inside(module.name, ("schemas",))
        if allowed is None or not (everybody or _inside(module.name, allowed)):
            wrong.append(f"{module.where}:{edge.line} imports {edge.target}")
    assert not wrong, "\n".join(wrong)


def test_concurrency_is_anyio() -> None:
    """No module that can run on trio imports asyncio."""
    wrong = [
        f"{m.where}:{e.line}"
        for m, e in _edges()
        if e.target.split(".")[0] == "asyncio" and not _inside(m.name, ASYNCIO_ONLY)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_touch_no_world(name: str) -> None:
    """The scheduler's state knows no clock, no event loop, no chance and no log."""
    seen = {edge.target.split(".")[0] for edge in source.imports(MODULES[name], MODULES)}
    assert seen & set(PURE[name]) == set()


def test_no_import_cycles() -> None:
    """Modules that import each other at run time form no cycle."""
    graph = networkx.DiGraph(
        (module.name, edge.target)
        for module, edge in _edges()
        if edge.target in MODULES and edge.target != module.name and not edge.typing_only
    )
    assert [sorted(group) for group in networkx.strongly_connected_components(graph) if len(group) > 1] == []


def test_own_imports_stand_at_the_top() -> None:
    """No function hides an import of our own, but the two lazy helpers."""
    wrong = [
        f"{m.where}:{e.line} {e.target}"
        for m, e in _edges()
        if e.hidden and _own(e.target) and m.name not in LAZY_OWN_IMPORTS
    ]
    assert not wrong, "\n".join(wrong)


def test_modules_are_named_for_what_they_hold() -> None:
    """No module is called utils, helpers, common, manager or core."""
    assert [name for name in MODULES if VAGUE & set(name.split("."))] == []


def test_modules_fit_a_room() -> None:
    """No module is longer than 500 lines."""
    sizes = {module.where: len(module.text.splitlines()) for module in MODULES.values()}
    assert {where: size for where, size in sizes.items() if size > MAX_MODULE} == {}


def test_functions_fit_a_screen() -> None:
    """No function is longer than 60 lines, its docstring left out."""
    wrong = [
        f"{m.where}:{f.lineno} {f.name} {source.body_lines(f)}"
        for m in MODULES.values()
        for f in m.functions()
        if source.body_lines(f) > MAX_FUNCTION
    ]
    assert not wrong, "\n".join(wrong)


def test_functions_branch_little() -> None:
    """No function has a complexity above 12."""
    wrong = [
        f"{m.where}:{f.lineno} {f.name} {source.complexity(f)}"
        for m in MODULES.values()
        for f in m.functions()
        if source.complexity(f) > MAX_COMPLEXITY
    ]
    assert not wrong, "\n".join(wrong)


def test_classes_stay_small() -> None:
    """No class is longer than 250 lines."""
    wrong = [
        f"{m.where}:{c.lineno} {c.name}"
        for m in MODULES.values()
        for c in m.classes()
        if (c.end_lineno or 0) - c.lineno + 1 > MAX_CLASS
    ]
    assert not wrong, "\n".join(wrong)


def test_raising_functions_say_so() -> None:
    """A public function that raises says in its docstring what and when; help texts and tool prompts are for others."""
    wrong = [
        f"{m.where}:{f.lineno} {f.name}"
        for m in MODULES.values()
        for f in m.public_functions()
        if source.raises(f) and "aises" not in (ast.get_docstring(f) or "")
        if not any(re.search(r"\btool\b|\.command\b", ast.unparse(decorator)) for decorator in f.decorator_list)
    ]
    assert not wrong, "\n".join(wrong)


def test_asking_for_help_loads_nothing_heavy() -> None:
    """``engine --help`` imports no SDK, no graph library and no database."""
    code = (
        "import sys, contextlib; sys.argv = ['engine', '--help']\n"
        "from engine.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr): main()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_gateway_loads_what_it_needs() -> None:
    """``engine gateway`` imports neither the engine's loop nor what only some requests or filters need."""
    late = {
        *HEAVY,
        "engine.api",
        "engine.tools.mcp.server",
        "gateway.filters.chain",
        "jsonschema",
        "regex",
        "genai_prices",
        "rich",
        "pygments",
        "attr",
    }
    code = (
        "import sys; from engine.cli import load; load('gateway')\n"
        f"print([name for name in {sorted(late)!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_third_parties_are_declared() -> None:
    """Whatever the installed packages import is a declared dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [line for lines in project["project"].get("optional-dependencies", {}).values() for line in lines]
    lines = [*project["project"]["dependencies"], *extras]
    declared = {re.split(r"[<>=\[ ]", line)[0].replace("-", "_") for line in lines}
    names = {"yaml": "pyyaml", "opentelemetry": "opentelemetry_sdk"}
    wrong = {
        edge.target.split(".")[0]
        for module, edge in _edges()
        if not _own(edge.target) and not _inside(module.name, ("benchmarks",))
    } - set(sys.stdlib_module_names)
    # The parts of a declared package: typer's click, httpx2's httpcore2, pydantic's core.
    parts = {"click", "httpcore2", "yarl", "pydantic_core"}
    assert {name for name in wrong if names.get(name, name) not in declared} - parts == set()


def test_test_folders_are_packages() -> None:
    """Every folder of tests has an ``__init__.py``; without it, it would shadow the package of the same name."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()] == []


def test_every_test_says_what_it_proves() -> None:
    """Every test has a one-sentence docstring that names at most one behaviour number, at its beginning."""
    wrong: list[str] = []
    for path, function in source.tests():
        doc = ast.get_docstring(function) or ""
        numbers = set(NUMBER.findall(doc))
        if not doc or len(numbers) > 1 or (numbers and not re.match(r"B\d+: \S", doc)):
            wrong.append(f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {doc[:60]!r}")
    assert not wrong, "\n".join(wrong)


def test_every_released_behaviour_has_a_test() -> None:
    """Each case of docs/behaviour.md that this release delivers is named by a test, and no test names another."""
    cases = {int(number) for number in re.findall(r"^(\d+)\. ", (ROOT / "docs/behaviour.md").read_text(), re.M)}
    named: dict[int, list[Path]] = defaultdict(list)
    for path, function in source.tests():
        for number in NUMBER.findall(ast.get_docstring(function) or ""):
            named[int(number)].append(path)
    assert set(RELEASED) - set(named) == set()
    assert set(named) - cases == set()
