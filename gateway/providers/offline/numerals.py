"""Numbers, times and days in a task written with figures: 三千五百, 百分之五, 下午3点半, 明天.

What stands in quotes stays as it is. Days like "tomorrow" are counted from the day the task names ("today is …"); in a
task that names none they stay as they are, for nobody here knows what day it is.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from gateway.providers.offline.dates import DATE, read_date
from gateway.providers.offline.quotes import outside_quotes

_DIGITS = {one: place for place, ones in enumerate(("零〇", "一壹", "二两兩贰", *"三四五六七八九")) for one in ones}
_TENS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_D, _T = "".join(_DIGITS), "十百千"
_CHINESE = rf"(?:[{_D}十][{_D}{_T}]*)(?:[万萬][{_D}{_T}]*)?(?:[亿億][{_D}{_T}万萬]*)?"
_PERCENT = re.compile(rf"百分之\s?(?P<number>\d[\d.]*|{_CHINESE}(?:点[{_D}]+)?)")
_COUNTED = (
    r"(?:个半?小?时|小时|分钟|秒|天|日|周|个?月|年|岁|元|块|美元|日元|欧元|英镑|公斤|千克|克|斤|公里|千米|米|厘米|升|度|倍"
    r"|次|人|位|本|份|字|页|条|行|円|ドル|時間|分|名|個)"
)
_NUMERAL = re.compile(
    rf"(?<![周星期礼拜第之{_D}{_T}\w])(?:{_CHINESE}(?:点[{_D}]+)?)(?=[^{_D}{_T}]|$)|(?<=[^\W\d_a-z])(?:{_CHINESE}(?:点[{_D}]+)?)"
)
_LARGE = re.compile(rf"[{_T}万萬亿億]")
_MIXED = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s?(?P<scale>[百千万萬亿億]+)(?!\w*步)")
_HALF_DAY = {"下午": 12, "晚上": 12, "傍晚": 12, "午後": 12, "오후": 12, "中午": 12, "저녁": 12}
_CLOCK = re.compile(
    r"(?P<half>上午|下午|早上|晚上|凌晨|中午|傍晚|午前|午後|오전|오후|저녁|아침)?\s?(?P<hour>\d{1,2})\s?"
    r"(?:点钟?|點鐘?|時(?!間)|시(?!간))(?:(?P<minute>\d{1,2})\s?[分분]?|(?P<thirty>半|반))?"
)
_TODAY = re.compile(
    r"(?:今天是|今日は|오늘은|\btoday is|\btoday's date is|\b(?:assume|given) today is)\s*(?:the )?"
    rf"(?P<day>{DATE.pattern})"
    r"(?:です|입니다|이다|이고|(?:[,，]?\s?(?:星期|周|礼拜)[一二三四五六日天]))?[。，,.;；、\s]*",
    re.IGNORECASE,
)
_SHIFTS = (
    (2, r"后天|後天|明後日|모레|\bthe day after tomorrow\b|\bday after tomorrow\b"),
    (1, r"明天|明日|내일|\btomorrow\b"),
    (-2, r"前天|一昨日|그저께|\bthe day before yesterday\b"),
    (-1, r"昨天|昨日|어제|\byesterday\b"),
    (0, r"今天|今日|오늘|\btoday\b"),
)
_AHEAD = re.compile(
    r"(?P<count>\d+)\s?(?:天|日)(?P<way>之?[后後]|之?前)|\bin (?P<days>\d+) days?\b|\b(?P<ago>\d+) days? ago\b"
)
_WEEKDAYS = ("一月monday", "二火tuesday", "三水wednesday", "四木thursday", "五金friday", "六土saturday", "日天sunday")
_WEEKDAY = re.compile(
    r"(?:(?<!一)(?P<which>上+|下+|本|这))?个?(?:周|星期|礼拜)(?P<day>[一二三四五六日天])|(?P<jawhich>来週|今週|先週)の?(?P<ja>[月火水木金土日])曜日?"
    r"|\b(?P<enwhich>next|this|last|on) (?P<en>monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
    re.IGNORECASE,
)


def in_figures(task: str) -> str:
    """Return a task with its numbers, times and known days in figures.

    >>> in_figures("把三千五百美元换算成日元"), in_figures("年利率百分之三"), in_figures("下午3点半")
    ('把3500美元换算成日元', '年利率3%', '15:30')
    >>> in_figures("今天是2024年3月5日，明天去「明天」")
    '2024-03-06 去「明天」'
    """
    return outside_quotes(_days(task), _figures)


def number_of(text: str) -> int | float:
    """Return the number a Chinese numeral means.

    >>> number_of("三千五百"), number_of("两万"), number_of("十五"), number_of("一百零三"), number_of("二点五")
    (3500, 20000, 15, 103, 2.5)
    """
    whole, _, rest = text.partition("点")
    total, section, digit = 0, 0, 0
    for sign in whole:
        if sign in _DIGITS:
            digit = digit * 10 + _DIGITS[sign] if digit and not section else _DIGITS[sign]
        elif sign in _TENS:
            section, digit = section + (digit or 1) * _TENS[sign], 0
        elif sign in "万萬":
            total, section, digit = total + (section + digit) * _MYRIADS[sign], 0, 0
        else:
            total, section, digit = (total + section + digit) * _MYRIADS[sign], 0, 0
    value = total + section + digit
    return float(f"{value}.{''.join(str(_DIGITS[sign]) for sign in rest)}") if rest else value


def _figures(text: str) -> str:
    text = _PERCENT.sub(lambda m: f"{_value(m['number'])}%", text)
    text = _NUMERAL.sub(_numeral, text)
    text = _MIXED.sub(_mixed, text)
    return _CLOCK.sub(_clock, text)


def _value(text: str) -> int | float | str:
    return text if text[0].isdigit() else number_of(text)


def _numeral(match: re.Match[str]) -> str:
    """Return a numeral in figures where it surely counts something: a large one, or one before a unit."""
    text, rest = match[0], match.string[match.end() :]
    whole = text.partition("点")[0]
    large = len(whole) > 1 and (_LARGE.search(whole) is not None)
    if rest.startswith(("点", "點", "時", "时")) and not rest.startswith(("時間",)):
        return str(number_of(whole))
    vague = text == "十" or (text in "一两二" and re.match(r"[个份本条位名件次種种者]", rest))
    if large or (not vague and re.match(_COUNTED, rest)):
        return f"{number_of(text)}"
    return text


def _mixed(match: re.Match[str]) -> str:
    value = float(match["number"])
    for sign in match["scale"]:
        value *= _TENS.get(sign) or _MYRIADS[sign]
    return f"{value:.12g}"


def _clock(match: re.Match[str]) -> str:
    hour = int(match["hour"])
    minute = 30 if match["thirty"] else int(match["minute"] or 0)
    if hour > 24 or minute > 59:
        return match[0]
    late = _HALF_DAY.get(match["half"] or "", 0)
    return f"{hour + late if late and hour < 12 else hour:02d}:{minute:02d}"


def _days(task: str) -> str:
    """Return a task that names today's date with the days counted from it as dates, and without the naming."""
    named = _TODAY.search(task)
    today = read_date(named["day"]) if named else None
    if named is None or today is None or not (task[: named.start()] + task[named.end() :]).strip():
        return task
    day = date.fromisoformat(today)
    told = outside_quotes(task[: named.start()] + task[named.end() :], lambda text: _dated(text, day))
    return re.sub(r"  +", " ", told).strip()


