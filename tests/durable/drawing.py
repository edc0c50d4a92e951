"""Any event, drawn from the types of its fields: what a test of every kind needs, a new kind included."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import reject
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
ODD_TEXT = st.text(max_size=4) | st.sampled_from(["\ud800", "\x00", "null"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | ODD_TEXT, inner, max_size=3),
    max_leaves=6,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
    Any: JSON,
}


def records(model: type[Any]) -> st.SearchStrategy[Any]:
    """A record of this class; each field either left to its default or drawn."""
    fields: Mapping[str, Any] = model.model_fields
    needed = {name: of(field.annotation) for name, field in fields.items() if field.is_required()}
    others = {name: of(field.annotation) for name, field in fields.items() if not field.is_required()}
    return st.fixed_dictionaries(needed, optional=others).map(lambda values: _made(model, values))


def _made(model: type[Any], values: dict[str, Any]) -> Any:
    try:
        return model(**values)
    except ValidationError:  # a bound that stands in no type
        reject()


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return of(args[0])
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of([of(arg) for arg in args])
    if origin is tuple:
        return st.lists(of(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(of(args[0]), of(args[1]), max_size=2)
    if origin is list:
        return st.lists(of(args[0]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return st.deferred(lambda: records(kind))
    return PLAIN[kind]
