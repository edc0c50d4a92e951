"""``list_files``, ``read_file``, ``search_files``, ``write_file``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.tools.builtin import builtin_tools
from schemas.errors import ToolArgumentsError, ToolError, ToolFailedError
from tests.tools.context import Context

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a few files."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("one\nTWO teapots\nthree\n")
    (tmp_path / "sales.csv").write_text("a,b\n1,teapot\n")
    return tmp_path


async def call(folder: Path, name: str, **arguments: Any) -> Any:
    """Call a built-in tool on a folder."""
    (tool,) = builtin_tools([name], folder)
    return await tool.call(arguments, Context())


async def test_list(folder: Path) -> None:
    """Files come by path, with size; a pattern narrows, a cap is said."""
    everything = await call(folder, "list_files")
    assert [entry["path"] for entry in everything["files"]] == ["notes/todo.txt", "sales.csv"]
    assert (await call(folder, "list_files", pattern="*.csv"))["files"][0]["size_bytes"] == 13
    assert (await call(folder, "list_files", max_files=1))["truncated"] is True


async def test_read(folder: Path) -> None:
    """A file is read whole, or from a line on."""
    assert (await call(folder, "read_file", path="notes/todo.txt"))["lines"] == 3
    part = await call(folder, "read_file", path="notes/todo.txt", first_line=2, max_lines=1)
    assert (part["text"], part["truncated"]) == ("TWO teapots\n", True)


@pytest.mark.parametrize(
    ("data", "said"), [(b"a\0b", "no text file"), (b"caf\xe9", "not UTF-8"), (b"PK\x03\x04\0\0", "no text file")]
)
async def test_what_is_no_text_is_said(folder: Path, data: bytes, said: str) -> None:
    """A binary file or another encoding is an error that names the byte."""
    (folder / "odd").write_bytes(data)
    with pytest.raises(ToolFailedError, match=said):
        await call(folder, "read_file", path="odd")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
async def test_byte_order_marks_are_understood(folder: Path, encoding: str) -> None:
    """Files with a byte order mark are text."""
    (folder / "bom.txt").write_text("grün", encoding=encoding)
    assert (await call(folder, "read_file", path="bom.txt"))["text"] == "grün"


async def test_a_huge_file_is_cut_and_said(folder: Path) -> None:
    """Reading stops at the cap, even in the middle of a character."""
    (folder / "huge.txt").write_text("é" * 600_000 + "x")
    (folder / "odd.txt").write_text("x" + "é" * 600_000)
    for path in ("huge.txt", "odd.txt"):
        read = await call(folder, "read_file", path=path)
        assert read["truncated"] is True
        assert len(read["text"].encode()) <= 1_000_000


async def test_search(folder: Path) -> None:
    """Lines are found whatever their case; binary files are named as skipped."""
    (folder / "image.png").write_bytes(b"teapot\0")
    found = await call(folder, "search_files", text="Teapot")
    assert [(m["path"], m["line"]) for m in found["matches"]] == [("notes/todo.txt", 2), ("sales.csv", 2)]
    assert found["skipped"] == ["image.png"]
    assert (await call(folder, "search_files", text="teapot", max_matches=1))["truncated"] is True


async def test_write_creates_folders_and_never_overwrites_unasked(folder: Path) -> None:
    """A new file is written with its folders; one that is there needs ``overwrite``, unless it is the same."""
    assert (await call(folder, "write_file", path="a/b/c.txt", text="hé"))["size_bytes"] == 3
    assert (await call(folder, "write_file", path="a/b/c.txt", text="hé"))["changed"] is False
    with pytest.raises(ToolFailedError, match="already there"):
        await call(folder, "write_file", path="a/b/c.txt", text="other")
    await call(folder, "write_file", path="a/b/c.txt", text="other", mode="overwrite")
    await call(folder, "write_file", path="a/b/c.txt", text="!", mode="append")
    assert (folder / "a/b/c.txt").read_text() == "other!"
    assert [entry.name for entry in (folder / "a/b").iterdir()] == ["c.txt"]


@pytest.mark.parametrize("mode", ["create", "overwrite", "append"])
async def test_writing_never_leaves_the_workspace(folder: Path, mode: str) -> None:
    """Links, parents and special files are refused in every mode, and what they point to is unchanged."""
    outside = folder.parent / "outside.txt"
    outside.write_text("safe")
    (folder / "link.txt").symlink_to(outside)
    (folder / "linked").symlink_to(folder.parent)
    for path in ("link.txt", "linked/outside.txt", "../outside.txt", str(outside), "notes/../../outside.txt", "notes"):
        with pytest.raises(ToolError):
            await call(folder, "write_file", path=path, text="bad", mode=mode)
    assert outside.read_text() == "safe"


async def test_writing_into_a_pipe_does_not_wait(folder: Path) -> None:
    """A named pipe in place of the file is an error at once."""
    os.mkfifo(folder / "pipe")
    with pytest.raises(ToolError):
        await call(folder, "write_file", path="pipe", text="x", mode="append")


async def test_too_much_text_is_refused(folder: Path) -> None:
    """Beyond the cap nothing is written."""
    with pytest.raises(ToolArgumentsError, match="bytes"):
        await call(folder, "write_file", path="big.txt", text="x" * 10_000_001)
    assert not (folder / "big.txt").exists()


def test_writing_asks_and_says_what_it_touches(tmp_path: Path) -> None:
    """B46: writing is effectful, needs a person's approval and declares the file; reading declares it too."""
    write, read = (tool.spec for tool in builtin_tools(["write_file", "read_file"], tmp_path))
    assert (write.effects, write.asks, write.writes) == ("effectful", True, ("file:{path}",))
    assert (read.effects, read.reads) == ("none", ("file:{path}",))
