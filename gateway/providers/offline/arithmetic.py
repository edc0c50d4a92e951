"""Arithmetic in a task, recognised by its shape and written as one expression."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.references import Link
from gateway.providers.offline.values import Mention, mentions
from gateway.providers.offline.worded import signed, worded

_ASKED = frozenset(("expression", "formula", "equation"))
_SYMBOLIC = re.compile(r"\(*\s*-?\d[\d.,]*\s*\)*(?:\s*(?:\*\*|[-+*/×÷^−·])\s*\(*\s*-?\d[\d.,]*%?\s*\)*)+")
_PERCENT_OF = re.compile(
    r"(?P<a>[^\s()]{1,40})\s?(?:%|percent|per cent|Prozent|pour cent)\s(?:of|von|de|del)\s(?:the\s)?(?P<b>\S+)",
    re.IGNORECASE,
)
_CJK_PERCENT = re.compile(r"(?P<b>\S{1,40}?)\s?(?:的|の|의)\s?(?P<a>\d[\d.]{0,40})\s?[%％]")
_CJK_SHARE = re.compile(r"(?P<a>\d[\d.]{0,40})\s?[%％]\s?(?:的|の|의)\s?(?P<b>\d[\d.]{0,40})")
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (r"\b(?:plus|added to|increased by|más|und dazu)\b|加上?|足す|더하기|プラス", "+"),
        (r"\b(?:minus|less(?! than)|decreased by|moins|menos)\b|减去?|減去?|引く|빼기|マイナス", "-"),
        (r"\b(?:times|multiplied by|mal|fois|por)\b|乘以?|掛ける|かける|곱하기|×|·", "*"),
        (r"\b(?:divided by|over|geteilt durch|divisé par|dividido por|dividido entre)\b|除以|割る|나누기|÷", "/"),
        (r"\b(?:to the power of|hoch)\b|\^", "**"),
    )
)
_GOES_ON = tuple(
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (r"^\W*(?:multiply|multiplied)(?: it)? by\b", "*"),
        (r"^\W*divided?(?: it)? by\b", "/"),
        (r"^\W*add\b", "+"),
        (r"^\W*subtract\b", "-"),
    )
)
_SQUARED = re.compile(r"(\S{1,40}) squared\b|\bsquare of (?:the )?(\S+)", re.IGNORECASE)
_ROOTED = re.compile(r"\bsquare (?:root )?of (?:the )?(?:number )?\d|\d\S{0,40} squared\b", re.IGNORECASE)
_ROOT = re.compile(r"\bsquare root of (?:the )?(\S+)", re.IGNORECASE)
_GATHER: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:sum|total|add|summe|somme|suma)\b|之和|总和|合计|合計|합계|求和|相加", re.IGNORECASE), "+"),
    (
        re.compile(
            r"\b(?:difference|subtract|differenz|différence|diferencia)\b|之差|相差|差を|차이|相减", re.IGNORECASE
        ),
        "-",
    ),
    (re.compile(r"\b(?:product|multiply|produkt|produit|multiplica)\b|乘积|积|積|곱|相乘", re.IGNORECASE), "*"),
    (re.compile(r"\b(?:ratio|quotient|divide|verhältnis)\b|比率|比值|비율|相除", re.IGNORECASE), "/"),
)
_AVERAGE = re.compile(r"\b(?:average|mean|durchschnitt|moyenne|promedio)\b|平均|평균", re.IGNORECASE)
_OF_RESULT = re.compile(r"\b(?:double|triple|twice|halve|half)\b", re.IGNORECASE)
_FROM = re.compile(r"\bsubtract\b.*\bfrom\b", re.IGNORECASE)
_ARTICLE = re.compile(r"\bthe\s$", re.IGNORECASE)
_OPERAND = r"(?:\d[\d.]*|\{\{[^}]*\}\})"
_SIGN = r"(?:(?<![\w})])-(?=\d))?"
_CHAIN = re.compile(rf"\(*\s*{_SIGN}{_OPERAND}\s*\)*(?:\s*(?:\*\*|[-+*/])\s*\(*\s*{_SIGN}{_OPERAND}\s*\)*)+")
_MOMENT = re.compile(r"\b\d{4}-\d{2}-\d{2}T[\d:.]+")


def expression_argument(tool: OfferedTool) -> Argument | None:
    """Return the argument that takes an arithmetic expression, if it is all the tool needs."""
    needed = tool.required
    if len(needed) != 1 or not needed[0].textual:
        return None
    said = f"{needed[0].name} {needed[0].description} {tool.description}".lower()
    named = any(word in f"{needed[0].name} {needed[0].description}".lower() for word in _ASKED)
    return needed[0] if named and any(word in said for word in (*_ASKED, "arithmetic")) else None


def arithmetic(text: str, follows: bool = False) -> bool:
    """Return whether a text has the shape of arithmetic over numbers it holds, or over results when it follows some."""
    text = _without_values(text)
    if follows and (
        _OF_RESULT.search(text) or any(p.search(text) for p, _ in (*_WORDS, *_GATHER)) or _AVERAGE.search(text)
    ):
        return True
    plain = _unwritten(text)
    return any(p.search(plain) for p in (_SYMBOLIC, _ROOTED)) or worded(plain) or _worded(text)


def _without_values(text: str) -> str:
    """Blot out what holds digits but is no number: dates, addresses, quoted texts."""
    text = _MOMENT.sub(lambda match: "\x01" * len(match[0]), text)
    for mention in mentions(text):
        named = mention.kind in ("name", "code") and not any(one.isdigit() for one in text[mention.start : mention.end])
        if not named and not all(part.numeric for part in mention.parts or (mention,)):
            text = text[: mention.start] + "\x01" * (mention.end - mention.start) + text[mention.end :]
    return text


def _worded(text: str) -> bool:
    numbers = re.findall(r"\d[\d.,]*", text)
    if _PERCENT_OF.search(text) or _CJK_PERCENT.search(text):
        return bool(numbers)
    return len(numbers) > 1 and (
        any(re.search(rf"\d\S{{0,40}}\s*(?:{p.pattern})\s*\S{{0,40}}\d", text, re.I) for p, _ in _WORDS)
        or _gathers(text, len(numbers))
    )


def _gathers(text: str, count: int) -> bool:
    listed = re.search(r"\d[\d.]{0,40}(?:\s*(?:,|、|，|and|und|et|y|和|与|と|와|과)\s*)+-?\d", text, re.IGNORECASE)
    return count > 1 and bool(listed) and (bool(_AVERAGE.search(text)) or any(p.search(text) for p, _ in _GATHER))


def write_expressions(text: str, found: Sequence[Mention]) -> list[str]:
    """Return the expressions a clause asks for, references in them as ``{{id.path}}``; none when it has no such shape.

    >>> write_expressions("what is 17% of 2,340 plus 12", ())
    ['17/100*2340 + 12']
    """
    told = _signs(signed(_unwritten(_with_references(_without_values(text), found))))
    chains = [balanced for match in _CHAIN.finditer(told) if (balanced := _balanced(match[0].strip()))]
    other = _root(told) or _gathered(told)
    return chains or ([other] if other else [])


def continued(text: str, last: Link) -> list[str]:
    """Return the expression a clause makes of the result before it, though it does not name it ("times 3")."""
    for pattern, sign in _GOES_ON:
        text = pattern.sub(f" {sign} ", text)
    return write_expressions(f"{last.earlier.reference(last.part)} {text.strip()}", ())


def _unwritten(text: str) -> str:
    """Return the text with thousands separators and currency signs gone."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    return re.sub(r"[$€£¥](?=\s?\d)", "", text)


