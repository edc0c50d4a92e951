"""``list_files``, ``read_file``, ``search_files`` and ``write_file``: text files of the workspace."""

from __future__ import annotations

import codecs
import os
import secrets
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from engine.tools.builtin.jail import Workspace, is_link, split
from engine.tools.function import FunctionTool, tool
from schemas.errors import ToolArgumentsError, ToolFailedError

MOST_READ_BYTES = 1_000_000
MOST_WRITTEN_BYTES = 10_000_000
MOST_SEARCHED_BYTES = 5_000_000  # of one file
MOST_FILES = 10_000
LONGEST_LINE = 500
Lines = Annotated[int, Field(ge=1, le=100_000)]
Items = Annotated[int, Field(ge=1, le=1_000)]


class FileEntry(TypedDict):
    """One file."""

    path: str
    size_bytes: int
    modified: str


class FileList(TypedDict):
    """Files by name; truncated when there were more."""

    files: list[FileEntry]
    truncated: bool


class FileText(TypedDict):
    """A file's text; truncated when the file holds more."""

    path: str
    text: str
    lines: int
    truncated: bool


class Match(TypedDict):
    """One line that holds the text."""

    path: str
    line: int
    text: str


class Matches(TypedDict):
    """Lines found; truncated when there were more; skipped are files that are no text or too large."""

    matches: list[Match]
    files_searched: int
    skipped: list[str]
    truncated: bool


class Written(TypedDict):
    """What was written."""

    path: str
    size_bytes: int
    changed: bool


def list_files(workspace: Workspace) -> FunctionTool[Any, FileList]:
    """Return the tool ``list_files`` on a workspace."""

    @tool(effects="none", kind="builtin", reads=("file:*",), timeout_s=30.0, expected_s=0.01)
    def list_files(folder: str = ".", pattern: str = "*", max_files: Items = 200) -> FileList:
        """List the files in the workspace folder and its subfolders, with their size and date.

        Args:
            folder: Folder to look in, relative to the workspace.
            pattern: Which file names to list, such as *.csv or report*.
            max_files: Most files to list.

        Returns:
            The files found, by path.
        """
        found = list(islice(workspace.files(folder, pattern), max_files + 1))
        files = [
            FileEntry(path=entry.path, size_bytes=entry.size_bytes, modified=entry.modified.isoformat("T", "seconds"))
            for entry in found[:max_files]
        ]
        return FileList(files=files, truncated=len(found) > max_files)

    return list_files


def read_file(workspace: Workspace) -> FunctionTool[Any, FileText]:
    """Return the tool ``read_file`` on a workspace."""

    @tool(effects="none", kind="builtin", reads=("file:{path}",), timeout_s=30.0, expected_s=0.01)
    def read_file(path: str, first_line: Lines = 1, max_lines: Lines | None = None) -> FileText:
        """Read the text of a file in the workspace.

        Args:
            path: Path of the file, relative to the workspace, such as notes/todo.txt.
            first_line: Number of the first line to return, from 1.
            max_lines: Most lines to return; all of them when left out.

        Returns:
            The text, and whether the file holds more.
        """
        data, more = _read(workspace, path, MOST_READ_BYTES)
        lines = _decode(path, data, whole=not more).splitlines(keepends=True)
        end = len(lines) if max_lines is None else first_line - 1 + max_lines
        chosen = lines[first_line - 1 : end]
        return FileText(path=path, text="".join(chosen), lines=len(chosen), truncated=more or end < len(lines))

    return read_file


def search_files(workspace: Workspace) -> FunctionTool[Any, Matches]:
    """Return the tool ``search_files`` on a workspace."""

    @tool(effects="none", kind="builtin", reads=("file:*",), timeout_s=60.0, expected_s=0.05)
    def search_files(
        text: Annotated[str, Field(min_length=1, max_length=1_000)],
        folder: str = ".",
        pattern: str = "*",
        max_matches: Items = 100,
    ) -> Matches:
        """Search the text files of the workspace for a word or phrase and return the lines that hold it.

        Args:
            text: Word or phrase to find; upper and lower case are the same.
            folder: Folder to search, with its subfolders, relative to the workspace.
            pattern: Which file names to search, such as *.md.
            max_matches: Most lines to return.

        Returns:
            The lines that hold the text, with file and line number.
        """
        found = Matches(matches=[], files_searched=0, skipped=[], truncated=False)
        for entry in islice(workspace.files(folder, pattern), MOST_FILES):
            try:
                data, more = _read(workspace, entry.path, MOST_SEARCHED_BYTES)
                content = _decode(entry.path, data, whole=not more)
            except ToolFailedError:
                found["skipped"].append(entry.path)
                continue
            found["files_searched"] += 1
            if more:
                found["skipped"].append(entry.path)
            for match in _matches(entry.path, content, text.casefold()):
                if len(found["matches"]) == max_matches:
                    found["truncated"] = True
                    return found
                found["matches"].append(match)
        return found

    return search_files


