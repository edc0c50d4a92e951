"""A clause and a tool while the clause's values are given to the tool's arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.providers.offline.affinity import suits_field
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.dates import read_clock
from gateway.providers.offline.forms import coerce
from gateway.providers.offline.references import Link
from gateway.providers.offline.values import Mention


@dataclass(slots=True)
class Filled:
    """What a clause says about one call.

    Attributes:
        values: Arguments by name; references are ``{{id.path}}`` texts.
        missing: Required arguments that nothing in the clause fits.
        repeats: Further argument sets, when a list stood where one value belongs.
        used: Share (0–1) of the clause's values that found a place.
        links: What the references mean, by argument.
        spans: The places of the clause that were used.
        typed: How many required arguments hold a value the text spells out (no phrase, no reference).
        first: A call of the same tool that has to go first, and the argument its result is for.
        shaped: Whether the clause has the very shape of what the tool is for.
    """

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    missing: tuple[str, ...] = ()
    repeats: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    used: float = 1.0
    links: dict[str, Link] = field(default_factory=dict[str, Link])
    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    typed: int = 0
    first: tuple[dict[str, Any], str] | None = None
    shaped: bool = False

    def fit(self, tool: OfferedTool) -> float:
        """Return the share (0–1) of the tool's required arguments that have a value; 1 when it needs none."""
        return 1 - len(self.missing) / len(tool.required) if tool.required else 1.0


@dataclass(slots=True)
class Work:
    """One clause and one tool while its values are given out."""

    text: str
    tool: OfferedTool
    free: list[Mention]
    all: list[Mention]
    filled: Filled
    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def take(self, argument: Argument, mention: Mention) -> None:
        """Give a mention to an argument."""
        if mention.kind == "ref":
            link = best_link(argument, mention.value, self.filled.values.values())
            if link.earlier.reference(link.part) in self.filled.values.values():
                return
            self.filled.values[argument.name] = link.earlier.reference(link.part)
            self.filled.links[argument.name] = link
        else:
            self.filled.values[argument.name] = self._moment(argument, mention) or coerce(argument, mention)
        self.free.remove(mention)
        self.spans.append((mention.start, mention.end))

    def open(self) -> list[Argument]:
        """Return the arguments without a value."""
        return [argument for argument in self.tool.arguments if argument.name not in self.filled.values]

    def drop(self, start: int, end: int) -> None:
        """Leave no value free that stands in a place which was used."""
        self.free[:] = [mention for mention in self.free if not start <= mention.start < end]

    def _moment(self, argument: Argument, mention: Mention) -> str | None:
        """Complete a time of day by the clause's one date, where the argument wants both."""
        days = [one.value[:10] for one in self.all if one.kind == "date"]
        if (
            mention.kind != "time"
            or len(days) != 1
            or not ("YYYY" in argument.description and "HH" in argument.description)
        ):
            return None
        return f"{days[0]} {read_clock(mention.value)}"


def best_link(argument: Argument, links: Sequence[Link], used: Iterable[Any] = ()) -> Link:
    """Return the meaning of a cue that suits an argument best; one that is used already only when no other is near."""
    gone = [value for value in used if isinstance(value, str)]

    def worth(link: Link) -> float:
        again = 0.5 if link.earlier.reference(link.part) in gone else 0.0
        return link.strength + suits_field(argument, link.part) - again

    return max(links, key=worth)
