"""``calculate``: arithmetic on a safe expression, exact where numbers allow it.

Decimals are computed as fractions, so 0.1 + 0.2 is 0.3; only roots, logarithms and the like are floats. Sizes are
capped before anything is computed, so no expression can hold the process up.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Callable
from difflib import get_close_matches
from fractions import Fraction
from typing import Annotated, Any, cast

from pydantic import Field

from engine.tools.builtin.functions import FUNCTIONS, OVER_LISTS, Number, capped, power, refuse
from engine.tools.function import tool
from schemas.errors import ToolArgumentsError

LONGEST = 20_000  # characters
DEEPEST = 100  # brackets inside brackets, signs before signs
_CONSTANTS: dict[str, Any] = {"pi": math.pi, "e": math.e, "tau": math.tau, "true": True, "false": False}
_SYMBOLS = str.maketrans(
    {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "√": "sqrt", "^": "**"} | dict.fromkeys("$€£¥₩")
)
_NUMBER = r"(?:\d[\d_]*(?:\.\d*)?|\.\d+)"
_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_PERCENT_OF = re.compile(rf"(?P<number>{_NUMBER})\s*%\s*of\b|\)\s*%\s*of\b", re.I)
_ADDED_PERCENT = re.compile(rf"(?P<left>{_NUMBER}|[\w)])\s*[-+]\s*{_NUMBER}\s*%\s*(?:$|[-+)\],])")
_FACTORIAL = re.compile(r"(?<![\w.])(\d{1,4})!(?!=)")
_ENDLESS = re.compile(r"\d{3001}")
_PERCENT = re.compile(rf"(?P<number>{_NUMBER})(?:%(?=\s*[-+])|\s*%(?=\s*(?:$|[),*/\]<>=!])))|\)\s*%(?=\s*(?:$|[),*/]))")
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: lambda a, b: a % b,
    ast.Pow: power,
}
_COMPARISON: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


@tool(effects="none", kind="builtin", expected_s=0.001)
async def calculate(expression: Annotated[str, Field(min_length=1, max_length=LONGEST)]) -> int | float | bool:
    """Calculate an arithmetic expression: add, subtract, multiply, divide, powers, percent, sums, means, comparisons.

    Args:
        expression: The arithmetic to calculate, such as (3 + 4) * 2, 17% of 240, 1,250 / 5, sqrt(2), round(7.456, 1),
            mean(3, 5, 10), max([4, 9]) or 2 * 3 > 5.

    Returns:
        The number, or true or false for a comparison.
    """
    return evaluate(expression)


def evaluate(expression: str) -> int | float | bool:
    """Return the value of an expression.

    Raises:
        ToolArgumentsError: It is no arithmetic, divides by zero, or its result is too large; says what is wrong.

    >>> evaluate("17% of 240"), evaluate("0.1 + 0.2"), evaluate("1,250 / 5")
    (40.8, 0.3, 250)
    """
    text = _plain(expression)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return _shown(_value(tree))
    except SyntaxError as exc:
        raise refuse(
            f"cannot read '{_short(expression)}' ({exc.msg})", "write plain arithmetic, such as 3 * (4 + 5)"
        ) from None
    except ZeroDivisionError:
        raise refuse(f"'{_short(expression)}' divides by zero") from None
    except OverflowError:
        raise refuse("the result is too large") from None
    except (RecursionError, MemoryError):
        raise refuse("it is nested too deeply") from None
    except ToolArgumentsError:
        raise
    except (ValueError, TypeError) as exc:
        raise refuse(f"'{_short(expression)}' has no value ({exc})") from None


def _plain(expression: str) -> str:
    """The expression as Python would write it: percent, thousands separators and typographic signs replaced."""
    text = " ".join(unicodedata.normalize("NFKC", expression.translate(_SYMBOLS)).split()).rstrip("=? ")
    if len(text) > LONGEST:
        raise refuse(f"it has more than {LONGEST} characters")
    if _ENDLESS.search(text):
        raise refuse("a number in it has more than 3,000 digits")
    text = _FACTORIAL.sub(r"factorial(\1)", _without_thousands(text))
    added = _ADDED_PERCENT.search(text)
    if added and added["left"] != "1":  # 1 + 15% is 1.15 either way
        raise refuse(
            f"'{added[0].strip()}' can be read in two ways",
            "write 200 * (1 + 15%) to add 15 percent of the amount, or 200 + 0.15",
        )
    text = _PERCENT_OF.sub(lambda m: f"({m['number']}/100)*" if m["number"] else ")/100*", text)
    return _PERCENT.sub(lambda m: f"({m['number']}/100)" if m["number"] else ")/100", text)


def _without_thousands(text: str) -> str:
    """Drop the commas of 1,234 outside lists and function calls, where a comma separates arguments."""
    separating: list[bool] = []
    kept: list[str] = []
    start = 0
    for index, sign in enumerate(text):
        if sign not in "()[]":
            continue
        if sign in "([":
            if not any(separating):
                kept.append(_THOUSANDS.sub(lambda m: m[0].replace(",", ""), text[start:index]))
                start = index
            separating.append(sign == "[" or text[:index].rstrip()[-1:].isalnum())
            if len(separating) > DEEPEST:
                raise refuse(f"more than {DEEPEST} brackets inside each other")
        elif separating and separating.pop() and not any(separating):
            kept.append(_with_separators(text[start:index]))
            start = index
    rest = text[start:]
    kept.append(rest if any(separating) else _THOUSANDS.sub(lambda m: m[0].replace(",", ""), rest))
    return "".join(kept)


def _with_separators(text: str) -> str:
    """Arguments or a list: refuse one that separates by ", " and also holds something like 1,234."""
    if ", " in text and re.search(r"\d,\d{3}(?!\d)", text):
        raise refuse(f"'{_short(text)})' can be read in two ways", "inside brackets write 1234, not 1,234")
    return text


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() as value):
            return value
        case ast.Constant(value=int() | float() as value):
            return capped(Fraction(repr(value)) if math.isfinite(value) else value)
        case ast.Name(id=name):
            return _constant(name)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            number = _number(operand)
            return -number if isinstance(sign, ast.USub) else number
        case ast.BinOp():
            return _chain(node)
        case ast.Compare():
            return _compare(node)
        case ast.Call():
            return _call(node)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_number(item) for item in items]
        case _:
            raise refuse(f"'{_short(ast.unparse(node))}' is no arithmetic")


def _constant(name: str) -> Any:
    if name.lower() in _CONSTANTS:
        return _CONSTANTS[name.lower()]
    raise refuse(f"'{name}' is no number", "give the number itself, or refer to the step that yields it")


def _number(node: ast.expr) -> Number:
    value = _value(node)
    if isinstance(value, (bool, list)):
        raise refuse(f"'{_short(ast.unparse(node))}' is no number")
    return cast("Number", value)


def _chain(node: ast.BinOp) -> Number:
    """Fold a + b + c …: without recursion to the left, so that a thousand terms are no depth."""
    rest: list[tuple[ast.operator, ast.expr]] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        rest.append((left.op, left.right))
        left = left.left
    value = _number(left)
    for operator, right in reversed(rest):
        apply = _ARITHMETIC.get(type(operator))
        if apply is None:
            raise refuse(f"'{type(operator).__name__}' is no arithmetic operator")
        value = capped(apply(value, _number(right)))
    return value


def _compare(node: ast.Compare) -> bool:
    values = [_number(item) for item in (node.left, *node.comparators)]
    for operator, left, right in zip(node.ops, values, values[1:], strict=False):
        apply = _COMPARISON.get(type(operator))
        if apply is None:
            raise refuse("only == != < <= > >= compare")
        if not apply(left, right):
            return False
    return True


def _call(node: ast.Call) -> Number:
    name = node.func.id.lower() if isinstance(node.func, ast.Name) else ""
    if node.keywords or not name:
        raise refuse(f"'{_short(ast.unparse(node))}' is no function of arithmetic")
    if name in OVER_LISTS:
        values = _listed(node.args)
        if not values:
            raise refuse(f"{name} of nothing")
        return capped(OVER_LISTS[name](values))
    if name not in FUNCTIONS:
        near = get_close_matches(name, [*FUNCTIONS, *OVER_LISTS], 1)
        known = ", ".join(sorted([*FUNCTIONS, *OVER_LISTS]))
        raise refuse(f"there is no function '{name}'", f"did you mean '{near[0]}'?" if near else f"there are {known}")
    function, fewest, most = FUNCTIONS[name]
    if not fewest <= len(node.args) <= most:
        takes = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise refuse(
            f"{name} takes {takes} numbers, not {len(node.args)}",
            "inside a function a comma separates numbers: write 1234, not 1,234",
        )
    return capped(function(*(_number(item) for item in node.args)))


def _listed(arguments: list[ast.expr]) -> list[Number]:
    if len(arguments) == 1 and isinstance(arguments[0], (ast.List, ast.Tuple)):
        arguments = arguments[0].elts
    return [_number(item) for item in arguments]


def _shown(value: Any) -> int | float | bool:
    if isinstance(value, list):
        raise refuse("a list has no single value", "apply sum, mean, min or max to it")
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