def _with_references(text: str, found: Sequence[Mention]) -> str:
    """Put references where the text speaks of earlier results."""
    spans: dict[int, list[Mention]] = {}
    for mention in found:
        if mention.kind == "ref":
            spans.setdefault(mention.end, []).append(mention)
    for end, said in sorted(spans.items(), reverse=True):
        links = [numeric_link(mention.value) for mention in said]
        start = min(mention.start for mention in said)
        ahead = _ARTICLE.sub("", text[:start])
        text = f"{ahead} {' and '.join(link.earlier.reference(link.part) for link in links)} {text[end:]}"
    return text


def numeric_link(links: Sequence[Link]) -> Link:
    """Return the meaning of a cue that is a number, if one is."""
    return max(
        links, key=lambda link: link.strength + (0.6 if link.part and link.part.kind in ("number", "integer") else 0)
    )


def _signs(text: str) -> str:
    text = _PERCENT_OF.sub(lambda m: f"{m['a']}/100*{m['b']}", text)
    text = _CJK_SHARE.sub(lambda m: f"{m['a']}/100*{m['b']}", text)
    text = _CJK_PERCENT.sub(lambda m: f"{m['a']}/100*{m['b']}", text)
    text = _SQUARED.sub(lambda m: f"{m[1] or m[2]} ** 2", text)
    for pattern, sign in _WORDS:
        text = pattern.sub(f" {sign} ", text)
    text = re.sub(r"−", "-", text)
    text = re.sub(r"(\d)\s?%", r"\1/100", text)
    by = re.search(rf"\b(multiply|divide)\b\s*({_OPERAND})\s*by\s*({_OPERAND})", text, re.IGNORECASE)
    if by:
        return f"{by[2]} {'*' if by[1].lower() == 'multiply' else '/'} {by[3]}"
    return re.sub(r"[ \t]+", " ", text)


def _root(text: str) -> str | None:
    match = _ROOT.search(text)
    operand = re.match(_OPERAND, match[1]) if match else None
    return f"{operand[0]} ** 0.5" if operand else None


def _gathered(text: str) -> str | None:
    """Return an expression for "the sum of 3, 4 and 5" and the like."""
    operands = re.findall(rf"(?<![\w.])-?{_OPERAND}", text)
    if len(operands) < 2:
        return None
    if _AVERAGE.search(text):
        return f"({' + '.join(operands)}) / {len(operands)}"
    for pattern, sign in _GATHER:
        if pattern.search(text):
            ordered = operands[::-1] if _FROM.search(text) else operands
            return f" {sign} ".join(ordered)
    return None


def _balanced(expression: str) -> str | None:
    """Return the expression with the brackets that match nothing removed, or None when that leaves no sum."""
    while expression.count("(") > expression.count(")") and expression.startswith("("):
        expression = expression[1:].strip()
    while expression.count(")") > expression.count("(") and expression.endswith(")"):
        expression = expression[:-1].strip()
    return expression if expression.count("(") == expression.count(")") else None
