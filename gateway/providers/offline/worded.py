"""Arithmetic said in words ("double 21", "15% off 80", "increase 200 by 10%"), written with signs."""

# ruff: noqa: E501 - one pattern a line

from __future__ import annotations

import re

_N = r"[$€£¥₩]?\s?(?P<{0}>-?\d[\d.]{{0,40}}|\{{\{{[^}}]*\}}\}})"
_A, _B = _N.format("a"), _N.format("b")
_PERCENT = r"\s?(?:%|％|percent|per cent|prozent|pour cent|por ciento)"
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (rf"(?<![\w.]){_A}{_PERCENT} (?:off|discount (?:on|off|from)|less than)(?: of)? {_B}", r"\g<b> - \g<a>/100*\g<b>"),
        (rf"(?<![\w.]){_A}{_PERCENT} (?:more than|on top of) {_B}", r"\g<b> + \g<a>/100*\g<b>"),
        (rf"(?<![\w.]){_A}{_PERCENT} (?:tip|tax|vat|interest|commission) (?:on|of|for) {_B}", r"\g<a>/100*\g<b>"),
        (rf"\b(?:increase|raise|grow) {_B} by {_A}{_PERCENT}", r"\g<b> + \g<a>/100*\g<b>"),
        (rf"\b(?:decrease|reduce|lower|cut) {_B} by {_A}{_PERCENT}", r"\g<b> - \g<a>/100*\g<b>"),
        (rf"{_B} (?:increased|raised|plus|\+) (?:by )?{_A}{_PERCENT}(?! of)", r"\g<b> + \g<a>/100*\g<b>"),
        (rf"{_B} (?:decreased|reduced|minus|-) (?:by )?{_A}{_PERCENT}(?! of)", r"\g<b> - \g<a>/100*\g<b>"),
        (rf"\b(?:double|twice|das doppelte von|le double de|el doble de)(?: of)? (?:the )?{_A}", r"2 * \g<a>"),
        (rf"\b(?:triple|thrice|three times|das dreifache von|le triple de|el triple de)(?: of)? (?:the )?{_A}", r"3 * \g<a>"),
        (rf"{_A}\s?(?:的两倍|的2倍|の2倍|의 두 배)", r"2 * \g<a>"),
        (rf"\b(?:half|halve|die hälfte von|la moitié de|la mitad de)(?: of)? (?:the )?{_A}", r"\g<a> / 2"),
        (rf"{_A}\s?(?:的一半|の半分|의 절반)", r"\g<a> / 2"),
        (rf"\ba third of {_A}", r"\g<a> / 3"),
        (rf"\ba quarter of {_A}", r"\g<a> / 4"),
        (rf"(?<![\w.])(?P<b>\d{{1,40}})/(?P<c>\d{{1,40}}) of {_A}", r"\g<b> / \g<c> * \g<a>"),
        (rf"\b(?:square root of|sqrt(?: of)?|quadratwurzel (?:aus|von)|wurzel aus|racine carrée de|raíz cuadrada de)\s?\(?(?:the number )?{_A}\)?", r"\g<a> ** 0.5"),
        (rf"{_A}\s?(?:的平方根|の平方根|의 제곱근)", r"\g<a> ** 0.5"),
        (rf"\bcube of {_A}|{_B} cubed\b", r"\g<a>\g<b> ** 3"),
        (rf"{_A}\s?의\s?(?P<b>\d[\d.]*)\s?%", r"\g<b>/100*\g<a>"),
    )
)  # fmt: skip


def worded(text: str) -> bool:
    """Return whether a text says arithmetic in words of its own."""
    return any(pattern.search(text) for pattern, _ in _FORMS)


def signed(text: str) -> str:
    """Return the text with such words written as signs.

    >>> signed("15% off $80"), signed("double 21")
    ('80 - 15/100*80', '2 * 21')
    """
    for pattern, sign in _FORMS:
        text = pattern.sub(lambda match, sign=sign: " ".join(_expanded(match, sign).split()), text)
    return text


def _expanded(match: re.Match[str], sign: str) -> str:
    return re.sub(r"\\g<(\w)>", lambda group: match.groupdict().get(group[1]) or "", sign)
