"""Rules over the arguments of a call: ``amount_usd > 500 and currency != "EUR"``.

The syntax is that of Python's expressions, so that nobody has to learn one, read by Python's own parser; what may stand
there is a small part of it: arguments by name (``order.amount``, ``items[0].price``), numbers, texts, ``true``,
``false``, ``null``, lists, comparisons, ``in``, ``and``, ``or``, ``not``, ``+ - * / %``, and the functions of
``FUNCTIONS``. No method, no attribute of an object of Python's, no power, nothing that grows without bound.

It is strict, because a rule guards something: an argument that is missing, a text where a number is compared, a number
that is not finite, more than ``MOST_OPERATIONS`` operations raise ``RuleError`` instead of giving false.

Why no library: of those for CEL one brings 50 MB, one imports for half a second, one refuses to compare 900 with 500.5,
and none bounds nested comprehensions; JMESPath gives null, which counts as false, where types do not fit; evaluators of
Python itself see a dictionary's method where an argument has a field ``items``.
"""

from __future__ import annotations

import ast
import difflib
import json
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

LONGEST = 1_000
MOST_OPERATIONS = 20_000
FUNCTIONS = ("has", "len", "lower", "starts_with", "ends_with", "any", "all", "sum")
_DEEPEST = 40
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_Operation = Callable[[Any, Any], Any]
_ARITHMETIC: Mapping[type[ast.operator], _Operation] = {
    ast.Add: cast("_Operation", operator.add),
    ast.Sub: cast("_Operation", operator.sub),
    ast.Mult: cast("_Operation", operator.mul),
    ast.Div: cast("_Operation", operator.truediv),
    ast.Mod: cast("_Operation", operator.mod),
}
_ORDER: Mapping[type[ast.cmpop], tuple[Callable[[Any, Any], bool], str]] = {
    ast.Gt: (operator.gt, "above"),
    ast.GtE: (operator.ge, "at least"),
    ast.Lt: (operator.lt, "below"),
    ast.LtE: (operator.le, "at most"),
}
_ARITY = {"has": 1, "len": 1, "lower": 1, "starts_with": 2, "ends_with": 2, "any": 1, "all": 1, "sum": 1}
_HINTS = (("&&", "write and"), ("||", "write or"), ("=", "== compares"), ("!", "write not"), ("$", "no $ is needed"))


class RuleError(ValueError):
    """A rule is none, or does not say yes or no of these arguments."""


def parse_rule(text: str) -> ast.expr:
    """Return a rule's expression.

    Raises:
        RuleError: It is none: what is wrong, and what could stand there instead.

    >>> parse_rule("amount_usd >> 3")
    Traceback (most recent call last):
    schemas.rules.RuleError: 'amount_usd >> 3' is no rule: >> is not possible
    """
    try:
        return _parsed(text)
    except RuleError as exc:
        raise RuleError(f"{text[:80]!r} is no rule: {exc}") from None


@lru_cache(maxsize=512)
def _parsed(text: str) -> ast.expr:
    if not text.strip():
        raise RuleError("it is empty")
    if len(text) > LONGEST:
        raise RuleError(f"it is longer than {LONGEST} characters")
    try:
        found = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as exc:
        hint = next((hint for sign, hint in _HINTS if sign in text.replace("==", "").replace("!=", "")), "")
        said = exc.msg if isinstance(exc, SyntaxError) else "it cannot be read"
        raise RuleError(f"{said}{f'; {hint}' if hint else ''}") from None
    _check(found, 0)
    if isinstance(found, (ast.BinOp, ast.List)) or (isinstance(found, ast.Constant) and found.value is not True):
        raise RuleError("it says neither yes nor no")
    return found


_FREE = (ast.Name, ast.Compare, ast.BoolOp, ast.List, ast.Attribute, ast.Subscript, ast.comprehension)
_PARTS = (ast.expr_context, ast.boolop, ast.cmpop, ast.operator, ast.unaryop)


