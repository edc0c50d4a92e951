"""engine.yaml, the environment, and the errors of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import LoadedSettings, load_settings, parse_settings, resolve_secret, settings_from
from schemas.errors import ConfigError
from schemas.settings import ToolSettings

KEY = {"ANTHROPIC_API_KEY": "k"}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> str:
    """Write a file into the current folder and return its name."""
    Path(name).write_text(text, encoding="utf-8")
    return name


def error_of(text: str) -> ConfigError:
    """Return the error a text gives."""
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    return caught.value


def test_explicit_path_wins() -> None:
    """An explicit path is read, whatever else is there."""
    write("engine.yaml", "workspace: here")
    write("env.yaml", "workspace: env")
    found = load_settings(write("other.yaml", "workspace: other"), {"ENGINE_CONFIG": "env.yaml", **KEY})
    assert (found.settings.workspace, found.source) == ("other", "other.yaml")


def test_variable_wins_over_the_folder() -> None:
    """ENGINE_CONFIG is read before ./engine.yaml."""
    write("engine.yaml", "workspace: here")
    found = load_settings(None, {"ENGINE_CONFIG": write("env.yaml", "workspace: env"), **KEY})
    assert found.settings.workspace == "env"


def test_file_of_the_folder() -> None:
    """Without either, ./engine.yaml is read, and its folder is the one paths are relative to."""
    write("engine.yaml", "workspace: here")
    found = load_settings(None, KEY)
    assert (found.settings.workspace, found.folder) == ("here", Path.cwd())


def test_missing_file_names_who_named_it() -> None:
    """A missing file is an error that says that ENGINE_CONFIG named it."""
    with pytest.raises(ConfigError, match=r"gone\.yaml.*ENGINE_CONFIG.*no such file"):
        load_settings(None, {"ENGINE_CONFIG": "gone.yaml"})


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"workspace: \xe9"])
def test_not_utf8(content: bytes) -> None:
    """A file in another encoding is one clear error."""
    Path("engine.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(None, {})


def test_folder_instead_of_file() -> None:
    """A folder given as configuration is one clear error."""
    with pytest.raises(ConfigError, match="is a folder"):
        load_settings(".", {})


def test_empty_file_is_all_defaults() -> None:
    """A file that says nothing gives the defaults and every built-in tool."""
    write("engine.yaml", "# nothing\n")
    assert load_settings(None, KEY).settings.tools == (ToolSettings(builtin="all"),)


def test_no_tools_means_none() -> None:
    """An explicit empty list of tools stays empty."""
    write("engine.yaml", "tools: []")
    assert load_settings(None, KEY).settings.tools == ()


def test_misspelt_key_names_the_nearest() -> None:
    """A misspelt key gives file, line, key path and the nearest word."""
    error = error_of("roles:\n  planer: x\n")
    assert error.message == "engine.yaml:2: roles.planer: unknown key"
    assert "did you mean 'planner'?" in error.hint


def test_off_needs_no_quotes() -> None:
    """``off``, which YAML reads as false, is the word that the documentation shows."""
    assert parse_settings("judge: {expected_output: off}").judge.expected_output == "off"


def test_misspelt_key_of_an_mcp_server() -> None:
    """Where a value may be text or keys, a misspelt key is named itself, once."""
    error = error_of("tools:\n  - mcp:\n      comand: x\n")
    assert error.message.startswith("engine.yaml:3: tools[0].mcp.comand: unknown key")
    assert "did you mean 'command'?" in error.hint


def test_misspelt_key_inside_a_list() -> None:
    """The nearest word is found inside list entries too."""
    error = error_of("tools:\n  - builtin: all\n    efects: none\n")
    assert error.message == "engine.yaml:3: tools[0].efects: unknown key"
    assert "did you mean 'effects'?" in error.hint


def test_wrong_word_names_the_possible_ones() -> None:
    """A word that is not possible gives the possible ones, the nearest first."""
    error = error_of("model_providers:\n  - name: a\n    kind: antropic\n")
    assert error.message == 'engine.yaml:3: model_providers[0].kind: "antropic" is not possible'
    assert error.hint == "did you mean 'anthropic'? possible here: anthropic, openai, offline"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limits:\n  max_steps: 0", "engine.yaml:2: limits.max_steps: expected at least 1, not 0"),
        ("limits:\n  max_steps: many", 'engine.yaml:2: limits.max_steps: expected a whole number, not "many"'),
        ("budget: {run_usd: -1}", "engine.yaml:1: budget.run_usd: expected at least 0, not -1"),
        ("telemetry: []", "engine.yaml:1: telemetry: expected keys and values, not a list"),
        ("roles:\n  planner: 3", "engine.yaml:2: roles.planner: expected text or a list, not 3"),
        ("tools: all", 'engine.yaml:1: tools: expected a list, not "all"'),
        ("model_providers:\n  - name: x", "engine.yaml:2: model_providers[0].kind: missing"),
        ("- 1", "engine.yaml:1: expected keys and values at the top, not a list"),
    ],
)
def test_wrong_values(text: str, expected: str) -> None:
    """A wrong value gives its place and what was expected."""
    assert error_of(text).message == expected


def test_every_error_is_listed() -> None:
    """Several errors are all listed, in the order of the file; the first is the message."""
    error = error_of("limits:\n  max_steps: 0\n  max_replans: -1\nwrkspace: x\n")
    assert [problem.split(": ")[1] for problem in error.details["problems"]] == [
        "limits.max_steps",
        "limits.max_replans",
        "wrkspace",
    ]
    assert "2 more" in error.hint


def test_secret_is_not_shown() -> None:
    """An API key of the wrong type is not repeated in the error."""
    error = error_of("model_providers:\n  - {name: a, kind: openai, api_key: 1234567}")
    assert "1234567" not in str(error.details) + error.message + error.hint


def test_tool_from_nowhere_and_from_two_places() -> None:
    """A tool comes from exactly one place."""
    error = error_of("tools:\n  - effects: none\n  - {builtin: calculate, python: 'a:b'}\n")
    assert error.message == "engine.yaml:2: tools[0]: says not where the tool is from"
    assert "engine.yaml:3: tools[1]: has python and builtin" in error.details["problems"][1]


def test_provider_name_twice() -> None:
    """Two providers of one name are an error."""
    error = error_of("model_providers:\n  - {name: a, kind: openai}\n  - {name: a, kind: openai}\n")
    assert error.message == "engine.yaml:3: model_providers[1].name: 'a' is taken"


def test_located_adds_file_and_line() -> None:
    """An error about a key that is found later still gets file and line."""
    write("engine.yaml", "workspace: .\ntools:\n  - python: 'a:b'\n")
    found = load_settings(None, KEY)
    error = found.located(ConfigError("tools[0].python: no module a", hint="h"))
    assert (error.message, error.hint) == ("engine.yaml:3: tools[0].python: no module a", "h")


def test_located_leaves_other_errors() -> None:
    """An error about nothing in the file is left as it is."""
    error = ConfigError("something else: is wrong")
    assert load_settings(None, KEY).located(error) is error


def test_file_without_providers_takes_the_environment() -> None:
    """A file that names no provider takes the environment's and says so."""
    write("engine.yaml", "limits: {max_steps: 3}")
    found = load_settings(None, KEY)
    assert found.settings.model_providers[0].name == "anthropic"
    assert "from the environment" in found.notice


