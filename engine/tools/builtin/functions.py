"""Numbers and functions of ``calculate``: fractions as long as they are exact, floats after that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

from schemas.errors import ToolArgumentsError

Number = Fraction | float
LARGEST_BITS = 10_000  # of an exact number: 3,000 digits
LARGEST_FACTORIAL = 1_000


def refuse(message: str, hint: str = "") -> ToolArgumentsError:
    """Return the error for an expression that cannot be computed."""
    return ToolArgumentsError(f"expression: {message}", hint=hint)


def capped(value: Number) -> Number:
    """Return the number; a fraction with too many digits becomes a float.

    Raises:
        ToolArgumentsError: It is too large, or no number.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise refuse("the result is too large or no number")
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= LARGEST_BITS:
        return value
    if value.denominator == 1:
        raise refuse("the result has more than 3,000 digits")
    return float(value)


def power(base: Number, exponent: Number) -> Number:
    """Return ``base ** exponent``, its size checked before it is computed.

    Raises:
        ToolArgumentsError: The result is too large, or no real number.
    """
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(abs(base.numerator).bit_length(), base.denominator.bit_length())
        if base in (0, 1, -1) or (bits - 1) * abs(exponent.numerator) <= LARGEST_BITS:
            return _as_number(base**exponent.numerator)
        if base.denominator == 1 and exponent > 0:
            raise refuse("the result has more than 3,000 digits")
    result = float(base) ** float(exponent)
    return _as_number(result)


def _as_number(value: object) -> Number:
    if isinstance(value, (Fraction, float)):
        return value
    raise refuse("the result is no real number")


def _sqrt(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if Fraction(top * top, bottom * bottom) == value:
            return Fraction(top, bottom)
    return math.sqrt(value)


def _log(value: Number, base: Number | None = None) -> Number:
    if base is None:
        return math.log(value)
    if base in (2, 10):
        return math.log2(value) if base == 2 else math.log10(value)
    return math.log(value) / math.log(base)


def _whole(value: Number, what: str) -> int:
    if value != int(value):
        raise refuse(f"{what} takes whole numbers")
    return int(value)


def _round(value: Number, digits: Number = Fraction(0)) -> Number:
    """Round half away from zero, as people do, not to even."""
    places = _whole(digits, "round")
    if abs(places) > 300:
        raise refuse("round takes at most 300 digits")
    exact = value if isinstance(value, Fraction) else Fraction(repr(value))
    scale = Fraction(10) ** places
    rounded = math.floor(abs(exact) * scale + Fraction(1, 2)) / scale
    return rounded if exact >= 0 else -rounded


def _absolute(value: Number) -> Number:
    return abs(value)


def _floor(value: Number) -> Number:
    return Fraction(math.floor(value))


def _ceil(value: Number) -> Number:
    return Fraction(math.ceil(value))


def _gcd(first: Number, second: Number) -> Number:
    return Fraction(math.gcd(_whole(first, "gcd"), _whole(second, "gcd")))


def _lcm(first: Number, second: Number) -> Number:
    return Fraction(math.lcm(_whole(first, "lcm"), _whole(second, "lcm")))


def _factorial(value: Number) -> Number:
    number = _whole(value, "factorial")
    if not 0 <= number <= LARGEST_FACTORIAL:
        raise refuse(f"factorial takes 0 to {LARGEST_FACTORIAL}")
    return Fraction(math.factorial(number))


def _choose(function: Callable[[int, int], int], name: str) -> Callable[[Number, Number], Number]:
    def _apply(total: Number, chosen: Number) -> Number:
        if not 0 <= chosen <= total <= LARGEST_FACTORIAL:
            raise refuse(f"{name} takes 0 ≤ k ≤ n ≤ {LARGEST_FACTORIAL}")
        return Fraction(function(_whole(total, name), _whole(chosen, name)))

    return _apply


def _total(values: Sequence[Number]) -> Number:
    total: Number = Fraction(0)
    for value in values:
        total = capped(total + value)
    return total


def _mean(values: Sequence[Number]) -> Number:
    return _total(values) / len(values)


def _median(values: Sequence[Number]) -> Number:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _variance(values: Sequence[Number]) -> Number:
    if len(values) < 2:
        raise refuse("a spread needs at least two numbers")
    mean = _mean(values)
    return _total([(value - mean) ** 2 for value in values]) / (len(values) - 1)


def _product(values: Sequence[Number]) -> Number:
    product: Number = Fraction(1)
    for value in values:
        product = capped(product * value)
    return product


def _growth(values: Sequence[Number]) -> Number:
    if len(values) != 2:
        raise refuse("percent_change takes two numbers: before and after")
    return next((after - before) / abs(before) * 100 for before, after in pairwise(values))


# name: (function, fewest arguments, most arguments)
FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {
    "abs": (_absolute, 1, 1),
    "sqrt": (_sqrt, 1, 1),
    "cbrt": (math.cbrt, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (_log, 1, 2),
    "ln": (math.log, 1, 1),
    "log10": (math.log10, 1, 1),
    "log2": (math.log2, 1, 1),
    "sin": (math.sin, 1, 1),
    "cos": (math.cos, 1, 1),
    "tan": (math.tan, 1, 1),
    "asin": (math.asin, 1, 1),
    "acos": (math.acos, 1, 1),
    "atan": (math.atan, 1, 1),
    "atan2": (math.atan2, 2, 2),
    "degrees": (math.degrees, 1, 1),
    "radians": (math.radians, 1, 1),
    "floor": (_floor, 1, 1),
    "ceil": (_ceil, 1, 1),
    "round": (_round, 1, 2),
    "pow": (power, 2, 2),
    "factorial": (_factorial, 1, 1),
    "comb": (_choose(math.comb, "comb"), 2, 2),
    "perm": (_choose(math.perm, "perm"), 2, 2),
    "gcd": (_gcd, 2, 2),
    "lcm": (_lcm, 2, 2),
}
# These take numbers one by one, or one list.
OVER_LISTS: dict[str, Callable[[Sequence[Number]], Number]] = {
    "min": min,
    "max": max,
    "sum": _total,
    "product": _product,
    "count": lambda values: Fraction(len(values)),
    "mean": _mean,
    "average": _mean,
    "avg": _mean,
    "median": _median,
    "variance": _variance,
    "stdev": lambda values: _sqrt(_variance(values)),
    "percent_change": _growth,
}
