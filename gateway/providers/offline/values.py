"""The values a text mentions: quoted texts, numbers with units, dates, times, addresses, lists, names."""

from __future__ import annotations

import itertools
import json
import re
from bisect import bisect, insort
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.providers.offline.dates import DATE, read_clock, read_date
from gateway.providers.offline.glossary import LANGUAGES
from gateway.providers.offline.quotes import QUOTED
from gateway.providers.offline.words import STOPWORDS, word_set

_OPENING = re.compile(r"\[(?=\s*[\[{])|\{(?=\s*\")")
_MOST_LITERALS = 50
_DECODER = json.JSONDecoder()
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_URL = re.compile(r"(?:https?|ftp)://[^\s'\"<>，。、]+|www\.[^\s'\"<>，。、]+", re.ASCII)
_PATH = re.compile(
    r"(?<![\w)])(?:[A-Za-z]:\\|~?/|\.{1,2}/)[\w.\-/\\]*\w"
    r"|(?<![\w.@/-])(?=[\w/-]*[A-Za-z_])[\w/-]{1,200}\.[A-Za-z][A-Za-z0-9]{1,4}(?![\w.])",
    re.ASCII,
)
ADDRESS = re.compile("|".join(pattern.pattern for pattern in (_EMAIL, _URL, _PATH)), re.ASCII)
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]m\b", re.IGNORECASE | re.ASCII)
_PHONE = re.compile(r"\+\d[\d\s()-]{6,}\d|\(\d{3}\)\s?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}\b|\b\d{3}-\d{4}\b", re.ASCII)
_NUMBER = re.compile(
    r"(?P<money>[$€£¥₩]\s?|(?:US\$))?(?<![\w.])(?<![A-Za-z]-)(?P<sign>-(?=\d))?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?"
    r"|\d+(?:\.\d+)?)"
    r"(?P<scale>\s?(?:k|thousand|million|billion|万|億|亿|만)\b)?(?:(?P<percent>\s?(?:%|％|percent\b|per cent\b"
    r"|Prozent\b|pour cent\b))"
    r"|(?:[\s-]?(?P<unit>°?[A-Za-zµäöüéñ€]{1,14})(?![\w.@]))?)",
    re.IGNORECASE,
)
_CJK_UNITS = (
    r"[\u4e00-\u9fff]{0,2}?[元镑币]|块钱?|万?円|ドル|ユーロ|ポンド|ウォン|달러|유로|엔|원|위안|파운드|公里|千米|公斤|千克|厘米|毫米|分钟"
    r"|(?:个半?)?小时|个月|時間|か月|ヶ月|キロ|グラム|メートル|시간|개월|킬로|미터|[年月日天周週歳岁米克斤升度倍次人位本份个個字页枚行条点分秒名년월일개명번살권]"
)
_SPELLED = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_LARGER = {
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "ninety": 90,
    "hundred": 100,
}
_COUNTS = {word: number for number, word in enumerate(_SPELLED, 2)} | _LARGER
_WORDED = re.compile(
    rf"(?<!\bthe )(?<!\bthese )(?<!\bthose )(?<!\bother )(?<![\w-])(?P<word>{'|'.join(_COUNTS)})"
    r"(?:[\s-](?P<unit>[a-z]{3,12}))?(?![\w-])"
)
_MONEY_UNIT = re.compile(r"[元镑币円엔원]$|ドル|ユーロ|ポンド|ウォン|달러|유로|위안|파운드")
_CJK_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_.])(?<![A-Za-z]-)(?P<sign>-(?=\d))?"
    rf"(?P<number>\d[\d,]*(?:\.\d+)?)(?:(?P<percent>\s?[%％])|\s?(?P<unit>{_CJK_UNITS}))?"
)
_CODE = re.compile(r"\b(?=[A-Z0-9_-]*[A-Z])[A-Z][A-Z0-9]+(?:[-_][A-Z0-9]+)*\b|\b[a-z]+[-_]\d[\w-]*\b", re.ASCII)
_NAME = re.compile(
    r"\b[A-ZÀ-Þ][\w'’.&-]*\w(?:(?: | (?:of|de|the|van|du|la"
    r"|del) (?=(?:the )?[A-Z]))[A-ZÀ-Þ][\w'’&-]*\w?| \d+(?!\S*\d))*"
)
_LANGUAGE = re.compile(rf"\b(?:{'|'.join(LANGUAGES)})\b", re.IGNORECASE)
_CJK_LANGUAGE = re.compile(
    r"[中英日韩韓法德俄]文|(?:中国|英|日本|日|汉|漢|韩|韓国|法|德|俄|西班牙|フランス|ドイツ|スペイン)[语語]|(?:영|한국|일본|중국|프랑스|독일|스페인)어"
)
_CURRENCY = re.compile(
    r"人民币|[美日欧韩港澳加]元|港币|英镑|卢布|泰铢|米ドル|ドル|ユーロ|ポンド|ウォン|円(?=[をにへでがの建])|달러|유로|위안화?|파운드|엔화?(?=[을를으로에])"
    r"|원화?(?=[을를으로에])"
)
_WAY = re.compile(
    r"(?:从|自|由)(?P<a>[\u4e00-\u9fff]{1,8}?)(?:到|至|去|飞往|前往)(?P<b>[\u4e00-\u9fff]{1,8}?)"
    r"(?=的|坐|乘|之间|有|需|[\s，。,.？?\d]|$)"
    r"|(?P<c>[\u4e00-\u9fff\u30a0-\u30ff]{1,10})から(?P<d>[\u4e00-\u9fff\u30a0-\u30ff]{1,10})(?:まで|へ|に)"
    r"|(?P<e>[\uac00-\ud7af]{1,8})에서 ?(?P<f>[\uac00-\ud7af]{1,8}?)(?:까지|으로|로)"
)
_SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₩": "KRW"}
_SCALES = {"k": 1e3, "thousand": 1e3, "million": 1e6, "billion": 1e9, "万": 1e4, "億": 1e8, "亿": 1e8, "만": 1e4}
_BETWEEN = re.compile(
    r"\s*(?:,|，|、|;)?\s*(?:(?:and|or|und|oder|et|ou|y|o|e|和|与|及|跟|と|や|와|과|하고|이랑|&)"
    r"(?:\s+(?:in|into|to|for|of|from|at|on|with)(?=\s))?(?:\s+(?:the|a|an)(?=\s))?)?\s*",
    re.IGNORECASE,
)
_AT = re.compile(r"\s*(?:at|um|à|a las|,|T)?\s*", re.IGNORECASE)
_NO_UNIT = word_set(
    """and or to with for in on at of as by from the a an then is are was using over into per if than plus minus times
    und oder mit für von zu bis et ou avec pour de à y o con para"""
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A value in a text and where it stands.

    Attributes:
        kind: quote, number, percent, money, date, time, email, phone, url, path, language, code, name, list or json.
        unit: The word, sign or currency code written with a number.
        parts: What a list holds.
    """

    kind: str
    value: Any
    start: int
    end: int
    unit: str = ""
    parts: tuple[Mention, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether the value is a number."""
        return self.kind in ("number", "percent", "money")


def mentions(text: str) -> list[Mention]:
    """Return what a text mentions, in order, lists joined; no two overlap."""
    taken: list[tuple[int, int]] = []
    found: list[Mention] = []
    for mention in _literals(text):
        insort(taken, (mention.start, mention.end))
        found.append(mention)
    for pattern, make in _READERS:
        for match in pattern.finditer(text):
            place = bisect(taken, match.span())
            if any(match.start() < end and start < match.end() for start, end in taken[max(place - 1, 0) : place + 1]):
                continue
            mention = make(match)
            if mention is not None and mention.kind == "name":
                mention = _name(text, mention)
            if mention is None:
                continue
            insort(taken, (mention.start, mention.end))
            found.append(mention)
    for match in _WAY.finditer(text):
        found += [Mention("name", match[n], match.start(n), match.end(n)) for n in "abcdef" if match[n]]
    return joined_lists(text, _join_moments(text, sorted(found, key=lambda mention: mention.start)))


def _literals(text: str) -> list[Mention]:
    """Return the JSON objects, and lists of objects, that a text spells out."""
    found: list[Mention] = []
    end = 0
    for match in itertools.islice(_OPENING.finditer(text), _MOST_LITERALS):
        if match.start() < end:
            continue
        with suppress(ValueError, RecursionError):
            value, end = _DECODER.raw_decode(text, match.start())
            found.append(Mention("json", value, match.start(), end))
    return found


def _name(text: str, mention: Mention) -> Mention | None:
    """Return a name without the word that only opens the sentence; None when nothing else is there."""
    before = text[max(0, mention.start - 20) : mention.start].rstrip()
    if before and before[-1] not in ".!?:;。！？\n":
        return mention
    first, _, rest = str(mention.value).partition(" ")
    if not rest:
        return None
    if first.lower() in STOPWORDS or rest.startswith("the "):
        rest = rest.removeprefix("the ")
        return replace(mention, value=rest, start=mention.end - len(rest))
    return mention


def _plain(kind: str) -> Callable[[re.Match[str]], Mention | None]:
    return lambda match: Mention(
        kind, match[0].rstrip(".,;") if kind == "url" else match[0], match.start(), match.end()
    )


def _quote(match: re.Match[str]) -> Mention | None:
    return Mention("quote", match[0][1:-1].strip(), match.start(), match.end())


def _bracket(match: re.Match[str]) -> Mention | None:
    inner, offset = match[0][1:-1], match.start() + 1
    parts: list[Mention] = []
    for piece in re.finditer(r"[^,，、]+", inner):
        raw = piece[0].strip()
        number = re.fullmatch(r"-?\d+(?:\.\d+)?", raw)
        kind, value = ("number", read_number(raw)) if number else ("quote", raw.strip("'\"“”‘’「」"))
        parts.append(Mention(kind, value, offset + piece.start(), offset + piece.end()))
    return Mention("list", [part.value for part in parts], match.start(), match.end(), parts=tuple(parts))


def _date(match: re.Match[str]) -> Mention | None:
    value = read_date(match[0])
    return Mention("date", value, match.start(), match.end()) if value else None


def read_number(text: str) -> int | float:
    """Return a number as written, thousands separators dropped.

    >>> read_number("2,340"), read_number("1.50")
    (2340, 1.5)
    """
    value = float(text.replace(",", ""))
    return int(value) if value.is_integer() and "." not in text else value


def _number(match: re.Match[str]) -> Mention | None:
    groups = match.groupdict()
    value = read_number((groups.get("sign") or "") + groups["number"])
    scale = (groups.get("scale") or "").strip().lower()
    if scale:
        value = value * _SCALES[scale]
        value = int(value) if float(value).is_integer() else value
    unit, end, kind = (groups.get("unit") or ""), match.end(), "number"
    if unit.lower() in _NO_UNIT:
        unit, end = "", match.end("number")
    if groups.get("percent"):
        kind, unit = "percent", "%"
    elif _MONEY_UNIT.search(unit):
        kind = "money"
    elif groups.get("money"):
        kind, unit = "money", _SYMBOLS.get((groups["money"] or "").strip().upper(), unit)
        end = max(match.end("number"), match.end("scale")) if groups.get("scale") else match.end("number")
    return Mention(kind, value, match.start(), end, unit=unit)


def _worded(match: re.Match[str]) -> Mention | None:
    return Mention("number", _COUNTS[match["word"].lower()], match.start(), match.end(), unit=match["unit"] or "")


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Mention | None]], ...] = (
    (_BRACKETS, _bracket),
    (QUOTED, _quote),
    (_EMAIL, _plain("email")),
    (_URL, _plain("url")),
    (DATE, _date),
    (_TIME, _plain("time")),
    (_PHONE, _plain("phone")),
    (_PATH, _plain("path")),
    (_NUMBER, _number),
    (_CJK_NUMBER, _number),
    (_WORDED, _worded),
    (_LANGUAGE, _plain("language")),
    (_CJK_LANGUAGE, _plain("language")),
    (_CURRENCY, _plain("name")),
    (_NAME, _plain("name")),
    (_CODE, _plain("code")),
)


