"""What Postgres says when it fails, in one line each: what, where, what to do, and whether it may pass by itself."""

from __future__ import annotations

import psycopg

from engine.durable.postgres.address import Address
from schemas.errors import StoreError, described

# SQLSTATE classes and codes of trouble that may pass: connections, resources, rollbacks, an operator at work, I/O.
# Source: PostgreSQL documentation, appendix "PostgreSQL Error Codes".
_PASSING = ("08", "40", "53", "57", "58", "55P03", "25006")
# A refused connection carries no SQLSTATE, only the server's words.
_SOON = ("starting up", "shutting down", "in recovery", "too many c", "connection slots", "not yet accepting")
_POOLER = ("26000", "42P05", "08P01")


def passing(exc: psycopg.Error) -> bool:
    """Whether trying again later may help."""
    if exc.sqlstate is not None:
        return exc.sqlstate.startswith(_PASSING) and exc.sqlstate not in _POOLER
    if not isinstance(exc, psycopg.OperationalError):
        return False
    text = str(exc)
    return "FATAL" not in text or any(word in text for word in _SOON)


def fault(exc: psycopg.Error, address: Address) -> StoreError:
    """Return the error to raise; its ``details`` say ``retryable`` and hold the ``sqlstate``. No password is in it."""
    told, hint = _told(exc, address)
    details = {"retryable": passing(exc), "sqlstate": exc.sqlstate, "store": address.shown}
    return StoreError(told, hint=hint, details=details)


def _told(exc: psycopg.Error, address: Address) -> tuple[str, str]:
    store, line = f"the store {address.shown}", address.scrubbed(_line(exc))
    match exc.sqlstate:
        case None:
            return _refused(address.scrubbed(str(exc)), address)
        case "53100":
            return f"the disk of {store} is full: nothing was written", "free space on the server; runs go on then"
        case "57014":
            return f"{store} broke a statement off: it took too long", "is the server overloaded, or a table locked?"
        case "57P01" | "57P02":
            return f"{store} was stopped: {line}", "runs go on when it is back"
        case "55P03":
            return f"{store} is blocked: another session holds a lock", "see pg_stat_activity and pg_locks"
        case "42P01" | "42703" | "3F000":
            return f"{store} has no tables, or those of an older release: {line}", "engine store migrate brings it up"
        case "42501":
            return f"{store}: {line}", f"grant user {address.user!r} the right, or give the store another user"
        case "26000" | "42P05" | "08P01":
            return f"{store} stands behind a pooler in transaction mode", "use session mode, or the server itself"
        case _:
            return f"{store} failed: {line}", ""


def _refused(text: str, address: Address) -> tuple[str, str]:
    """Words of a connection that was refused or lost."""
    store, line, user = f"the store {address.shown}", _last(text), address.user or "this account"
    credentials = "give user and password in its URL, PGPASSWORD or ~/.pgpass"
    known = (
        (("no password supplied",), f"{store} needs a password for user {user!r}", credentials),
        (("password authentication failed",), f"{store} refuses the password of user {user!r}", credentials),
        (
            ("database", "does not exist"),
            f"{store}: there is no database {address.database!r}",
            f"create it: createdb {address.database}",
        ),
        (("role", "does not exist"), f"{store}: there is no user {user!r}", f"create it: createuser {user}"),
        (
            ("no pg_hba.conf entry",),
            f"{store} lets nobody in from this machine: {line}",
            "add a line to the server's pg_hba.conf",
        ),
        (("too many c",), *_crowded(store)),
        (("connection slots",), *_crowded(store)),
        *(((word,), f"{store} is not ready: {line}", "it is starting or stopping; try again soon") for word in _SOON),
    )
    for words, told, hint in known:
        if all(word in text for word in words):
            return told, hint
    return f"{store} cannot be reached: {line}", "is Postgres running there, and open to this machine?"


def _crowded(store: str) -> tuple[str, str]:
    return f"{store} takes no more connections", "raise max_connections, or run fewer workers"


def _line(exc: psycopg.Error) -> str:
    primary = exc.diag.message_primary
    return primary if primary else described(exc)


def _last(text: str) -> str:
    """The cause in libpq's words, without the address before it and the advice after it."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("DETAIL", "HINT"))]
    causes = [line for line in lines if "failed: " in line or "FATAL:" in line]
    line = (causes[-1:] or lines[:1] or ["no answer"])[0]
    return " ".join(line.rsplit("failed: ", 1)[-1].replace("FATAL:", "").split())