def write_file(workspace: Workspace) -> FunctionTool[Any, Written]:
    """Return the tool ``write_file`` on a workspace."""

    @tool(effects="effectful", kind="builtin", writes=("file:{path}",), approval="always", timeout_s=30.0)
    def write_file(path: str, text: str, mode: Literal["create", "overwrite", "append"] = "create") -> Written:
        """Write text to a file in the workspace: save a report, a note or a result.

        Args:
            path: Path of the file to write, relative to the workspace, such as reports/summary.md.
            text: The text to write.
            mode: create refuses a file that is there with other text, overwrite replaces it, append adds to its end.

        Returns:
            The path and the size of the file.
        """
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise ToolArgumentsError("text: it is not valid Unicode (half a surrogate pair)") from None
        if len(data) > MOST_WRITTEN_BYTES:
            raise ToolArgumentsError(f"text: {len(data)} bytes are more than the {MOST_WRITTEN_BYTES} allowed")
        *folders, name = split(path)
        with workspace.open_folder("/".join(folders) or ".", create=True) as folder:
            if is_link(folder, name):
                raise ToolArgumentsError(f"'{path}' goes through the link '{name}'", hint="links are not followed")
            try:
                changed = _append(folder, name, data) if mode == "append" else _replace(folder, name, data, mode)
            except FileExistsError:
                raise ToolFailedError(
                    f"'{path}' is already there with other text", hint="use another name, or mode overwrite"
                ) from None
            except IsADirectoryError:
                raise ToolFailedError(f"'{path}' is a folder", hint="name a file") from None
            size = os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
        return Written(path=path, size_bytes=size, changed=changed)

    return write_file


def _read(workspace: Workspace, path: str, most: int) -> tuple[bytes, bool]:
    """The file's first bytes, and whether there are more."""
    with workspace.open_read(path) as file, os.fdopen(file, "rb", closefd=False) as stream:
        data = stream.read(most + 1)
    return data[:most], len(data) > most


def _decode(path: str, data: bytes, *, whole: bool) -> str:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in data:
        raise ToolFailedError(f"'{path}' is no text file", hint="query_table reads data files (CSV, Parquet, SQLite)")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, whole)
    except UnicodeDecodeError as exc:
        raise ToolFailedError(
            f"'{path}' is not UTF-8 text (byte {exc.start}: 0x{data[exc.start]:02x})", hint="convert it to UTF-8 first"
        ) from None


def _matches(path: str, content: str, wanted: str) -> Iterator[Match]:
    for number, line in enumerate(content.splitlines(), 1):
        if wanted in line.casefold():
            yield Match(path=path, line=number, text=line.strip()[:LONGEST_LINE])


def _replace(folder: int, name: str, data: bytes, mode: str) -> bool:
    """Write all or nothing: a temporary file beside it, then one atomic step. Tell whether anything changed."""
    if _same(folder, name, data):
        return False
    temporary = f".{secrets.token_hex(8)}.tmp"
    _write(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder), data)
    try:
        if mode == "create":
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        else:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            return True
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
    os.unlink(temporary, dir_fd=folder)
    return True


def _append(folder: int, name: str, data: bytes) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    _write(os.open(name, flags, 0o666, dir_fd=folder), data)
    return bool(data)


def _same(folder: int, name: str, data: bytes) -> bool:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return False
    with os.fdopen(file, "rb") as stream:
        return stream.read(len(data) + 1) == data


def _write(file: int, data: bytes) -> None:
    with os.fdopen(file, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
