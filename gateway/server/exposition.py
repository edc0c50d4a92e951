"""Numbers as Prometheus reads them.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Histogram:
    """Observations by size.

    Attributes:
        bounds: Upper bounds, ascending; the last bucket has none.
        counts: Observations in each bucket alone, one more than bounds.
        total: Their sum.
    """

    bounds: Sequence[float]
    counts: list[int]
    total: float = 0.0

    def add(self, other: Histogram) -> None:
        """Add another one with the same bounds."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


@dataclass(slots=True)
class Family:
    """One metric with all its labelled values.

    Attributes:
        kind: ``counter`` names end in ``_total``.
        values: By labels; adding to one that is there adds up.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    values: dict[Labels, float | Histogram] = field(default_factory=dict[Labels, "float | Histogram"])

    def add(self, labels: Mapping[str, str], value: float | Histogram) -> None:
        """Add to the value with these labels."""
        key = tuple(labels.items())
        known = self.values.get(key)
        if isinstance(value, Histogram):
            if not isinstance(known, Histogram):
                known = self.values[key] = Histogram(value.bounds, [0] * len(value.counts))
            known.add(value)
        else:
            self.values[key] = value + (known if isinstance(known, (int, float)) else 0.0)


def exposition(families: Iterable[Family]) -> bytes:
    """Return the text of all families that have a value."""
    return "".join(line for family in families if family.values for line in _lines(family)).encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help, quotes=False)}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for labels, value in family.values.items():
        if not isinstance(value, Histogram):
            yield f"{family.name}{_labels(labels)} {_number(value)}\n"
            continue
        below = 0
        for bound, count in zip((*map(_number, value.bounds), "+Inf"), value.counts, strict=True):
            below += count
            yield f"{family.name}_bucket{_labels((*labels, ('le', bound)))} {below}\n"
        yield f"{family.name}_sum{_labels(labels)} {_number(value.total)}\n"
        yield f"{family.name}_count{_labels(labels)} {below}\n"


def _labels(labels: Labels) -> str:
    written = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{written}}}" if written else ""


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
