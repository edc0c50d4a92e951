"""What an exported script runs on: asyncio and the standard library, nothing of the engine.

``engine.script`` copies the text below the first line of dashes into each script; it must stay self-contained.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import sys
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

YES, NO, COMMA, ABSENT = "yes", "no", ", ", "—"

# ---------------------------------------------------------------------------------------------------------------------

SKIPPED: Any = object()
"""What a skipped step leaves: every reference to it is None."""


class SkippedError(Exception):
    """Raised in a step whose condition does not hold."""


class Step(NamedTuple):
    """A step's function, the steps whose results it uses, and those it only comes after."""

    run: Callable[[Run], Awaitable[Any]]
    needs: Sequence[str] = ()
    after: Sequence[str] = ()
    critical: bool = True


class Run:
    """What came of the steps so far: ``run["1"]`` is the result of step 1."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def __getitem__(self, step: str) -> Any:
        return SKIPPED if step in self.skipped else self.results[step]


async def execute(steps: Mapping[str, Step]) -> Run:
    """Run each step as soon as the steps it needs have ended; a failure stops only what needs it."""
    run = Run()
    ended = {name: asyncio.Event() for name in steps}

    async def one(name: str, step: Step) -> None:
        for other in (*step.needs, *step.after):
            await ended[other].wait()
        try:
            lost = [other for other in step.needs if other in run.failed or other in blocked]
            if lost:
                blocked.add(name)
                run.skipped[name] = f"it needs step {lost[0]}, which did not succeed"
            elif step.needs and all(other in run.skipped for other in step.needs):
                run.skipped[name] = "everything it needs was skipped"
            else:
                run.results[name] = await step.run(run)
        except SkippedError:
            run.skipped[name] = "its condition does not hold"
        except Exception as exc:
            run.failed[name] = f"{type(exc).__name__}: {exc}"
        finally:
            ended[name].set()

    blocked: set[str] = set()
    await asyncio.gather(*(one(name, step) for name, step in steps.items()))
    return run


async def call(tool: Callable[..., Any], /, **arguments: Any) -> Any:
    """Call a function, in a thread so that a blocking one holds nobody up, and return its result as plain data."""
    hints: dict[str, Any] = typing.get_type_hints(getattr(tool, "function", tool))
    for name, value in arguments.items():
        if hints.get(name) is float and type(value) is int:
            arguments[name] = float(value)
    value = await asyncio.to_thread(tool, **arguments)
    return plain(await value if inspect.isawaitable(value) else value)


async def for_each(items: Any, most: int, act: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    """Do the same for every item, side by side; the results come in the order of the items.

    Raises:
        TypeError, ValueError: It is no list, or too long a one.
    """
    if not isinstance(items, (list, tuple)):
        raise TypeError(f"foreach takes a list, not {type(items).__name__}")
    listed = cast("Sequence[Any]", items)
    if len(listed) > most:
        raise ValueError(f"foreach gives {len(listed)} items, at most {most} are allowed")
    return list(await asyncio.gather(*(act(item) for item in listed)))


def dig(value: Any, *path: str | int) -> Any:
    """Return what stands at a path inside a result.

    Raises:
        KeyError, TypeError: Nothing does.
    """
    if value is SKIPPED:
        return None
    for part in path:
        found: Any = value
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            if str(part) not in members:
                raise KeyError(f"there is no {part!r}; keys there: {', '.join(members)}")
            value = members[str(part)]
        elif isinstance(value, list) and isinstance(part, int):
            value = cast("list[Any]", value)[part]
        else:
            raise TypeError(f"there is no {part!r} in a {kind(found)}")
    return value


def kind(value: object) -> str:
    """Return the name of a value's type."""
    return type(value).__name__


def there(found: Callable[[], Any], value: Any, *, null_counts: bool = True) -> bool:
    """Whether a path is there in a result."""
    try:
        return value is not SKIPPED and (found() is not None or null_counts)
    except Exception:
        return False


