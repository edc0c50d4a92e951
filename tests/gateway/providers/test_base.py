"""What all providers do alike."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.providers import make_provider
from gateway.providers.base import Secrets, one_line, retry_after_s, split_data_url, tool_call
from schemas.errors import ConfigError, ModelRequestError
from schemas.settings import ModelProvider, ModelSettings

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def secrets(api_key: str | None, **environ: str) -> Secrets:
    """Secrets of a provider called p."""
    return Secrets(ModelProvider(name="p", kind="openai", api_key=api_key), environ)


@pytest.mark.parametrize("written", ["$KEY", "${KEY}", " $KEY "])
def test_a_key_may_be_the_name_of_a_variable(written: str) -> None:
    """$NAME and ${NAME} are looked up, and stray white space around the value is not sent."""
    assert secrets(written, KEY=" abc\n").api_key(None) == "abc"


def test_a_key_may_be_written_out() -> None:
    """What is no reference is the key itself."""
    assert secrets("abc$def").api_key(None) == "abc$def"


def test_a_key_not_configured_falls_back_to_the_default() -> None:
    """The official service's variable is used only where the caller names it."""
    assert (secrets(None, K="x").api_key("$K"), secrets(None, K="x").api_key(None)) == ("x", None)


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": "  "}])
def test_a_missing_or_empty_variable_is_named(environ: dict[str, str]) -> None:
    """An unset, empty or blank variable is one configuration error that names it."""
    with pytest.raises(ConfigError, match="'p': the environment variable KEY is not set"):
        secrets("$KEY", **environ).api_key(None)


@pytest.mark.parametrize("value", ["gehäim", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(value: str) -> None:
    """A key with a line break or an umlaut in it is a clear error, and stays secret in it."""
    with pytest.raises(ConfigError, match="HTTP header") as caught:
        secrets("$KEY", KEY=value).api_key(None)
    assert value not in str(caught.value.to_info())


def test_headers_may_be_names_of_variables() -> None:
    """A secret header is looked up like a key."""
    provider = ModelProvider(name="p", kind="openai", headers={"x-a": "$A", "x-b": "plain"})
    assert Secrets(provider, {"A": "1"}).headers() == {"x-a": "1", "x-b": "plain"}


def test_secrets_are_never_shown() -> None:
    """The representation names the provider only."""
    assert repr(secrets("very-secret")) == "Secrets('p')"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "30", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds and HTTP dates are understood; nonsense is as if nothing were said."""
    assert retry_after_s(headers, NOW) == expected


@pytest.mark.parametrize("raw", ["", "  ", "{}"])
def test_no_argument_text_is_a_call_without_arguments(raw: str) -> None:
    """A model that calls a function without parameters often writes nothing."""
    call = tool_call("c", "now", raw)
    assert (call.arguments, call.valid) == ({}, True)


@pytest.mark.parametrize("raw", ["[1]", '"x"', '{"a": ', "null", "[" * 100_000])
def test_argument_text_that_is_no_object_is_kept_and_marked(raw: str) -> None:
    """What isn't a JSON object is handed on as written, marked invalid."""
    call = tool_call("c", "now", raw)
    assert (call.arguments, call.valid, call.raw) == ({}, False, raw)


def test_a_data_url_is_taken_apart() -> None:
    """Media type and payload; parameters of the media type are skipped."""
    assert split_data_url("data:image/svg+xml;charset=utf-8;base64,PHN2Zz4=") == ("image/svg+xml", "PHN2Zz4=")
    assert split_data_url("https://example.org/a.png") is None


@pytest.mark.parametrize("url", ["data:image/png,abc", "data:;base64,abc", "data:"])
def test_a_data_url_without_base64_or_type_is_refused(url: str) -> None:
    """An image no provider would take is refused before anything is sent."""
    with pytest.raises(ModelRequestError, match="image"):
        split_data_url(url)


def test_what_a_provider_says_is_cut_to_one_line() -> None:
    """Line breaks become spaces and long text is cut."""
    assert one_line("a\n  b\tc", 10) == "a b c"
    assert one_line("x" * 20, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("kind", "dialect", "tier"), [("anthropic", "anthropic", "schema"), ("openai", "openai", "schema")]
)
def test_each_kind_has_its_dialect_and_tier(kind: str, dialect: str, tier: str) -> None:
    """Dialect and tier follow from the kind; a model's configured tier wins."""
    models = (ModelSettings(name="small", plan_tier="text"),)
    provider = make_provider(ModelProvider.model_validate({"name": "p", "kind": kind, "models": models}), {})
    assert (provider.name, provider.kind, provider.dialect) == ("p", kind, dialect)
    assert (provider.plan_tier("big"), provider.plan_tier("small")) == (tier, "text")