def _check(node: ast.AST, depth: int) -> None:
    """Refuse what is no part of the language.

    Raises:
        RuleError: It is none.
    """
    if depth > _DEEPEST:
        raise RuleError("it is nested too deeply")
    if isinstance(node, (ast.Is, ast.IsNot)):
        raise RuleError("is is not possible; == compares, also with null")
    if isinstance(node, ast.Call):
        _check_call(node)
    elif not _allowed(node):
        raise RuleError(f"{_sign(node)} is not possible")
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func):
            _check(child, depth + 1)


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=None | bool() | int() | float() | str()):
            return True
        case ast.UnaryOp(op=op):
            return isinstance(op, (ast.Not, ast.USub))
        case ast.BinOp(op=op):
            return type(op) in _ARITHMETIC
        case ast.GeneratorExp(generators=[ast.comprehension(target=ast.Name(), is_async=0)]):
            return True
        case _:
            return isinstance(node, _FREE + _PARTS)


def _sign(node: ast.AST) -> str:
    if isinstance(node, ast.BinOp):
        return _SIGNS.get(type(node.op), "this")
    return _SIGNS.get(type(node), ast.unparse(node)[:40] if isinstance(node, ast.expr) else "this")


_SIGNS: Mapping[type[ast.AST], str] = {
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.MatMult: "@",
    ast.Lambda: "lambda",
}


def _check_call(node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)[:40]
    if name not in FUNCTIONS:
        near = difflib.get_close_matches(name.rpartition(".")[2].lower(), FUNCTIONS, 1)
        known = f"did you mean {near[0]}(…)?" if near else f"there are {', '.join(FUNCTIONS)}"
        raise RuleError(f"there is no function {name}; {known}")
    if len(node.args) != _ARITY[name] or node.keywords:
        raise RuleError(f"{name} takes {_ARITY[name]} argument{'s' * (_ARITY[name] > 1)}")
    if name == "has" and not isinstance(node.args[0], (ast.Name, ast.Attribute, ast.Subscript)):
        raise RuleError("has takes the name of an argument")


def names_in(rule: ast.expr) -> list[str]:
    """Return the arguments that a rule speaks of, in its order, once each.

    >>> names_in(parse_rule("order.amount > limit and any(x > 3 for x in items)"))
    ['order', 'limit', 'items']
    """
    bound = {n.target.id for n in ast.walk(rule) if isinstance(n, ast.comprehension) and isinstance(n.target, ast.Name)}
    called = {id(node.func) for node in ast.walk(rule) if isinstance(node, ast.Call)}
    found = sorted(
        (node.lineno, node.col_offset, node.id)
        for node in ast.walk(rule)
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in bound and node.id not in _WORDS
    )
    return list(dict.fromkeys(name for _, _, name in found))


