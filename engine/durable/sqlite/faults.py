"""What can be wrong with the file, each in one line that says what to do.

Source: https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from schemas.errors import StoreError

_SMALL_BYTES = 1_000_000


def store_error(exc: sqlite3.Error | OSError, path: Path) -> StoreError:
    """Return the error to raise for what SQLite or the operating system said.

    ``details["retryable"]`` tells what may pass by itself (a full disk, a lock) from what will not.
    """
    code = _code(exc)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_space(path)):
        return _error(path, "cannot be written: the disk is full", "free some space; nothing is lost", retryable=True)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        hint = "another program holds it (a shell, a backup?); close that one"
        return _error(path, "is locked by another process", hint, retryable=True)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _error(path, "is read-only", "make it and its folder writable, or name another file by store:")
    if code == sqlite3.SQLITE_CANTOPEN:
        return _error(path, "cannot be opened", "its folder must exist and be writable; name another file by store:")
    if code == sqlite3.SQLITE_NOTADB:
        return _error(path, "is no store: not an SQLite database", "name another file by store:")
    if code == sqlite3.SQLITE_CORRUPT:
        hint = "engine store check says where; go back to a backup, or name another file by store:"
        return _error(path, "is damaged", hint)
    return _error(path, f"cannot be used: {exc}", "", retryable=code == sqlite3.SQLITE_NOMEM)


def folder_error(path: Path) -> StoreError:
    """Return the error for a folder where a file is expected."""
    return _error(path, "is a folder", f"name a file in it, such as {path / 'runs.db'}")


def foreign_error(path: Path) -> StoreError:
    """Return the error for somebody else's database."""
    return _error(path, "is an SQLite database of another program", "name another file by store:")


def newer_error(path: Path, found: int, known: int) -> StoreError:
    """Return the error for a file of a later release."""
    what = f"was written by a newer release (schema {found}; this one reads up to {known})"
    return _error(path, what, "upgrade, or name another file by store:", schema_version=found)


def older_error(path: Path, found: int, known: int) -> StoreError:
    """Return the error for a file of an earlier release where nobody wants it migrated."""
    what = f"was written by an older release (schema {found}; this one reads {known})"
    return _error(path, what, "engine store migrate brings it up to date", schema_version=found)


def moved_error(path: Path) -> StoreError:
    """Return the error for a file that is no longer the one that was opened."""
    hint = "what was acknowledged before is in the file that was moved away: put it back, or start anew"
    return _error(path, "was removed or replaced while it was in use", hint)


def copy_error(target: Path) -> StoreError:
    """Return the error for a backup onto a file that is there."""
    return StoreError(f"{target} is there already", hint="name a new file: a backup never writes over one")


def is_busy(exc: sqlite3.Error) -> bool:
    """Whether somebody else holds the file at the moment."""
    return _primary(exc) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(exc: sqlite3.Error | OSError) -> int:
    if isinstance(exc, OSError):
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return sqlite3.SQLITE_FULL
        return sqlite3.SQLITE_READONLY if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM) else 0
    return _primary(exc)


def _primary(exc: sqlite3.Error) -> int:
    """The primary result code: extended ones hold it in their low byte."""
    return (getattr(exc, "sqlite_errorcode", None) or 0) & 0xFF


def _error(path: Path, what: str, hint: str, *, retryable: bool = False, **details: object) -> StoreError:
    found = {"path": str(path), "retryable": retryable, **details}
    return StoreError(f"the store {path} {what}", hint=hint, details=found)


def _no_space(path: Path) -> bool:
    """Whether the disk that holds the file is as good as full: SQLite then says "I/O error" for some writes."""
    try:
        found = os.statvfs(path.parent)
    except (OSError, AttributeError):  # Windows has no statvfs
        return False
    return found.f_bavail * found.f_frsize < _SMALL_BYTES
