"""A copy of a shared store, by Postgres' own tool: it knows how to copy a database while others write."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import anyio
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.durable.postgres.address import Address
from schemas.errors import StoreError

PROGRAM = "pg_dump"


async def dump(address: Address, path: str) -> int:
    """Write the store's schema to a new file in pg_dump's custom format, and return its bytes.

    The password goes by the environment: it stands in no list of processes. What breaks off leaves no file.

    Raises:
        StoreError: There is a file of that name, no pg_dump, or it failed; the message is its own.
    """
    target = Path(path)
    if target.exists():
        raise StoreError(f"{path} is there already", hint="name a new file: a backup never writes over one")
    program = shutil.which(PROGRAM)
    if program is None:
        raise _missing(address, path)
    unfinished = target.with_name(f"{target.name}.part")
    given = {name: value for name, value in conninfo_to_dict(address.conninfo).items() if name != "password"}
    command = [program, f"--schema={address.schema}", "--format=custom", f"--file={unfinished}", "--no-password"]
    secret = {"PGPASSWORD": address.password} if address.password else {}
    try:
        done = await anyio.run_process(
            [*command, f"--dbname={make_conninfo('', **given)}"], env={**os.environ, **secret}, check=False
        )
        if done.returncode:
            lines = address.scrubbed(done.stderr.decode(errors="replace")).split("\n")
            told = " ".join(lines[0].removeprefix("pg_dump: error: ").split()) or f"exit code {done.returncode}"
            raise StoreError(f"{PROGRAM} could not copy {address.shown}: {told}", details={"retryable": False})
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _missing(address: Address, path: str) -> StoreError:
    """Say what somebody may do elsewhere."""
    url = address.shown.split("?", 1)[0]
    command = f"{PROGRAM} --schema={address.schema} --format=custom --file={shlex.quote(path)} {shlex.quote(url)}"
    return StoreError(
        f"{path}: {PROGRAM} is not on the PATH, and only it copies a Postgres store",
        hint=f"where it is: {command} (while others go on writing; bring it back with pg_restore)",
        details={"retryable": False},
    )