def _dated(text: str, today: date) -> str:
    for shift, pattern in _SHIFTS:
        text = re.sub(pattern, f" {(today + timedelta(shift)).isoformat()} ", text, flags=re.IGNORECASE)
    text = _WEEKDAY.sub(lambda match: f" {_weekday(match, today)} ", text)
    return _AHEAD.sub(lambda match: f" {_counted(match, today)} ", text)


def _weekday(match: re.Match[str], today: date) -> str:
    """Return the day that is meant: 下周一 is in the next week, "next Monday" the first one after today."""
    said = (match["day"] or match["ja"] or match["en"]).lower()
    wanted = next(place for place, names in enumerate(_WEEKDAYS) if said in names)
    if match["en"]:
        last = match["enwhich"].lower() == "last"
        shift = -((today.weekday() - wanted) % 7 or 7) if last else (wanted - today.weekday()) % 7 or 7
        return (today + timedelta(shift)).isoformat()
    which = match["which"] or match["jawhich"] or ""
    weeks = which.count("下") + which.count("来") - which.count("上") - which.count("先")
    return (today + timedelta(wanted - today.weekday() + 7 * weeks)).isoformat()


def _counted(match: re.Match[str], today: date) -> str:
    count = int(match["count"] or match["days"] or match["ago"])
    back = bool(match["ago"]) or (match["way"] or "").endswith("前")
    return (today + timedelta(-count if back else count)).isoformat()
