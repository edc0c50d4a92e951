"""Questions about the calendar and the clock, for a tool of that shape: an operation, a date, an amount."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.glossary import operation_named
from gateway.providers.offline.values import Mention, mentions
from gateway.providers.offline.words import word_set

_UNITS: tuple[tuple[str, str], ...] = (
    ("seconds", r"seconds?|secs?|Sekunden?|secondes?|segundos?|秒钟?|초"),
    ("minutes", r"minutes?|mins?|Minuten?|minutos?|分钟|分鐘|分間?|분"),
    ("hours", r"hours?|hrs?|Stunden?|heures?|horas?|(?:个)?小时|時間|시간"),
    ("weeks", r"weeks?|Wochen?|semaines?|semanas?|(?:个)?(?:周|星期|礼拜)|週間?|주일?"),
    ("months", r"months?|Monate?n?|mois|mes(?:es)?|个月|か月|ヶ月|개월|달"),
    ("years", r"years?|Jahre?n?|ans?|années?|años?|年間?|년"),
    ("days", r"days?|Tage?n?|jours?|días?|天|日間?|일"),
)
_UNIT = "|".join(f"(?P<{name}>{forms})" for name, forms in _UNITS)
_SPAN = re.compile(rf"(?<![A-Za-z0-9.-])(?P<count>\d+|an?|one)[\s-]*(?:{_UNIT})(?![a-zäñé-])", re.IGNORECASE)
_UNIT_FORMS = tuple((name, re.compile(rf"(?<!\w)(?:{forms})(?![a-zäñé])", re.IGNORECASE)) for name, forms in _UNITS)
_BACK = re.compile(
    r"\b(?:ago|before|prior to|earlier|subtract|minus|vor|avant|il y a|hace|antes)\b|前|전|减去?|引く", re.IGNORECASE
)
_AHEAD = re.compile(
    r"\b(?:from|after|later|add|plus|past|nach|später|ab|après|dans|plus tard|después|dentro de|en|in|hence)\b"
    r"|后|後|후|뒤|加上?|足す|더하",
    re.IGNORECASE,
)
_NEAR: tuple[tuple[str, int, re.Pattern[str]], ...] = tuple(
    (word, shift, re.compile(pattern, re.IGNORECASE))
    for word, shift, pattern in (
        ("today", 2, r"\b(?:day after tomorrow|übermorgen|après-demain|pasado mañana)\b|后天|後天|明後日|모레"),
        ("today", 1, r"\b(?:tomorrow|morgen|demain|mañana)\b|明天|明日|내일"),
        ("today", -1, r"\b(?:yesterday|gestern|hier|ayer)\b|昨天|昨日|어제"),
        ("today", 0, r"\b(?:today|heute|aujourd'hui|aujourd’hui|hoy)\b|今天|今日|오늘"),
        ("now", 0, r"\b(?:now|currently|jetzt|maintenant|ahora)\b|现在|現在|今何|지금"),
    )
)
_WEEKDAY = re.compile(
    r"\b(?:weekdays?|(?:which|what) day of the week|day of the week|wochentag|jour de la semaine|quel jour"
    r"|día de la semana|qué día|(?:which|what) day (?:is|was|will)|welcher tag)\b|星期几|星期幾|周几|礼拜几|曜日|요일",
    re.IGNORECASE,
)
_NAMED_WEEKDAY = re.compile(r"weekday|of the week|wochentag|semaine|semana|星期|周几|礼拜|曜日|요일", re.IGNORECASE)
_BETWEEN = re.compile(
    r"\b(?:between|until|till|since|from|to|zwischen|bis|seit|entre|jusqu|depuis|hasta|desde)\b"
    r"|之间|之間|到|至|还有|から|まで|사이|까지|부터",
    re.IGNORECASE,
)
_SINCE = re.compile(r"\b(?:since|ago|seit|depuis|desde)\b|以来|부터", re.IGNORECASE)
_HOW_LONG = re.compile(
    r"\b(?:how (?:many|long)|number of|count|difference|wie ?viele?|wie lange|combien|cuánt[oa]s)\b"
    r"|多少|几|幾|多久|何|며칠|몇|얼마|相差|日数|天数",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(
    r"\b(?:how many|wie ?viele|combien|cuánt[oa]s)\b|多少|几个|何分|何時間|몇 (?:분|시간)", re.IGNORECASE
)
_AGE = re.compile(r"\b(?:how old|what age|wie alt|quel âge|qué edad|age of)\b|多大|几岁|何歳|몇 살", re.IGNORECASE)
_TIME = re.compile(
    r"\b(?:what(?:'s| is)? (?:the )?(?:current )?time|current time|time (?:is it|now)|wie spät|wie viel uhr|uhrzeit"
    r"|quelle heure|qué hora)\b|几点|何時|몇 ?시",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:(?:what|which|current|the|today's) date|datum|quelle date|la date|qué fecha|la fecha|what(?:'s| is) today)\b"
    r"|几号|幾號|日期|何日|日付|며칠|날짜",
    re.IGNORECASE,
)
_MOMENT = re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}(?::\d{2})?\b")
_ZONE = re.compile(
    r"\b(?:(?P<from>from|in|at|von|de|desde|à|en)|(?P<to>to|into|nach|vers|a))\s+(?P<name>(?-i:[A-Z])[\w/+:-]*"
    r"(?: (?-i:[A-Z])[\w/]*)*)",
    re.IGNORECASE,
)
_ZONED = re.compile(r"\b(?:time ?zones?|convert|zeitzone|umrechnen|fuseau|convertir|zona horaria)\b|时区|転換|시간대")
_CLOCKED = word_set("seconds minutes hours")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The arguments of a tool for dates, by what they are for; None where it has none."""

    operation: Argument
    date: Argument
    to: Argument | None
    amount: Argument | None
    unit: Argument | None
    zone: Argument | None
    target: Argument | None


