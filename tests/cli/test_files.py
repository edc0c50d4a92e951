"""engine init and engine schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from engine.cli import main
from engine.cli.files import SchemaName, schema_text, template
from engine.config import load_settings, parse_settings
from schemas.events import LoggedEvent
from schemas.settings import Settings
from tests.sinks import story

COMMITTED = Path(__file__).parents[2] / "schemas" / "json"


@pytest.mark.parametrize("name", get_args(SchemaName))
def test_committed_schema_is_fresh(name: SchemaName) -> None:
    """schemas/json/<name>.json is what `engine schema <name>` prints (write it anew by that command)."""
    assert (COMMITTED / f"{name}.json").read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", get_args(SchemaName))
def test_schema_is_a_schema(name: SchemaName) -> None:
    """Each is a valid JSON Schema of the dialect it names."""
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))


def test_events_schema_fits_real_lines() -> None:
    """Lines of --json are valid by the events schema; one without its number, or with a wrong kind, is not."""
    validator = jsonschema.Draft202012Validator(json.loads(schema_text("events")))
    lines = [record.to_json() for record in story.comparison()]
    assert [line for line in lines if not validator.is_valid(line)] == []
    assert not validator.is_valid({key: value for key, value in lines[0].items() if key != "seq"})
    assert not validator.is_valid({**lines[0], "kind": "nothing"})


def test_events_schema_holds_every_kind() -> None:
    """No kind of event is missing from the schema."""
    mapping = json.loads(schema_text("events"))["discriminator"]["mapping"]
    assert len(mapping) == len(get_args(get_args(LoggedEvent)[0]))


def test_plan_schema_takes_integer_ids() -> None:
    """Plan files may write ids as integers."""
    plan = {"steps": [{"id": 1, "tool": "a"}, {"id": 2, "tool": "b", "depends_on": [1]}]}
    jsonschema.validate(plan, json.loads(schema_text("plan")))


def test_init_writes_a_file_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """engine init writes an engine.yaml that loads; a second one is refused, --force replaces it."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert load_settings(None, {"OPENAI_API_KEY": "k"}).source == "engine.yaml"
    assert main(["init"]) == 3
    assert main(["init", "--force"]) == 0


def test_init_shows_the_defaults() -> None:
    """What the template sets are the defaults, so writing it changes nothing."""
    found = parse_settings(template())
    assert found.model_copy(update={"tools": ()}) == Settings()


def test_every_comment_is_valid_too() -> None:
    """The template with its comments taken away at the examples loads as well: no example is misspelt."""
    lines = [_uncommented(line) for line in template().splitlines()]
    found: Any = yaml.safe_load("\n".join(lines))
    assert {"model_providers", "roles", "workspace"} <= set(found)
    settings = parse_settings("\n".join(lines))
    assert settings.model_providers[1].models[0].name == "qwen3:8b"
    assert settings.tools[1].python == "my_tools:search"


def _uncommented(line: str) -> str:
    """Take the comment sign from a line that is an example: one with a key or a list entry after it."""
    head, sign, rest = line.partition("# ")
    is_example = (
        sign
        and not head.strip()
        and (":" in rest or rest.lstrip().startswith("-"))
        and (rest[0] in " -" or rest[0].islower())
    )
    words = rest.partition(":")[0].strip().lstrip("- ").split()
    return head + rest if is_example and len(words) == 1 else line


def test_schema_command(capsys: pytest.CaptureFixture[str]) -> None:
    """engine schema prints nothing but the schema."""
    assert main(["schema", "plan"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Plan"
