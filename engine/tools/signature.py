"""From a Python function to the JSON Schemas of a tool: type hints and docstring in, schemas and a binder out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from engine.tools.annotations import Members, acceptable
from engine.tools.docstring import Docstring, parse_docstring
from engine.tools.values import to_json
from schemas.errors import ConfigError, ToolArgumentsError, ToolFailedError
from schemas.protocols import ToolContext

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a function before it is called.

    Attributes:
        context: Name of the parameter that takes the ToolContext, if there is one.
        positional: Names of parameters that can only be given by position.
        arguments: Takes arguments as the function's types, by name.
    """

    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    context: str | None
    positional: tuple[str, ...]
    arguments: TypeAdapter[dict[str, Any]]

    def bind(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments as the function's types, by position and by name; defaults are the function's own.

        Raises:
            ToolArgumentsError: An argument is missing, unknown or of the wrong type; names it and what was expected.
        """
        try:
            named = self.arguments.validator.validate_python(dict(arguments))  # a third of the adapter's own time
        except ValidationError as exc:
            raise _bad_arguments(self.name, exc) from None
        return [named.pop(name) for name in self.positional if name in named], named


def read_signature(function: Callable[..., Any], called: str | None = None) -> Signature:
    """Read a function's name (unless one is given), types and docstring.

    Raises:
        ConfigError: A parameter has no JSON Schema, or the function is no plain function; names both.
    """
    name: str = called or getattr(function, "__name__", type(function).__name__)
    if not _NAME.fullmatch(name):
        raise ConfigError(f"'{name}' is no name for a tool", hint="letters, digits, _ - and . ; pass name=…")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigError(f"tool '{name}' is a generator", hint="collect the items and return a list")
    text = parse_docstring(inspect.getdoc(function))
    parameters = inspect.signature(function).parameters
    hints = _type_hints(name, function)
    context: str | None = None
    types: dict[str, Any] = {}
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise ConfigError(f"tool '{name}' takes *{parameter.name}", hint="take one argument that is a list")
        if hints.get(parameter.name) is ToolContext:
            context = parameter.name
        elif parameter.kind is not parameter.VAR_KEYWORD:
            types[parameter.name] = _type(name, parameter, hints.get(parameter.name, Any), text)
    arguments = _arguments(name, types, parameters)
    return Signature(
        name=name,
        description=text.description,
        input_schema=_input_schema(arguments, parameters),
        output_schema=_output_schema(hints.get("return", Any), text),
        context=context,
        positional=tuple(p.name for p in parameters.values() if p.kind is p.POSITIONAL_ONLY and p.name != context),
        arguments=arguments,
    )


def _type_hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    target = function if hasattr(function, "__code__") or hasattr(function, "__func__") else type(function).__call__
    try:
        hints = get_type_hints(inspect.unwrap(target), include_extras=True)
        return {argument: acceptable(hint) for argument, hint in hints.items()}
    except NameError as exc:
        raise ConfigError(
            f"tool '{name}': its type hints cannot be read: {exc}",
            hint="import the name at the top of the module, outside `if TYPE_CHECKING`",
        ) from None
    except TypeError as exc:
        raise ConfigError(f"tool '{name}' cannot be read: {exc}", hint="pass a plain function") from None


def _type(tool: str, parameter: inspect.Parameter, annotation: Any, text: Docstring) -> Any:
    if isinstance(parameter.default, FieldInfo):
        raise ConfigError(
            f"tool '{tool}', argument '{parameter.name}': a Field(…) stands as its default value",
            hint=f"write {parameter.name}: Annotated[…, Field(…)]",
        )
    _check_type(tool, parameter.name, annotation)
    described = text.arguments.get(parameter.name)
    return annotation if described is None else Annotated[annotation, Field(description=described)]


def _check_type(tool: str, name: str, annotation: Any) -> None:
    try:
        TypeAdapter[Any](annotation).json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError):
        shown = getattr(annotation, "__name__", None) or str(annotation)
        raise ConfigError(
            f"tool '{tool}', argument '{name}': the type {shown} has no JSON Schema",
            hint="use text, numbers, lists, dicts, enums, dataclasses or pydantic models",
        ) from None


def _arguments(
    name: str, types: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]
) -> TypeAdapter[dict[str, Any]]:
    required = {one for one in types if parameters[one].default is inspect.Parameter.empty}
    extra = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    try:
        members = Members(types, required, extra=extra)
        config = ConfigDict(extra="allow" if extra else "forbid")  # for dataclasses among the types
        return TypeAdapter(Annotated[dict[str, Any], members], config=config)
    except (TypeError, PydanticUserError) as exc:
        raise ConfigError(f"tool '{name}': its arguments cannot be described: {exc}") from None


def _input_schema(
    arguments: TypeAdapter[dict[str, Any]], parameters: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    schema = _tidy(arguments.json_schema())
    for argument, shown in schema.setdefault("properties", {}).items():
        shown.pop("default", None)
        default = parameters[argument].default
        if default is not inspect.Parameter.empty:
            with suppress(ToolFailedError):  # one that is no JSON is still the function's default
                shown["default"] = to_json(default)
    return schema


def _output_schema(annotation: Any, text: Docstring) -> dict[str, Any] | None:
    if annotation is Any:
        return {"description": text.result} if text.result else None
    try:
        schema = _tidy(TypeAdapter[Any](annotation).json_schema(mode="serialization"))
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError):
        return None  # a result of such a type is refused when it comes, with its path
    schema = _one_type(schema)
    if text.result:
        schema.setdefault("description", text.result)
    return schema


def _one_type(schema: dict[str, Any]) -> dict[str, Any]:
    """Write a choice between plain types as one list of types, which is how a catalogue shows a result.

    >>> _one_type({"anyOf": [{"type": "integer"}, {"type": "number"}]})
    {'type': ['integer', 'number']}
    """
    choices = cast("list[dict[str, Any]]", schema.get("anyOf", []))
    if not choices or any(choice.keys() != {"type"} or not isinstance(choice["type"], str) for choice in choices):
        return schema
    return {"type": [choice["type"] for choice in choices], **{k: v for k, v in schema.items() if k != "anyOf"}}


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop titles and write definitions where they are used, but recursive ones."""
    definitions: dict[str, Any] = schema.pop("$defs", {})
    kept: dict[str, Any] = {}

    def tidy(node: Any, inside: tuple[str, ...], *, names: bool = False) -> Any:
        if isinstance(node, list):
            return [tidy(item, inside) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        source = cast("dict[str, Any]", node)
        reference = source.get("$ref")
        if isinstance(reference, str) and not names:
            return refer(reference.rpartition("/")[2], source, inside)
        return {
            key: tidy(value, inside, names=key in ("properties", "patternProperties") and not names)
            for key, value in source.items()
            if names or key != "title"
        }

    def refer(target: str, source: dict[str, Any], inside: tuple[str, ...]) -> Any:
        beside = {key: value for key, value in source.items() if key != "$ref"}
        if target not in inside:
            body = tidy(definitions[target], (*inside, target))
            if not _refers(body, target):
                return {**body, **beside}
            kept[target] = body
        return {"$ref": f"#/$defs/{target}", **beside}

    tidied = tidy(schema, ())
    return {**tidied, "$defs": kept} if kept else tidied


def _refers(node: Any, target: str) -> bool:
    if isinstance(node, list):
        return any(_refers(item, target) for item in cast("list[Any]", node))
    if not isinstance(node, dict):
        return False
    source = cast("dict[str, Any]", node)
    return source.get("$ref") == f"#/$defs/{target}" or any(_refers(item, target) for item in source.values())


def _bad_arguments(tool: str, exc: ValidationError) -> ToolArgumentsError:
    problems = [
        f"{'.'.join(str(part) for part in error['loc']) or 'input'}: {error['msg'][0].lower()}{error['msg'][1:]}"
        for error in exc.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ToolArgumentsError(
        f"tool '{tool}' cannot take these arguments: {'; '.join(problems)}", details={"problems": problems}
    )