def test_file_with_providers_says_nothing() -> None:
    """A file that names its providers is taken at its word, and roles come from their first models."""
    write("engine.yaml", "model_providers:\n  - {name: a, kind: openai, base_url: 'http://h/v1', models: [{name: m}]}")
    found: LoadedSettings = load_settings(None, KEY)
    assert (found.notice, found.settings.roles.planner) == ("", ("a/m",))


def test_secret_is_looked_up_when_used() -> None:
    """$NAME and ${NAME} are looked up; other text is itself."""
    environ = {"KEY": "abc"}
    assert [resolve_secret(v, environ) for v in ("$KEY", "${KEY}", "a$KEY", None)] == ["abc", "abc", "a$KEY", None]


def test_missing_secret_is_an_error_when_used() -> None:
    """A variable that is not set is an error only when the secret is used."""
    settings = parse_settings("model_providers: [{name: a, kind: openai, api_key: $GONE}]")
    with pytest.raises(ConfigError, match="GONE is not set"):
        resolve_secret(settings.model_providers[0].api_key, {})


def test_mapping_is_checked_like_a_file() -> None:
    """A program's mapping is completed and checked like a file, only without lines."""
    assert settings_from({"tools": []}, KEY).settings.model_providers[0].name == "anthropic"
    with pytest.raises(ConfigError) as caught:
        settings_from({"limits": {"max_stepps": 1}}, KEY)
    assert caught.value.message == "config: limits.max_stepps: unknown key"


@pytest.mark.parametrize("key", ["statistics", "plan_cache"])
@pytest.mark.parametrize("value", ["maybe", "kept.jsonl"])
def test_what_is_learned_is_kept_or_not(key: str, value: str) -> None:
    """Statistics and plans live in the store: a file of one's own, or a misspelt true, is an error."""
    with pytest.raises(ConfigError, match=f"{key}: "):
        parse_settings(f"{key}: {value}")
    assert parse_settings(f"{key}: true")


@pytest.mark.parametrize(
    ("spending", "said"),
    [
        ("{argument: amount}", "expected one of per_call, per_day and per_key at least"),
        ("{argument: amount, per_day: 1, time_zone: Europe/Berln}", "expected a time zone such as UTC"),
        ("{argument: amount, per_dya: 1}", "per_dya"),
        ("{argument: amount, per_day: -1}", "per_day"),
        ("{argument: amount, per_day: .inf}", "per_day"),
        ("{per_day: 1}", "argument"),
    ],
)
def test_spending_limits_that_limit_nothing(spending: str, said: str) -> None:
    """A limit that is misspelt, or limits nothing, is an error of the configuration, not of the first call."""
    with pytest.raises(ConfigError) as caught:
        parse_settings(f'tools: [{{python: "a:b", spending: {spending}}}]')
    assert said in str(caught.value)
