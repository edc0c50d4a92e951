"""How well a mentioned value suits an argument: by type, by the words around it, by what the description says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.providers.offline.bounds import bounded
from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.references import Link
from gateway.providers.offline.values import Mention
from gateway.providers.offline.words import likeness, overlap, stemmed, words

FROM = stemmed(
    "from source start begin origin initial first since min minimum lower earliest old von "
    "出发 起点 起始 出発 開始 출발 시작"
)
TO = stemmed(
    "to target end destination until finish final max maximum upper latest into new nach "
    "到达 目的 目标 终点 到着 終了 도착 목적"
)
_FROM_WORD = re.compile(
    r"(?:\b(?:from|between|since|von|vom|aus|ab|de|du|desde|starting|begin(?:s|ning)?)\b[^\w]*(?:at |on "
    r"|the )?|从|自|由)\s*['\"“‘「]?$",
    re.IGNORECASE,
)
_TO_WORD = re.compile(
    r"(?:\b(?:to|until|till|into|nach|bis|zum|zur|in|à|au|vers|jusqu'au|hasta|al|ending"
    r"|ends?)\b[^\w]*(?:at |on |the )?|到|至|成|为|為)\s*['\"“‘「]?$",
    re.IGNORECASE,
)
_SECOND = re.compile(r"\b(?:between|zwischen|entre)\b.* (?:and|und|et|y) ['\"]?$", re.IGNORECASE)
_FROM_AFTER = re.compile(r"^['\"”’」]?\s?(?:から|에서|부터|より)")
_TO_AFTER = re.compile(r"^['\"”’」]?\s?(?:まで|까지|へ|に(?!つ)|으로|로(?!부))")
_FITTING: dict[str, frozenset[str]] = {
    "email": stemmed("email mail e recipient address to sender user"),
    "phone": stemmed("phone telephone number mobile tel cell fax to"),
    "url": stemmed("url uri link websites web page site address endpoint href source"),
    "path": stemmed("path file filename folder directory dir document script source input table 文件 路径 パス datei"),
    "date": stemmed("date day birth birthdate deadline when since until due yyyy mm 日期 日付 날짜 datum fecha"),
    "time": stemmed("time hour clock when hh schedule datetime 时间 時間 時刻 시간 zeit"),
    "language": stemmed("language lang locale to from target source sprache 语言 言語 언어"),
}
_FOLDER = stemmed("folder directory dir")
_SUFFIX = re.compile(r"\w\.[A-Za-z]\w{0,4}$")
_TYPED = stemmed("email phone url uri date birthdate time deadline path filename")
_DATE = stemmed("date")
_LOOSE = re.compile(
    r"\b(?:over|for|in|with|from|by|to|on|within|during|until|into)\s+(?:the |a |an )?['\"]?$", re.IGNORECASE
)
_BY = re.compile(r"\b(?:by|von|par|por)\s+['\"“]?$", re.IGNORECASE)
_NUMBERED = stemmed("id code number zip postal serial account phone size year")
_PERCENT = stemmed("percent percentage rate ratio share 百分比 割合")
_PARTED = re.compile(r"[,;.]|\b(?:and|with|of|for|on|in|at|to|from|by|using|over|und|mit|für|et|y)\b", re.IGNORECASE)
_LABEL_AFTER = re.compile(r"^\W*(?:value )?as (?:the |its |a |an )?(?=\w)", re.IGNORECASE)
_ANY_TEXT = stemmed(
    "text message content data value string body input note prompt question context title description expression"
)
NEAR = 0.8  # what one word of distance takes off
_EXAMPLE = 1.0  # worth of a value that the description names
_COMMON = 0.35  # worth of a word that describes the whole tool
_FAR = 0.5  # worth of words that a preposition parts from the value


@dataclass(frozen=True, slots=True)
class Context:
    """The meaningful words around a mention, nearest first, and the text right before and after it."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    left: str
    right: str
    loose: bool = False

    @property
    def role(self) -> str:
        """Return from, to or nothing, by the preposition or particle beside the mention."""
        if _FROM_WORD.search(self.left) or _FROM_AFTER.match(self.right):
            return "from"
        last = _TO_WORD.search(self.left) or _TO_AFTER.match(self.right) or _SECOND.search(self.left)
        return "to" if last else ""