def holds(value: Any, op: str, to: Any) -> bool:
    """Compare as a plan's condition does: true is no 1, and only like is ordered.

    Raises:
        TypeError: The two cannot be compared.
    """
    if op in ("eq", "ne"):
        return (isinstance(value, bool) is isinstance(to, bool) and value == to) is (op == "eq")
    if op in ("in", "contains"):
        whole, part = (to, value) if op == "in" else (value, to)
        if isinstance(whole, list):
            return any(holds(item, "eq", part) for item in cast("list[Any]", whole))
        if isinstance(whole, (dict, str)) and isinstance(part, str):
            return part in whole
        raise TypeError(f"{op} takes a list, an object or a text, and for the last two a text")
    numbers = all(isinstance(side, (int, float)) and not isinstance(side, bool) for side in (value, to))
    if not numbers and not (isinstance(value, str) and isinstance(to, str)):
        raise TypeError(f"{value!r} and {to!r} cannot be compared with {op}")
    return {"lt": value < to, "le": value <= to, "gt": value > to, "ge": value >= to}[op]


def worded(value: Any) -> Any:
    """Return a value for an argument that takes text."""
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def joined(*parts: Any) -> str:
    """Return text with values in it."""
    return "".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts)


def fill_in(what: str) -> Any:
    """Stand for a value that the plan leaves to a model. Raises NotImplementedError."""
    raise NotImplementedError(f"{what}: write it into the script")


def plain(value: Any) -> Any:
    """Return a result as JSON data."""
    made: Any = value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in cast("Iterable[Any]", value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(made, "model_dump"):
        return made.model_dump(mode="json", by_alias=True)
    if made is None or isinstance(made, (str, int, float)):
        return made
    return made.isoformat() if hasattr(made, "isoformat") else str(made)


def shown(value: Any, inner: bool = False) -> str:
    """Return a value as it stands in a sentence of the answer."""
    if _has_parts(value):
        if isinstance(value, dict):
            text = COMMA.join(f"{key}: {shown(item, True)}" for key, item in cast("dict[str, Any]", value).items())
        else:
            text = COMMA.join(shown(item, True) for item in cast("list[Any]", value))
        return f"({text})" if inner else text
    if value is None or value in ({}, []):
        return ABSENT
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e21 else f"{value:.15g}"
    return str(value)


def listed(value: Any, depth: int = 0) -> str:
    """Return a value as it stands on lines of its own in the answer: nested parts as bullets."""
    if not _has_parts(value) or depth >= 4 or _short(value):
        return shown(value)
    if isinstance(value, dict):
        items = [(f"- {key}:", item, False) for key, item in cast("dict[str, Any]", value).items()]
    else:
        items = [("-", item, _flat(item)) for item in cast("list[Any]", value)]
    return "\n".join(f"{'  ' * depth}{head}{_below(item, depth, flat)}" for head, item, flat in items)


def _below(value: Any, depth: int, flat: bool) -> str:
    if _has_parts(value) and not flat and not _short(value):
        return "\n" + listed(value, depth + 1)
    return " " + shown(value)


def _flat(value: Any) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    parts: list[Any] = list(cast("Any", value).values() if isinstance(value, dict) else cast("list[Any]", value))
    return bool(parts) and not any(_has_parts(part) for part in parts)


def _has_parts(value: Any) -> bool:
    return isinstance(value, (dict, list)) and len(cast("list[Any]", value)) > 0


def _short(value: Any) -> bool:
    if not _flat(value):
        return False
    return len(cast("dict[str, Any]", value)) == 1 if isinstance(value, dict) else len(shown(value)) <= 80


def main(steps: Mapping[str, Step], answer: Callable[[Run], str] | None) -> int:
    """Run the plan and print its answer, or every result; ``--json`` prints all of it as JSON."""
    run = asyncio.run(execute(steps))
    lost = [name for name in run.failed if steps[name].critical]
    text = answer(run) if answer is not None and not lost else None
    if "--json" in sys.argv[1:]:
        found = {"answer": text, "results": run.results, "skipped": run.skipped, "failed": run.failed}
        print(json.dumps(found, ensure_ascii=False))
    elif text is not None:
        print(text)
    else:
        print(json.dumps(run.results, ensure_ascii=False, indent=2))
    for name, why in run.failed.items():
        print(f"step {name} failed: {why}", file=sys.stderr)
    return 1 if lost else 0