def _join_moments(text: str, found: list[Mention]) -> list[Mention]:
    """Join a date and the time right behind it; its unit says that it has a time."""
    joined: list[Mention] = []
    for mention in found:
        last = joined[-1] if joined else None
        if (
            last
            and (last.kind, last.unit, mention.kind) == ("date", "", "time")
            and _AT.fullmatch(text[last.end : mention.start])
        ):
            joined[-1] = replace(last, value=f"{last.value} {read_clock(mention.value)}", end=mention.end, unit="time")
        else:
            joined.append(mention)
    return joined


def joined_lists(text: str, found: Sequence[Mention]) -> list[Mention]:
    """Return mentions in the order of the text with those of one kind that stand in a row made into a list."""
    joined: list[Mention] = []
    for mention in found:
        last = joined[-1] if joined else None
        if last is not None and _same_list(last, mention) and _BETWEEN.fullmatch(text[last.end : mention.start]):
            parts = (*(last.parts or (last,)), mention)
            joined[-1] = replace(last, kind="list", value=[part.value for part in parts], end=mention.end, parts=parts)
        else:
            joined.append(mention)
    return joined


def _same_list(last: Mention, mention: Mention) -> bool:
    if last.kind == "list" and (not last.parts or text_list(last)):
        return False
    kind = last.parts[-1].kind if last.parts else last.kind
    unit = last.parts[-1].unit if last.parts else last.unit
    groups = (
        {"quote"},
        {"name", "code"},
        {"number"},
        {"email"},
        {"phone"},
        {"percent", "money"},
        {"path"},
        {"url"},
        {"date"},
        {"language"},
    )
    together = any(kind in group and mention.kind in group for group in groups)
    return together and (kind != "number" or not unit or unit == mention.unit)


def text_list(mention: Mention) -> bool:
    """Return whether a list was written in brackets, so that it ends where they end."""
    return bool(mention.parts) and mention.start < mention.parts[0].start
