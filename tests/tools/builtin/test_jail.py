"""The workspace jail: hostile paths, links, special files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tools.builtin.jail import Workspace, split
from schemas.errors import ConfigError, ToolArgumentsError, ToolError, ToolFailedError

HOSTILE = [
    "..", "../secret", "a/../../secret", "a/..", "/etc/passwd", "//etc/passwd", "~/x", "~root", "C:\\x", "c:x",
    "\\\\host\\share", "a\\..\\..\\b", "", ".", "./", "a\0b", "a\nb", "x" * 2000, "\u202ex", "\ud800",
]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace beside a secret."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "note.txt").write_text("note")
    return Workspace(inside)


def read(workspace: Workspace, path: str) -> bytes:
    """The bytes of a file through the jail."""
    with workspace.open_read(path) as file:
        return os.read(file, 100)


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: ascii(path[:20]))
def test_hostile_paths_are_refused(workspace: Workspace, path: str) -> None:
    """No way out by .., absolute paths, drives, NUL characters or length."""
    with pytest.raises(ToolArgumentsError):
        read(workspace, path)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "~", "\\", "/", "C:", "\0"]), max_size=8).map("/".join))
def test_a_path_that_is_accepted_stays_inside(path: str) -> None:
    """Whatever gets through is a list of plain names."""
    try:
        parts = split(path)
    except ToolArgumentsError:
        return
    assert parts
    assert not {"..", ".", ""} & set(parts)
    assert not path.startswith("/")


def test_links_are_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    """A link to a file or folder outside is refused, as is one that stays inside."""
    (workspace.root / "file").symlink_to(tmp_path / "secret")
    (workspace.root / "folder").symlink_to(tmp_path)
    (workspace.root / "own").symlink_to(workspace.root / "sub")
    for path in ("file", "folder/secret", "own/note.txt"):
        with pytest.raises(ToolArgumentsError, match="link"):
            read(workspace, path)


def test_a_folder_swapped_for_a_link_after_it_was_opened(workspace: Workspace, tmp_path: Path) -> None:
    """What was opened stays what it is: a later swap cannot redirect it."""
    with workspace.open_folder("sub") as folder:
        (workspace.root / "sub").rename(workspace.root / "moved")
        (workspace.root / "sub").symlink_to(tmp_path)
        assert os.listdir(folder) == ["note.txt"]  # noqa: PTH208 -- a descriptor


def test_special_files_are_refused_at_once(workspace: Workspace) -> None:
    """A named pipe, a folder or a device is no file to read, and opening one never waits."""
    os.mkfifo(workspace.root / "pipe")
    for path in ("pipe", "sub"):
        with pytest.raises(ToolFailedError):
            read(workspace, path)


def test_a_missing_file_names_the_nearest(workspace: Workspace) -> None:
    """A misspelt name gets a suggestion."""
    with pytest.raises(ToolFailedError) as caught:
        read(workspace, "sub/notes.txt")
    assert caught.value.hint == "did you mean 'note.txt'?"


def test_listing_leaves_out_links_and_hidden_files(workspace: Workspace, tmp_path: Path) -> None:
    """Only regular, visible files below the workspace are listed."""
    (workspace.root / ".env").write_text("KEY")
    (workspace.root / "out").symlink_to(tmp_path)
    (workspace.root / "round").symlink_to(workspace.root)
    assert [entry.path for entry in workspace.files()] == ["sub/note.txt"]
    assert [entry.path for entry in workspace.files("sub", "*.csv")] == []


def test_descriptors_are_closed(workspace: Workspace) -> None:
    """Neither success nor refusal leaves a descriptor open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("sub/note.txt", "sub/none", "none/none", "sub", "../x"):
        try:
            read(workspace, path)
        except ToolError:
            continue
    list(workspace.files())
    next(workspace.files())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_workspace_must_be_there(tmp_path: Path) -> None:
    """A workspace that is no folder is a ConfigError."""
    with pytest.raises(ConfigError):
        Workspace(tmp_path / "none")
