"""Type hints as pydantic takes them: ``typing.TypedDict``, which it refuses before Python 3.12, is rewritten."""

from __future__ import annotations

import types
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
        return Annotated[dict[str, Any], _Fields(annotation)]
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


class _Fields:
    """The schema of one TypedDict, field by field."""

    def __init__(self, cls: Any) -> None:
        self._cls = cls
        self._hints = {name: acceptable(_bare(hint)) for name, hint in get_type_hints(cls, include_extras=True).items()}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        required = cast("frozenset[str]", self._cls.__required_keys__)
        return {
            "type": "typed-dict",
            "cls": self._cls,
            "extra_behavior": "forbid",
            "fields": {
                name: {
                    "type": "typed-dict-field",
                    "schema": handler.generate_schema(hint),
                    "required": name in required,
                }
                for name, hint in self._hints.items()
            },
        }


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint
