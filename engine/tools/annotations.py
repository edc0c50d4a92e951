"""Type hints as pydantic takes them: ``typing.TypedDict``, which it refuses before Python 3.12, is rewritten."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import GetCoreSchemaHandler


def acceptable(annotation: Any) -> Any:
    """Return the annotation with each TypedDict in it replaced by what pydantic can read on every Python.

    Raises:
        NameError: A TypedDict names a type that cannot be found.
    """
    if is_typeddict(annotation):
        return Annotated[dict[str, Any], _members(annotation)]
    arguments = get_args(annotation)
    if not arguments:
        return annotation
    origin = get_origin(annotation)
    if origin is Annotated:
        return Annotated[(acceptable(arguments[0]), *annotation.__metadata__)]
    changed = tuple(acceptable(argument) for argument in arguments)
    if changed == arguments:
        return annotation
    if origin in (Union, types.UnionType):
        return cast("Any", Union)[changed]
    return origin[changed]


class Members:
    """Annotates a ``dict`` whose members have names and types: a TypedDict, or the arguments of a function.

    Args:
        hints: The members' types, by name.
        required: Those that must be there.
        extra: Whether others may be there too, of any type.
        cls: The TypedDict it stands for.
    """

    def __init__(
        self, hints: Mapping[str, Any], required: Collection[str], *, extra: bool = False, cls: Any = None
    ) -> None:
        self._hints, self._required, self._extra, self._cls = hints, required, extra, cls

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return {
            "type": "typed-dict",
            "cls": self._cls,
            "extra_behavior": "allow" if self._extra else "forbid",
            "fields": {
                name: {
                    "type": "typed-dict-field",
                    "schema": handler.generate_schema(hint),
                    "required": name in self._required,
                }
                for name, hint in self._hints.items()
            },
        }


def _members(cls: Any) -> Members:
    """Read the members of a TypedDict."""
    hints = get_type_hints(cls, include_extras=True)
    required = {name for name, hint in hints.items() if _is_required(cls, name, hint)}
    return Members({name: acceptable(_bare(hint)) for name, hint in hints.items()}, required, cls=cls)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    """Read off the hint itself where it says so: ``__required_keys__`` is wrong when hints are written as text."""
    origin = get_origin(hint)
    return origin is Required or (origin is not NotRequired and name in cls.__required_keys__)