def context(text: str, mention: Mention, others: Sequence[Mention]) -> Context:
    """Return what stands around a mention, up to the mentions beside it."""
    begin = max((m.end for m in others if m.end <= mention.start), default=0)
    end = min((m.start for m in others if m.start >= mention.end), default=len(text))
    left, right = text[begin : mention.start], text[mention.end : end]
    label = _LABEL_AFTER.match(right)
    near = _PARTED.split(right[label.end() if label else 0 :])[0]
    before = [word.stem for word in reversed(words(left)) if word.content or word.text in ("to", "from")]
    unit = [word.stem for word in words(mention.unit)]
    after = (*unit, *[word.stem for word in words(near) if word.content][:2])
    if label:
        return Context(after, (), text[: mention.start][-48:], right[:4])
    loose = begin > 0 and bool(_LOOSE.search(left))
    return Context(tuple(before[:7]), after, text[: mention.start][-48:], right[:4], loose)


def affinity(argument: Argument, mention: Mention, around: Context, common: frozenset[str] = frozenset()) -> float:
    """Return how well the mention suits the argument; below 0 it must not be used.

    ``common`` are stems the tool itself is described with: they tell its arguments apart less.
    """
    suits = _suits(argument, mention)
    if suits <= -1:
        return suits
    named = _named(argument, around, common) + _role(argument, around.role) + _agent(argument, around)
    named += bounded(argument, mention, around.left, around.right)
    return suits + named + (_EXAMPLE if _is_example(argument, mention) else 0.0)


def _is_example(argument: Argument, mention: Mention) -> bool:
    """Whether a description gives the very value as an example."""
    value = mention.value
    return (
        isinstance(value, str) and len(value) > 2 and bool(re.search(rf"\b{re.escape(value)}\b", argument.description))
    )


def _named(argument: Argument, around: Context, common: frozenset[str]) -> float:
    """Return how far the words around a mention name the argument."""
    names = [one for one in argument.name_stems if len(one) > 1] or list(argument.name_stems)
    weights = [_COMMON if one in common else 1.0 for one in names]
    by_name = [weight * _beside(name, around) for name, weight in zip(names, weights, strict=True)]
    by_text = [_beside(one, around) * (_COMMON if one in common else 1.0) for one in set(argument.stems)]
    name = sum(by_name) / sum(weights) + max(by_name) if by_name else 0.0
    text = sum(sorted(by_text, reverse=True)[:3]) / 3 if by_text else 0.0
    return 1.5 * name + 1.2 * text


def _beside(name: str, around: Context) -> float:
    return max(_near(name, around.before) * (_FAR if around.loose else 1.0), 0.75 * _near(name, around.after))


def _agent(argument: Argument, around: Context) -> float:
    """Return what "by" before a value is worth: an argument named like somebody who does something (author, owner)."""
    doer = argument.name.lower().endswith(("or", "er", "ist")) and argument.kind != "integer"
    return (1.2 if doer else -0.4) if _BY.search(around.left) and argument.textual else 0.0


def _near(name: str, row: Iterable[str]) -> float:
    return max((likeness(name, word) * NEAR**place for place, word in enumerate(row)), default=0.0)


def _role(argument: Argument, role: str) -> float:
    if not role:
        return 0.0
    mine = _roles(argument)
    if role in mine:
        return 1.6
    return -0.8 if mine else 0.0


def _roles(argument: Argument) -> set[str]:
    names = {*argument.name_stems}
    found = {role for role, marks in (("from", FROM), ("to", TO)) if names & marks}
    if not found:
        texts = set(argument.stems[:3])
        found = {role for role, marks in (("from", FROM), ("to", TO)) if texts & marks}
    return found