@dataclass(slots=True)
class Reading:
    """One question about dates: the arguments, and a call of the same tool whose result is its date."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    first: dict[str, Any] | None = None
    date: str = ""


def calendar(tool: OfferedTool) -> Calendar | None:
    """Return the arguments of a tool that works with dates by a named operation; None when it is no such tool."""
    texts = [a for a in tool.arguments if a.textual and not a.options]
    dates, zones = [a for a in texts if "zone" not in a.name], [a for a in texts if "zone" in a.name]
    operation = _only(tool.arguments, lambda a: len(_operations(a)) > 1)
    date = _only(dates, lambda a: bool({"date", "time", "datetime"} & {*a.name.split("_")[:1]}))
    if operation is None or date is None:
        return None
    return Calendar(
        operation=operation,
        date=date,
        to=_only(dates, lambda a: a is not date and _is_end(a)),
        amount=_only(tool.arguments, lambda a: a.kind in ("integer", "number")),
        unit=_only(tool.arguments, lambda a: {"days", "weeks"} <= {*map(str, a.options)}),
        zone=_only(zones, lambda a: not _is_end(a)),
        target=_only(zones, _is_end),
    )


def _only(arguments: Sequence[Argument], test: Callable[[Argument], bool]) -> Argument | None:
    return next((argument for argument in arguments if test(argument)), None)


def _is_end(argument: Argument) -> bool:
    return bool({"to", "end", "until", "target", "second", "other"} & {*argument.name.lower().split("_")})


def _operations(argument: Argument) -> set[str]:
    return {
        kind for kind in ("now", "add", "difference", "weekday", "convert") if operation_named(argument.options, kind)
    }


def read_calendar(text: str, tool: OfferedTool) -> Reading | None:
    """Return the call a question about dates asks of a calendar tool; None when it is no such question.

    Nothing is made up: an operation the tool does not name, or "today" where its description does not take that, is
    not used.
    """
    shape = calendar(tool)
    return _Reader(shape, text).read() if shape is not None else None


class _Reader:
    def __init__(self, shape: Calendar, text: str) -> None:
        self._shape = shape
        self._text = text
        self._dates = _dates(text)
        described = f"{shape.date.description} {shape.to.description if shape.to else ''}".lower()
        self._near = [word for word in ("today", "now") if word in described]

    def read(self) -> Reading | None:
        """Try the questions, the most particular first."""
        readers = (self._converted, self._moved, self._difference, self._weekday, self._now)
        return next((reading for reader in readers if (reading := reader()) is not None), None)

    def _reading(self, kind: str, date: str | None, **given: tuple[Argument | None, Any]) -> Reading | None:
        name = operation_named(self._shape.operation.options, kind)
        if name is None or any(argument is None for argument, _ in given.values()):
            return None
        values = {self._shape.operation.name: name, **({self._shape.date.name: date} if date else {})}
        return Reading(values | {argument.name: value for argument, value in given.values() if argument is not None})

    def _moved(self) -> Reading | None:
        text = _without_dates(self._text)
        span = _SPAN.search(text)
        if span is None:
            return self._next_day()
        around = text[: span.start()] + " " + text[span.end() :]
        if _HOW_MANY.search(around) and not self._dates and _nearest(around) is None:
            return None
        back = bool(_BACK.search(around))
        if not back and not _AHEAD.search(around):
            return None
        unit = next(name for name, _ in _UNITS if span[name])
        base = self._base("now" if unit in _CLOCKED else "today")
        count = int(span["count"]) if span["count"].isdigit() else 1
        return self._shifted(base, -count if back else count, unit)

    def _next_day(self) -> Reading | None:
        """Return what "tomorrow" asks for."""
        near = _nearest(self._text)
        asks = _DATE.search(self._text) or _WEEKDAY.search(self._text)
        if near is None or not near[1] or not asks or self._dates or "today" not in self._near:
            return None
        return self._shifted("today", near[1], "days")

    def _shifted(self, base: str | None, count: int, unit: str) -> Reading | None:
        if base is None:
            return None
        shape = self._shape
        moved = self._reading("add", base, amount=(shape.amount, count), unit=(shape.unit, unit))
        named = self._reading("weekday", None) if _NAMED_WEEKDAY.search(self._text) else None
        if moved is None or named is None:
            return moved
        return Reading(named.values, moved.values, shape.date.name)

    def _base(self, near: str) -> str | None:
        """Return the date that is spoken of, else today where that may be written."""
        if self._dates:
            return self._dates[0]
        return near if near in self._near else next(iter(self._near), None)

    def _difference(self) -> Reading | None:
        if _AGE.search(self._text) and len(self._dates) == 1:
            ends = [self._dates[0], "today"] if "today" in self._near else []
        elif _BETWEEN.search(self._text) and (_HOW_LONG.search(self._text) or len(self._dates) > 1):
            ends = self._ends()
        else:
            return None
        if len(ends) != 2 or _SPAN.search(_without_dates(self._text)):
            return None
        unit = self._unit()
        given = {"unit": (self._shape.unit, unit)} if unit and self._shape.unit is not None else {}
        return self._reading("difference", ends[0], to=(self._shape.to, ends[1]), **given)

    def _ends(self) -> list[str]:
        """Return the two dates; today stands for one that is not said ("until", "since")."""
        near = _nearest(self._text)
        if len(self._dates) == 1 and "today" in self._near and (near is None or not near[1]):
            return [self._dates[0], "today"] if _SINCE.search(self._text) else ["today", self._dates[0]]
        return self._dates

    def _unit(self) -> str:
        """Return the unit a difference is asked in; empty for days, which it is in by itself."""
        if _AGE.search(self._text):
            return "years"
        text = _without_dates(self._text)
        found = next((name for name, form in _UNIT_FORMS if form.search(text)), "days")
        return "" if found == "days" else found

    def _weekday(self) -> Reading | None:
        if not _WEEKDAY.search(self._text) or len(self._dates) > 1:
            return None
        if not self._dates and not (_NAMED_WEEKDAY.search(self._text) or _nearest(self._text)):
            return None
        return self._reading("weekday", self._base("today"))

    def _now(self) -> Reading | None:
        if self._dates or not (_TIME.search(self._text) or (_DATE.search(self._text) and _nearest(self._text))):
            return None
        zones = [match["name"] for match in _ZONE.finditer(self._text)]
        zone = self._shape.zone
        return self._reading("now", None, **({"zone": (zone, zones[0])} if zones and zone is not None else {}))

    def _converted(self) -> Reading | None:
        moment, zones = _MOMENT.search(self._text), list(_ZONE.finditer(self._text))
        target = next((match["name"] for match in zones if match["to"]), None)
        if moment is None or target is None or not _ZONED.search(self._text):
            return None
        source = next((match["name"] for match in zones if match["from"]), None)
        start = {"zone": (self._shape.zone, source)} if source else {}
        return self._reading("convert", moment[0].replace(" ", "T"), target=(self._shape.target, target), **start)


def _without_dates(text: str) -> str:
    for mention in mentions(text):
        if all(part.kind == "date" for part in _parts(mention)):
            text = text[: mention.start] + " " * (mention.end - mention.start) + text[mention.end :]
    return text


def _dates(text: str) -> list[str]:
    """Return the dates written in a text; a moment of ISO form as it is."""
    moments = [match[0].replace(" ", "T") for match in _MOMENT.finditer(text)]
    return moments or [str(part.value)[:10] for one in mentions(text) for part in _parts(one) if part.kind == "date"]


def _parts(mention: Mention) -> tuple[Mention, ...]:
    return mention.parts or (mention,)


def _nearest(text: str) -> tuple[str, int] | None:
    return next(((word, shift) for word, shift, pattern in _NEAR if pattern.search(text)), None)
