"""The page's files: served as they are, under a strict policy; modules small and sound; vendored files unmodified."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.durable.memory import MemoryLog
from engine.serve.ui.page import FOLDER
from tests.serve.serving import Served, served
from tests.serve.ui import scenes
from tests.serve.ui.chromium import NODE, required

MODULES = sorted((FOLDER / "app").glob("*.js"))
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(lambda: scenes.make(MemoryLog()), token="secret") as found:
        yield found


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules where node takes them for what browsers do."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(FOLDER, folder / "ui", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_the_page_needs_no_key_and_the_runs_do(here: Served) -> None:
    """The page and its files are given to everybody, the runs to who has the token."""
    bare = {"authorization": ""}
    page = here.client.get("/", headers=bare)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert here.client.get(path, headers=bare).status_code == 200, path
    assert here.client.get("/runs", headers=bare).status_code == 401


def test_nothing_but_the_page_itself_runs_in_it(here: Served) -> None:
    """Its policy lets in no script, style, frame or request that is not its own, and no text become markup."""
    headers = here.client.get("/").headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_file_is_sent_once_and_no_other_file_ever(here: Served) -> None:
    """A file that did not change is not sent again; a path out of the folder, or to server code, is not found."""
    first = here.client.get("/ui/app/main.js")
    again = here.client.get("/ui/app/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for path in ("/ui/page.py", "/ui/..%2fapp.py", "/ui/app/../../app.py", "/ui/vendor/README.md", "/ui/"):
        assert here.client.get(path).status_code == 404, path


def test_vendored_files_are_unmodified() -> None:
    """Each vendored file is what its hash says, with its licence beside it."""
    listed = dict(reversed(line.split()) for line in (FOLDER / "vendor/SHA256SUMS").read_text().splitlines())
    found = {path.name for path in (FOLDER / "vendor").iterdir()} - {"SHA256SUMS", "README.md"}
    assert found == set(listed) == {"preact.js", "dagre.js", "htm.LICENSE", "preact.LICENSE", "dagre.LICENSE"}
    for name, sha256 in listed.items():
        assert hashlib.sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() == sha256, name


def test_modules_are_small_and_make_no_markup_of_text() -> None:
    """No module is longer than 300 lines, none hands text to the browser as markup or code, none names another host."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path
        )
        assert not re.search(r"(?:from|import\(|fetch\(|src=)\s*[\"'](?:https?:)?//", text), path.name
        assert text.startswith("// "), path.name


@pytest.mark.parametrize("name", [path.name for path in MODULES])
def test_every_module_is_sound(name: str, modules: Path) -> None:
    """Node reads every module."""
    done = subprocess.run(
        [required(NODE, "node"), "--check", str(modules / "ui/app" / name)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_is_shown_is_computed_rightly(modules: Path) -> None:
    """B60: The pure modules do what modules.mjs says: an event counts once, streams go on, no text hangs."""
    shutil.copy(HERE / "modules.mjs", modules / "modules.mjs")
    command = [required(NODE, "node"), "modules.mjs"]
    done = subprocess.run(command, cwd=modules, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 of 15" in done.stdout