def role_of(argument: Argument) -> str:
    """Return whether the argument is where something comes from or goes to: from, to or nothing."""
    roles = _roles(argument)
    return next(iter(roles)) if len(roles) == 1 else ""


def _suits(argument: Argument, mention: Mention) -> float:
    if mention.kind == "ref":
        return _suits_result(argument, mention)
    if argument.options:
        return 2.0 if mention.value in argument.options else -1.0
    if argument.kind in ("number", "integer"):
        return _suits_number(argument, mention)
    if argument.kind in ("boolean", "array", "object"):
        return -1.0
    return _suits_text(argument, mention)


def _suits_number(argument: Argument, mention: Mention) -> float:
    if mention.kind == "quote":
        return 0.2 if re.fullmatch(r"-?\d+(?:\.\d+)?", str(mention.value)) else -1.0
    if not mention.numeric:
        return -1.0
    score = 0.8 - (0.4 if argument.kind == "integer" and float(mention.value) % 1 else 0.0)
    asks = bool({*argument.name_stems, *argument.stems} & _PERCENT)
    if mention.kind == "percent":
        return score + (1.0 if asks else -0.3)
    return score - (0.3 if asks and mention.kind == "money" else 0.0)


def _suits_text(argument: Argument, mention: Mention) -> float:
    if mention.kind == "path" and _FOLDER & {*argument.name_stems} and _SUFFIX.search(str(mention.value)):
        return -1.0
    if mention.kind in _FITTING:
        return _fitting(argument, _FITTING[mention.kind])
    if mention.kind in ("list", "json") or (mention.kind in ("name", "code") and typed(argument)):
        return -1.0
    if mention.numeric:
        return 0.1 if set(argument.name_stems) & _NUMBERED else -0.6
    return {"quote": 0.8, "name": 0.5, "code": 0.5}.get(mention.kind, 0.0)


def _fitting(argument: Argument, marks: frozenset[str]) -> float:
    """Return how plainly an argument asks for a kind of value: by its name, or early or late in its description."""
    if marks & set(argument.name_stems):
        return 1.8
    if marks & set(argument.stems[:2]):
        return 1.6
    return 0.9 if marks & set(argument.stems) else -0.8


def _suits_result(argument: Argument, mention: Mention) -> float:
    links: tuple[Link, ...] = mention.value
    if not argument.required and all(_another_kind(argument, link.part) for link in links):
        return -1.0
    best = max((link.strength + suits_field(argument, link.part) for link in links), default=-1.0)
    return best - (0.6 if typed(argument) else 0.0)


def _another_kind(argument: Argument, part: Argument | None) -> bool:
    """Whether a field is known to be no number, where a number is wanted."""
    return argument.kind in ("number", "integer") and part is not None and part.kind not in ("number", "integer", "any")


def typed(argument: Argument) -> bool:
    """Return whether a text argument is of a kind one can see: an address, a date, a number to call."""
    seen = {*argument.name_stems[-1:], *(one for one in argument.stems[:2] if one in _DATE)}
    return bool(_TYPED & seen) or "YYYY" in argument.description or "HH:" in argument.description


def suits_field(argument: Argument, part: Argument | None) -> float:
    """Return how well a field of an earlier result suits the argument."""
    if part is None:
        return 0.0
    alike = 0.5 * overlap(argument.name_stems, part.name_stems) + 0.2 * overlap(argument.name_stems, part.stems)
    numeric = ("number", "integer")
    if argument.kind == part.kind or (argument.kind in numeric and part.kind in numeric):
        return 0.4 + alike
    if argument.kind in ("array", "object") and part.kind in (*numeric, "boolean"):
        return -2.0
    if argument.kind in (*numeric, "boolean", "array", "object"):
        return alike - (0.9 if part.kind in ("string", "array", "object", *numeric) else 0.3)
    if part.kind in (*numeric, "boolean") and not {*argument.name_stems, *argument.stems} & _ANY_TEXT:
        return alike - 1.2
    return 0.1 + alike
