"""A part of somebody else's configuration: nothing in it goes unseen."""

from __future__ import annotations

from engine.config.plano.section import Findings, Section
from engine.config.reader import Reader


def _section(text: str, **environ: str) -> Section:
    reader = Reader("f.yaml")
    return Section(reader.read(text), (), Findings(reader, environ))


def test_what_nobody_takes_is_named() -> None:
    """Every key that was not asked for is named with its line when the part is closed."""
    section = _section("a: 1\nb: 2\nc: 3")
    assert section.number("b") == 2
    section.close()
    assert section.found.notes == [
        (1, "f.yaml:1: a: is not known here, and not honoured"),
        (3, "f.yaml:3: c: is not known here, and not honoured"),
    ]


def test_variables_are_looked_up() -> None:
    """Variables inside a text are looked up now, a secret that is nothing else only when it is used."""
    section = _section(
        "url: http://$HOST:${PORT}/x\nkey: $KEY\nhalf: Bearer ${KEY}\nprice: 5$", HOST="h", PORT="1", KEY="k"
    )
    assert section.text("url") == "http://h:1/x"
    assert (section.secret("key"), section.secret("half"), section.text("price")) == ("$KEY", "Bearer k", "5$")
    assert section.found.notes == []


def test_a_variable_that_is_not_set_is_named() -> None:
    """It stays as it is written, as it does there."""
    section = _section("url: http://$HOST/")
    assert section.text("url") == "http://$HOST/"
    assert "the environment variable HOST is not set" in section.found.notes[0][1]


def test_durations_are_read() -> None:
    """Durations have Plano's units."""
    section = _section("a: 30s\nb: 1.5m\nc: 200ms\nd: 7")
    assert [section.seconds(key) for key in "abcd"] == [30.0, 90.0, 0.2, 7.0]
