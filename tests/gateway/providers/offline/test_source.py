"""What the offline model's own source may not hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import gateway.providers.offline

FOLDER = Path(gateway.providers.offline.__file__).parent
DOMAIN = (
    "route",
    "sms",
    "ticker",
    "stock",
    "invoice",
    "lyrics",
    "recipe",
    "movie",
    "restaurant",
    "barcode",
    "salary",
    "mortgage",
)


def test_no_word_of_a_domain() -> None:
    """The rules are general language: no word of a tool's domain stands in them."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    assert not [word for word in DOMAIN if re.search(rf"\b{word}s?\b", source, re.IGNORECASE)]


def test_no_name_of_a_data_set_s_tool(bench_data: Path) -> None:
    """No tool name of the public data set stands in the source."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    tools = json.loads((bench_data / "nestful_glaive_tools.json").read_text(encoding="utf-8"))
    assert not [tool["name"] for tool in tools if tool["name"] in source]
