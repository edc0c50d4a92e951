"""The workspace jail: files below one folder, and no way out of it.

Every part of a path is opened relative to the descriptor of the folder before it, without following links
(``O_NOFOLLOW``), so neither ``..`` nor a link, nor a folder swapped for a link in between, leads outside.
"""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path, PureWindowsPath

from schemas.errors import ConfigError, ToolArgumentsError, ToolFailedError

_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
_FOLDER = os.O_RDONLY | _DIRECTORY | _NOFOLLOW | _CLOEXEC
LONGEST_PATH = 1024
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file found below the workspace; ``path`` is relative to it, with ``/`` between its parts."""

    path: str
    size_bytes: int
    modified: datetime


class Workspace:
    """A folder and what is below it.

    Args:
        root: The folder; it may itself be reached through links.

    Raises:
        ConfigError: There is no such folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not self.root.is_dir():
            raise ConfigError(f"workspace: there is no folder {root}", hint="create it, or name another")

    @contextmanager
    def open_read(self, path: str) -> Generator[int]:
        """Open a regular file for reading and give its descriptor.

        Raises:
            ToolArgumentsError: The path leads outside, through a link, or is no path.
            ToolFailedError: There is no such file, or it is no regular file.
        """
        *folders, name = split(path)
        with self._folder(folders, path) as folder:
            try:
                # O_NONBLOCK: opening a named pipe would wait for a writer.
                file = os.open(name, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC, dir_fd=folder)
            except OSError as exc:
                raise self._refusal(exc, folder, name, path) from None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise ToolFailedError(f"'{path}' is no regular file", hint="list_files shows what can be read")
            yield file
        finally:
            os.close(file)

    @contextmanager
    def open_folder(self, path: str, *, create: bool = False) -> Generator[int]:
        """Open a folder and give its descriptor; ``""`` and ``.`` are the workspace itself.

        Raises:
            ToolArgumentsError: The path leads outside, through a link, or is no path.
            ToolFailedError: There is no such folder.
        """
        folders = [] if path in ("", ".", "./") else split(path)
        with self._folder(folders, path, create=create) as folder:
            yield folder

    def files(self, folder: str = ".", pattern: str = "*") -> Iterator[Entry]:
        """Give the regular files below a folder, by name; hidden ones and links are left out.

        Args:
            folder: Where to start.
            pattern: What the name must look like (``*.csv``); with a ``/`` in it, the whole path.

        Raises:
            ToolArgumentsError, ToolFailedError: As ``open_folder``.
        """
        prefix = "" if folder in ("", ".", "./") else "/".join(split(folder)) + "/"
        with self.open_folder(folder) as start:
            for entry in _walk(start, prefix, DEEPEST):
                if fnmatch(entry.path if "/" in pattern else entry.path.rpartition("/")[2], pattern):
                    yield entry

    @contextmanager
    def _folder(self, parts: list[str], path: str, *, create: bool = False) -> Generator[int]:
        if os.open not in os.supports_dir_fd:
            raise ToolFailedError("the file tools need a system that opens files relative to a folder (POSIX)")
        folder = os.open(self.root, os.O_RDONLY | _DIRECTORY | _CLOEXEC)
        try:
            for part in parts:
                try:
                    deeper = _enter(folder, part, create=create)
                except OSError as exc:
                    raise self._refusal(exc, folder, part, path) from None
                os.close(folder)
                folder = deeper
            yield folder
        finally:
            os.close(folder)

    def _refusal(self, exc: OSError, folder: int, name: str, path: str) -> ToolArgumentsError | ToolFailedError:
        if is_link(folder, name):
            return ToolArgumentsError(f"'{path}' goes through the link '{name}'", hint="links are not followed")
        if exc.errno == errno.ENOENT:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".")]
            near = difflib.get_close_matches(name, names, 1)
            return ToolFailedError(
                f"there is no '{path}' in the workspace",
                hint=f"did you mean '{near[0]}'?" if near else "list_files shows what is there",
            )
        return ToolFailedError(f"'{path}' cannot be opened: {os.strerror(exc.errno or 0)}")


def split(path: str) -> list[str]:
    """Return the parts of a path relative to the workspace.

    Raises:
        ToolArgumentsError: It is empty, absolute, too long, or has ``..`` or a NUL character in it.

    >>> split("./reports//2024.txt")
    ['reports', '2024.txt']
    """
    if not path or len(path) > LONGEST_PATH:
        raise ToolArgumentsError(f"a path has 1 to {LONGEST_PATH} characters, not {len(path)}")
    if not path.isprintable():
        raise ToolArgumentsError(f"the path {path!r} holds characters that cannot be printed")
    windows = PureWindowsPath(path)
    if path.startswith(("/", "\\", "~")) or windows.drive:
        raise ToolArgumentsError(f"'{path}' is not relative to the workspace", hint="write it like reports/2024.txt")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in windows.parts:  # they part at / and at \
        raise ToolArgumentsError(f"'{path}' would leave the workspace", hint="'..' is not allowed in a path")
    if not parts:
        raise ToolArgumentsError(f"'{path}' is the workspace itself", hint="name a file in it")
    return parts


def is_link(folder: int, name: str) -> bool:
    """Tell whether an entry of an open folder is a symbolic link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _enter(folder: int, part: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=folder)
    return os.open(part, _FOLDER, dir_fd=folder)


def _walk(folder: int, prefix: str, depth: int) -> Iterator[Entry]:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = prefix + entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth:
                    deeper = os.open(entry.name, _FOLDER, dir_fd=folder)
                    try:
                        yield from _walk(deeper, path + "/", depth - 1)
                    finally:
                        os.close(deeper)
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield Entry(path, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
        except OSError:
            continue  # gone, or not readable: as if it were not there
