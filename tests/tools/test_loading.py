"""Importing a user's tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.tools.loading import load_object
from schemas.errors import ConfigError


def refusal(reference: str, folder: Path) -> ConfigError:
    """The error that a reference gives; always one line."""
    with pytest.raises(ConfigError) as caught:
        load_object(reference, folder, where="tools[0].python")
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("tools[0].python: ")
    return caught.value


def test_a_function_beside_the_configuration(tmp_path: Path) -> None:
    """A module of the folder is found, and may import its neighbours."""
    (tmp_path / "my_words.py").write_text("WORD = 'hi'")
    (tmp_path / "my_greeting.py").write_text("from my_words import WORD\nclass A:\n    def f(): return WORD")
    assert load_object("my_greeting:A.f", tmp_path, where="x")() == "hi"
    assert sys.path[-1] == str(tmp_path)


@pytest.mark.parametrize("reference", ["nocolon", ":f", "m:", "a b:c", "../m:f", "m.py:f()"])
def test_a_wrong_form_is_named(tmp_path: Path, reference: str) -> None:
    """A reference is module:function and nothing else."""
    assert "not of the form" in refusal(reference, tmp_path).message


@pytest.mark.parametrize("name", ["schemas", "gateway.tools", "engine"])
def test_names_of_the_engine_are_taken(tmp_path: Path, name: str) -> None:
    """A module called like a package of the engine is refused with that reason."""
    assert "rename" in refusal(f"{name}:f", tmp_path).hint


def test_a_users_own_package_of_our_name_does_not_shadow_ours(tmp_path: Path) -> None:
    """A hostile folder `schemas/` harms nothing; a module that wants it gets one clear error."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").write_text("raise RuntimeError('shadowed')\nmine = 1")
    (tmp_path / "my_fine.py").write_text("def f(): return 1")
    (tmp_path / "my_clash.py").write_text("from schemas import mine")
    assert load_object("my_fine:f", tmp_path, where="x")() == 1
    assert "your own 'schemas' is hidden" in refusal("my_clash:f", tmp_path).hint


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os\n\n1 / 0\n", "my_broken.py:3: importing 'my_broken' raised ZeroDivisionError"),
        ("def f(:\n", "my_broken.py:1: importing 'my_broken' raised SyntaxError"),
        ("raise SystemExit(3)", "my_broken.py:1: importing 'my_broken' raised SystemExit: 3"),
        ("import nothing_like_this", "my_broken.py:1: importing 'my_broken' raised ModuleNotFoundError"),
    ],
)
def test_a_module_that_raises_is_one_line_with_its_place(tmp_path: Path, source: str, said: str) -> None:
    """Whatever a module does while it is imported, the error names its file and line."""
    (tmp_path / "my_broken.py").write_text(source)
    assert said in refusal("my_broken:f", tmp_path).message


def test_misspelt_names_get_a_suggestion(tmp_path: Path) -> None:
    """A module or function that is not there names the nearest one."""
    (tmp_path / "my_tools.py").write_text("def search(): ...")
    assert refusal("my_tool:search", tmp_path).hint == "did you mean 'my_tools'?"
    assert refusal("my_tools:serch", tmp_path).hint == "did you mean 'search'?"


def test_a_file_hidden_by_an_installed_module_is_said(tmp_path: Path) -> None:
    """A file called like a module of Python is never seen, and the error says so."""
    (tmp_path / "statistics.py").write_text("def f(): ...")
    assert "hides your own statistics.py" in refusal("statistics:f", tmp_path).message


def test_nothing_in_the_folder_shadows_the_standard_library(tmp_path: Path) -> None:
    """The folder is appended: a user's json.py is not the engine's json."""
    (tmp_path / "json.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "my_json.py").write_text("import json\ndef f(): return json.dumps(1)")
    code = (
        "import sys; from pathlib import Path; from engine.tools.loading import load_object\n"
        "print(load_object('my_json:f', Path(sys.argv[1]), where='x')())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
