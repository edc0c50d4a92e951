"""Where a shared store is."""

from __future__ import annotations

import pytest

from engine.durable.postgres.address import Address
from schemas.errors import ConfigError


def test_the_password_is_not_shown() -> None:
    """Neither the name for people nor the representation holds the password; the connection does."""
    address = Address.read("postgresql://ann:p%40ss%2Fword@db.example:6432/runs?sslmode=require")
    assert address.shown == "postgresql://ann@db.example:6432/runs"
    assert "p@ss/word" not in repr(address)
    assert "p@ss/word" in address.conninfo
    assert address.scrubbed("x p@ss/word p%40ss%2Fword y") == "x *** *** y"


def test_the_schema_is_a_parameter() -> None:
    """One database holds several stores, told apart by ``?schema=``, which the server never sees."""
    address = Address.read("postgresql://h/d?schema=engine_staging&connect_timeout=9")
    assert (address.schema, address.quoted) == ("engine_staging", '"engine_staging"')
    assert address.shown.endswith("?schema=engine_staging")
    assert "schema=" not in address.conninfo
    assert "connect_timeout=9" in address.conninfo


def test_what_is_given_stands() -> None:
    """Our own settings of a connection give way to the URL's."""
    assert "application_name=engine" in Address.read("postgresql:///d").conninfo
    assert "application_name=mine" in Address.read("postgresql:///d?application_name=mine").conninfo


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cr%t@h/d",
        "postgresql://ann:s3cr@h:port/d?nonsense=s3cr",
        "postgresql://ann:s3cr@[::1/d",
        "postgresql://h/d?schema=x%22;",
    ],
)
def test_a_url_that_cannot_be_read(url: str) -> None:
    """A URL that cannot be read is one line that does not repeat the password in it."""
    with pytest.raises(ConfigError) as caught:
        Address.read(url)
    assert "\n" not in caught.value.message
    assert "s3cr" not in caught.value.message + caught.value.hint
    assert caught.value.__cause__ is None
