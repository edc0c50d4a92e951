"""engine keys."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.cli.keyoptions import expiry
from gateway.keys import hash_of, well_formed
from tests.cli.command import called, one_error_line


def keys(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run engine keys on a store in a folder."""
    return called("keys", *args, "--store", "runs.db", cwd=cwd)


def made(*args: str, cwd: Path) -> dict[str, Any]:
    """Make a key and return it, with its secret."""
    return json.loads(keys("create", *args, "--json", cwd=cwd).stdout)


def kept(cwd: Path) -> list[dict[str, Any]]:
    """Return every key as programs see it."""
    return json.loads(keys("list", "--all", "--json", cwd=cwd).stdout)


def test_a_secret_is_shown_once(tmp_path: Path) -> None:
    """B74: the secret alone goes to stdout, once; in the store stands only its hash."""
    done = keys("create", "my app", "--usd", "5", "--per", "day", cwd=tmp_path)
    secret = done.stdout.removesuffix("\n")
    assert (done.returncode, well_formed(secret)) == (0, True)
    assert secret not in done.stderr
    told = keys("list", cwd=tmp_path).stdout + keys("show", "my app", cwd=tmp_path).stdout + json.dumps(kept(tmp_path))
    assert "$5.00 a day" in told
    assert secret not in told
    assert hash_of(secret) not in told
    files = b"".join(path.read_bytes() for path in tmp_path.glob("runs.db*"))
    assert secret.encode() not in files
    assert hash_of(secret).encode() in files


def test_what_a_key_may_do_is_kept(tmp_path: Path) -> None:
    """Every option of a new key is in the store, and can be changed one by one without touching the rest."""
    first = made("app", "-m", "fast", "-m", "openai/*", "--scope", "usage", "--agent", "a", "--rpm", "5", cwd=tmp_path)
    assert (first["models"], first["scopes"], first["agent"]) == (["fast", "openai/*"], ["usage"], "a")
    assert keys("change", "app", "--tpm", "9", "--per", "ever", "--expires", "2099-01-31", cwd=tmp_path).returncode == 0
    (now,) = kept(tmp_path)
    assert (now["limits"]["requests_per_minute"], now["limits"]["tokens_per_minute"]) == (5, 9)
    assert (now["per"], now["models"], now["id"]) == ("", ["fast", "openai/*"], first["id"])
    assert keys("change", "app", "--expires", "never", cwd=tmp_path).returncode == 0
    assert kept(tmp_path)[0]["expires_at"] is None


def test_a_key_is_rotated(tmp_path: Path) -> None:
    """A rotated key has a new secret, and for a while its old one as well; or at once no longer."""
    old = made("app", cwd=tmp_path)
    done = keys("rotate", old["id"], "--grace", "1h", cwd=tmp_path)
    assert well_formed(done.stdout.strip())
    assert "the old secret works until" in done.stderr
    with closing(sqlite3.connect(tmp_path / "runs.db")) as db:
        row = json.loads(db.execute("SELECT body FROM api_keys").fetchone()[0])
    assert (row["hash"], row["previous_hash"]) == (hash_of(done.stdout.strip()), hash_of(old["secret"]))
    assert row["previous_until"] == pytest.approx(time.time() + 3600, abs=120)
    keys("rotate", "app", "--now", cwd=tmp_path)
    assert kept(tmp_path)[0]["previous_until"] is None


def test_a_key_is_revoked(tmp_path: Path) -> None:
    """A revoked key is listed on wish only, its name is free again, and it cannot be rotated."""
    made("app", cwd=tmp_path)
    assert keys("revoke", "app", cwd=tmp_path).stdout.startswith("revoked app (k_")
    assert "1 revoked or expired" in keys("list", cwd=tmp_path).stderr
    assert "is revoked" in one_error_line(keys("rotate", "app", cwd=tmp_path))
    assert keys("revoke", "app", cwd=tmp_path).stdout.startswith("was revoked already")
    second = made("app", cwd=tmp_path)
    assert json.loads(keys("show", "app", "--json", cwd=tmp_path).stdout)["id"] == second["id"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("show", "ap"), "did you mean app"),
        (("create", "app"), "there is an API key named 'app' already"),
        (("create", "-x\n"), "No such option"),
        (("create", "a\x1b[2J"), "is no name"),
        (("create", "b", "--expires", "yesterday"), "is no time"),
        (("create", "b", "--expires", "2020-01-01"), "is over already"),
        (("create", "b", "--usd", "-1"), "is no amount"),
        (("create", "b", "--zone", "Mars/Base"), "Mars/Base"),
        (("create", "b", "--scope", "root"), "root"),
        (("change", "app"), "say what to change"),
        (("revoke",), "KEY"),
    ],
)
def test_wrong_words_are_one_line(tmp_path: Path, args: tuple[str, ...], told: str) -> None:
    """Each mistake is one line that says what to write instead, and changes nothing."""
    made("app", cwd=tmp_path)
    done = keys(*args, cwd=tmp_path)
    assert told in one_error_line(done)
    assert len(kept(tmp_path)) == 1


def test_a_secret_on_the_command_line_is_not_repeated(tmp_path: Path) -> None:
    """B74: who names a key by a secret is told of the shell's history, and the secret is not printed again."""
    secret = made("app", cwd=tmp_path)["secret"]
    wrong = secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]
    done = keys("show", wrong, cwd=tmp_path)
    assert "history" in one_error_line(done)
    assert wrong not in done.stderr


def test_keys_in_memory_are_refused(tmp_path: Path) -> None:
    """A store that ends with the command is no place for a key."""
    assert "ends with its process" in one_error_line(called("keys", "create", "a", "--store", "memory:", cwd=tmp_path))


def test_when_a_key_expires() -> None:
    """A time from now on, a date, or never."""
    assert expiry("never") == 0.0
    assert expiry("30d") == pytest.approx(time.time() + 30 * 86_400, abs=60)
    assert expiry("2099-01-01T00:00:00+00:00") == 4_070_908_800.0
    with pytest.raises(typer.BadParameter):
        expiry("soon")
