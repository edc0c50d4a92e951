"""Tools read back out of schemas."""

from __future__ import annotations

from tests.gateway.providers.offline.asking import NUMBER, Offered, offered, text


def test_reads_all_of_a_tool() -> None:
    """Name, description, arguments, enums, examples, what is optional and what comes back."""
    tool = Offered(
        "go",
        "Goes somewhere.",
        {"place": text("Where to"), "how": text("How (e.g. walking, driving)"), "n": {"type": "integer", "maximum": 9}},
        ["place"],
        {"km": NUMBER},
    )
    (read,) = offered([tool])
    assert (read.name, read.description, read.bare) == ("go", "Goes somewhere.", True)
    assert [(a.name, a.kind, a.required) for a in read.arguments] == [
        ("place", "string", True),
        ("how", "string", False),
        ("n", "integer", False),
    ]
    assert read.arguments[1].hints == ("walking", "driving")
    assert [(part.name, part.kind) for part in read.returns] == [("km", "number")]