def rule_faults(text: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a rule, given the JSON Schema of the arguments; what the schema leaves open may be.

    >>> next(rule_faults("amount > '5'", {"properties": {"amount": {"type": "number"}}}))
    "amount is a number, and is compared with a text: '5'"
    """
    rule = parse_rule(text)
    known: Mapping[str, Any] = schema.get("properties", {})
    for name in names_in(rule) if known and schema.get("additionalProperties") is not True else ():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            yield f"there is no argument '{name}': " + (f"did you mean '{near[0]}'?" if near else ", ".join(known))
    for node in ast.walk(rule):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name):
            yield from _misfits(node.left.id, known.get(node.left.id), node)


def _misfits(name: str, declared: Any, node: ast.Compare) -> Iterator[str]:
    kind = cast("dict[str, Any]", declared).get("type") if isinstance(declared, dict) else None
    wanted = {"number": (int, float), "integer": (int, float), "string": (str,)}.get(cast("str", kind), ())
    for op, other in zip(node.ops, node.comparators, strict=True):
        if not wanted or isinstance(op, (ast.In, ast.NotIn)) or not isinstance(other, ast.Constant):
            continue
        if other.value is not None and (isinstance(other.value, bool) or not isinstance(other.value, wanted)):
            yield f"{name} is {_a(kind)}, and is compared with {_kind(other.value)}: {ast.unparse(other)}"


def _a(kind: Any) -> str:
    return "a text" if kind == "string" else "a number"


def broken_rule(text: str, arguments: Mapping[str, Any]) -> str:
    """Return why a rule holds of these arguments, in words; empty where it does not.

    Cost: O(length of the rule × length of the lists that it goes through), bounded.

    Raises:
        RuleError: It cannot be told: an argument is missing, or of another kind than the rule takes it for.

    >>> broken_rule("amount_usd > 500", {"amount_usd": 900})
    'amount_usd is 900, above 500'
    """
    rule, scope = parse_rule(text), _Scope(arguments)
    if not scope.yes(rule):
        return ""
    try:
        return _Told(scope).why(rule)
    except RuleError:
        return f"{text} holds"


class _Scope:
    """Evaluates over one call's arguments."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._names: dict[str, Any] = {**_WORDS, **arguments}
        self._left = MOST_OPERATIONS

    def yes(self, node: ast.expr) -> bool:
        """Return what is true or false.

        Raises:
            RuleError: It is neither.
        """
        found = self.value(node)
        if not isinstance(found, bool):
            raise RuleError(f"{ast.unparse(node)} is {shown(found)}, neither true nor false")
        return found

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression.

        Raises:
            RuleError: It has none.
        """
        self._left -= 1
        if self._left < 0:
            raise RuleError("it takes too many operations")
        match node:
            case ast.Constant():
                return _sane(node.value, node)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return _sane(self._found(node), node)
            case ast.List():
                return [self.value(item) for item in node.elts]
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self._joined(node)
            case ast.UnaryOp():
                return -self._number(node.operand)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.Compare():
                return self._compared(node)
            case ast.Call(func=ast.Name(id=name)):
                return self._called(name, node.args)
            case _:
                raise RuleError(f"{ast.unparse(node)} is not possible here")

    def _joined(self, node: ast.BoolOp | ast.UnaryOp) -> bool:
        """And stops at the first no; or looks at each, so that one that is unclear asks."""
        if isinstance(node, ast.UnaryOp):
            return not self.yes(node.operand)
        if isinstance(node.op, ast.And):
            return all(self.yes(part) for part in node.values)
        return True in [self.yes(part) for part in node.values]

    def _found(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                if name not in self._names:
                    raise RuleError(f"{name} is missing")
                return self._names[name]
            case ast.Attribute(value=value, attr=key):
                whole = self.value(value)
            case ast.Subscript(value=value, slice=index):
                whole, key = self.value(value), self.value(index)
            case _:
                raise RuleError(f"{ast.unparse(node)} is not possible here")
        try:
            if isinstance(whole, dict) and isinstance(key, str):
                return cast("dict[str, Any]", whole)[key]
            if isinstance(whole, (list, tuple)) and isinstance(key, int) and not isinstance(key, bool):
                return cast("list[Any]", whole)[key]
        except (KeyError, IndexError):
            pass
        raise RuleError(f"{ast.unparse(node)} is missing")

    def _number(self, node: ast.expr) -> Any:
        found = self.value(node)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise RuleError(f"{ast.unparse(node)} is {shown(found)}, no number")
        return found

    def _arithmetic(self, node: ast.BinOp) -> Any:
        left, right = self._number(node.left), self._number(node.right)
        try:
            return _sane(_ARITHMETIC[type(node.op)](left, right), node)
        except (ArithmeticError, ValueError) as exc:
            raise RuleError(f"{ast.unparse(node)}: {exc}") from None

    def _compared(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = self.value(other)
            if not _holds(op, left, right):
                return False
            left = right
        return True

    def _called(self, name: str, args: list[ast.expr]) -> Any:
        match name:
            case "has":
                return self._has(args[0])
            case "len":
                found = self.value(args[0])
                if not isinstance(found, (str, list, tuple, dict)):
                    raise RuleError(f"len: {ast.unparse(args[0])} is {shown(found)}")
                return len(cast("list[Any]", found))
            case "lower":
                return self._text(args[0]).lower()
            case "starts_with":
                return self._text(args[0]).startswith(self._text(args[1]))
            case "ends_with":
                return self._text(args[0]).endswith(self._text(args[1]))
            case "sum":
                return _sane(sum(self._numbers(args[0])), args[0])
            case _:
                found = [self._as_bool(value) for value in self._items(args[0])]
                return any(found) if name == "any" else all(found)

    def _has(self, node: ast.expr) -> bool:
        try:
            return self.value(node) is not None
        except RuleError:
            return False

    def _text(self, node: ast.expr) -> str:
        found = self.value(node)
        if not isinstance(found, str):
            raise RuleError(f"{ast.unparse(node)} is {shown(found)}, no text")
        return found

    def _items(self, node: ast.expr) -> list[Any]:
        """The values of a list, or what is said of each of its items."""
        if not isinstance(node, ast.GeneratorExp):
            found = self.value(node)
            if not isinstance(found, (list, tuple)):
                raise RuleError(f"{ast.unparse(node)} is {shown(found)}, no list")
            return list(cast("list[Any]", found))
        loop = node.generators[0]
        name = cast("ast.Name", loop.target).id
        before, items = dict(self._names), self._items(loop.iter)
        values: list[Any] = []
        for item in items:
            self._names[name] = item
            if all(self.yes(test) for test in loop.ifs):
                values.append(self.value(node.elt))
        self._names = before
        return values

    def _numbers(self, node: ast.expr) -> list[Any]:
        values = self._items(node)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise RuleError(f"{ast.unparse(node)} holds {shown(value)}, no number")
        return values

    def _as_bool(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise RuleError(f"{shown(value)} is neither true nor false")
        return value


def _sane(value: Any, node: ast.expr) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise RuleError(f"{ast.unparse(node)} is no finite number")
    return value


def _holds(op: ast.cmpop, left: Any, right: Any) -> bool:
    match op:
        case ast.Eq():
            return _equal(left, right)
        case ast.NotEq():
            return not _equal(left, right)
        case ast.In():
            return _within(left, right)
        case ast.NotIn():
            return not _within(left, right)
        case _:
            if _kind(left) != _kind(right) or _kind(left) not in ("a number", "a text"):
                sides = " and ".join(f"{shown(side)} ({_kind(side)})" for side in (left, right))
                raise RuleError(f"{sides} cannot be compared")
            return _ORDER[type(op)][0](left, right)


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if _kind(left) != _kind(right):
        raise RuleError(f"{shown(left)} is {_kind(left)}, and {shown(right)} is {_kind(right)}")
    return bool(left == right)


def _within(part: Any, whole: Any) -> bool:
    if isinstance(whole, str) and isinstance(part, str):
        return part in whole
    if isinstance(whole, dict) and isinstance(part, str):
        return part in cast("dict[str, Any]", whole)
    if isinstance(whole, (list, tuple)):
        return True in [_equal(part, item) for item in cast("list[Any]", whole)]
    raise RuleError(f"{shown(whole)} cannot hold {shown(part)}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    kinds: tuple[tuple[Any, str], ...] = (
        ((int, float), "a number"),
        (str, "a text"),
        ((list, tuple), "a list"),
        (dict, "an object"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "null")


def shown(value: Any) -> str:
    """Return a value for people, short."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


class _Told:
    """Says in words why a rule holds.

    Args:
        scope: Evaluates its parts.
    """

    def __init__(self, scope: _Scope) -> None:
        self._scope = scope

    def why(self, node: ast.expr) -> str:
        """Return the words."""
        match node:
            case ast.BoolOp(op=op):
                told = [self.why(part) for part in node.values if self._scope.yes(part)]
                return (" and " if isinstance(op, ast.And) else "; ").join(dict.fromkeys(told))
            case ast.Compare(ops=[op], comparators=[other]) if _plain(node.left):
                return self._comparison(ast.unparse(node.left), self._scope.value(node.left), op, other)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return f"{ast.unparse(node)} is true"
            case _:
                return self._listed(node)

    def _comparison(self, name: str, value: Any, op: ast.cmpop, other: ast.expr) -> str:
        bound = self._scope.value(other)
        against = shown(bound)
        if not isinstance(other, (ast.Constant, ast.List)):
            against = f"{ast.unparse(other)} ({against})"
        match op:
            case ast.Eq():
                return f"{name} is {shown(value)}"
            case ast.NotEq():
                return f"{name} is {shown(value)}, not {against}"
            case ast.In():
                return f"{name} is {shown(value)}, in {against}"
            case ast.NotIn():
                return f"{name} is {shown(value)}, not in {against}"
            case _:
                return f"{name} is {shown(value)}, {_ORDER[type(op)][1]} {against}"

    def _listed(self, node: ast.expr) -> str:
        """The rule, and what the arguments are that it speaks of."""
        given: list[str] = []
        for name in names_in(node):
            found = ast.Name(name, ast.Load())
            try:
                given.append(f"{name} is {shown(self._scope.value(found))}")
            except RuleError:
                given.append(f"{name} is missing")
        return f"{ast.unparse(node)}" + (f" ({', '.join(given)})" if given else "")


def _plain(node: ast.expr) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call))
