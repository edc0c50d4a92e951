"""Where a shared store is: its URL, read once; its name for people, which never holds the password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import ConfigError

SCHEMA = "engine"
DEFAULTS = {
    "application_name": "engine",
    "connect_timeout": "5",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # ms: a peer that vanished without a word is found out while a statement waits
}
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True, slots=True)
class Address:
    """A shared store's place.

    Attributes:
        conninfo: What libpq connects with, password included: never shown.
        schema: The Postgres schema that holds the tables; several stores may share a database.
        shown: The store as a person names it, without the password.
        host: Its host(s), ``database`` and ``user`` as given; empty where libpq's own default holds.
    """

    conninfo: str = field(repr=False)
    schema: str
    shown: str
    host: str
    database: str
    user: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, url: str) -> Address:
        """Read ``postgresql://user:password@host:port/database?schema=name&…``.

        Beside ``schema``, the parameters are libpq's; what is not given comes from its environment and files
        (PGPASSWORD, ``~/.pgpass``, ``service=``).

        Raises:
            ConfigError: The URL cannot be read, or names no fit schema. The message holds no part of it.
        """
        place, _, asked = url.partition("?")
        query = parse_qsl(asked, keep_blank_values=True)
        schema = next((value for name, value in query if name == "schema"), SCHEMA)
        if not _SCHEMA_NAME.fullmatch(schema):
            raise ConfigError(
                f"schema {schema!r} in the store's URL: small letters, digits and _ only, 51 at most",
                hint="for instance ?schema=engine_staging",
            )
        rest = urlencode([(name, value) for name, value in query if name != "schema"], quote_via=quote)
        try:
            given = conninfo_to_dict(f"{place}?{rest}" if rest else place)
        except psycopg.Error:
            raise ConfigError(  # libpq's own message would quote a part of the password
                "the store's URL cannot be read",
                hint="postgresql://user:password@host:5432/database; in a password write @ as %40, / as %2F, % as %25",
            ) from None
        text = {name: str(value) for name, value in given.items()}
        return cls(
            conninfo=make_conninfo("", **{**DEFAULTS, **text}),
            schema=schema,
            shown=_shown(text, schema),
            host=text.get("host", ""),
            database=text.get("dbname", "") or text.get("user", ""),
            user=text.get("user", ""),
            password=text.get("password", ""),
        )

    @property
    def quoted(self) -> str:
        """The schema's name as SQL."""
        return f'"{self.schema}"'

    def scrubbed(self, text: str) -> str:
        """Return a text without the password."""
        for secret in (self.password, quote(self.password, safe="")):
            if len(secret) > 2:
                text = text.replace(secret, "***")
        return text


def _shown(given: dict[str, str], schema: str) -> str:
    user = f"{given['user']}@" if given.get("user") else ""
    port = f":{given['port']}" if given.get("port") else ""
    host = given.get("host", "")
    where = f"postgresql://{user}{host}{port}/{given.get('dbname', '')}"
    return where if schema == SCHEMA else f"{where}?schema={schema}"
