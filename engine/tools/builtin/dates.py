"""``date_time``: the calendar and the clock, with time zones."""

from __future__ import annotations

import calendar
import difflib
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from engine.tools.function import tool
from schemas.errors import ToolArgumentsError

T = TypeVar("T")

Operation = Literal["now", "add", "difference", "convert", "weekday"]
Unit = Literal["seconds", "minutes", "hours", "days", "weeks", "months", "years"]

_SECONDS: dict[str, int] = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
_OFFSET = re.compile(r"^(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?$", re.I)
_FORMS = ("%Y/%m/%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%Y年%m月%d日")
_TWO_WAYS = re.compile(r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}$")
_NEAR_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


@tool(effects="none", kind="builtin", expected_s=0.001)
async def date_time(
    operation: Operation,
    date: str = "now",
    to: str | None = None,
    amount: int | None = None,
    unit: Unit = "days",
    time_zone: str = "UTC",
    to_time_zone: str | None = None,
) -> str | int | float:
    """Work with dates and times: the time now, add to a date, days between dates, convert time zones, weekday.

    Args:
        operation: now gives the current date and time; add moves a date by an amount; difference counts from date to
            another date; convert gives a time in another time zone; weekday names the day of the week.
        date: The date or time to start from, such as 2024-05-17, 2024-05-17T09:30, 17 May 2024, today or now.
        to: The later date for difference.
        amount: How many units to add; negative to go back.
        unit: Unit of amount and of the difference: seconds, minutes, hours, days, weeks, months or years.
        time_zone: Time zone of dates that name none, such as Europe/Berlin, Tokyo, UTC or +02:00.
        to_time_zone: Time zone to convert to.

    Returns:
        A date or time in ISO form, a number for difference, a day's name for weekday.
    """
    zone = find_zone(time_zone)
    start = read_moment(date, zone)
    match operation:
        case "now":
            return datetime.now(zone).isoformat(timespec="seconds")
        case "weekday":
            return calendar.day_name[start.weekday()]
        case "add":
            return _add(start, _given(amount, "amount", operation), unit, zone).isoformat()
        case "difference":
            return _difference(start, read_moment(_given(to, "to", operation), zone), unit, zone)
        case "convert":
            target = find_zone(_given(to_time_zone, "to_time_zone", operation))
            try:
                return _moment(start, zone).astimezone(target).isoformat()
            except OverflowError:
                raise ToolArgumentsError(f"{start} in {to_time_zone} is outside the years 1 to 9999") from None


def read_moment(text: str, zone: tzinfo) -> date | datetime:
    """Return a date, or an aware time; one without a zone is in ``zone``.

    Raises:
        ToolArgumentsError: It is no date, or one that can be read in two ways.
    """
    word = text.strip()
    now = datetime.now(zone).replace(microsecond=0)
    if word.lower() == "now":
        return now
    if word.lower() in _NEAR_DAYS:
        return now.date() + timedelta(days=_NEAR_DAYS[word.lower()])
    if _TWO_WAYS.match(word):
        raise ToolArgumentsError(f"'{word}' can be read in two ways", hint="write year-month-day, such as 2024-05-17")
    try:
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}|\d{4}-W\d{2}-\d", word):
            return date.fromisoformat(word)
        moment = datetime.fromisoformat(word)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError:
        return _read_words(word)


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name, its city, or an offset.

    Raises:
        ToolArgumentsError: There is no such zone; names near ones.
    """
    offset = _OFFSET.match(name.strip())
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes < 24 * 60:
            return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    wanted = "_".join(name.split())
    if wanted.upper() in ("UTC", "Z", "GMT"):
        return UTC
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(_zone_by_city(wanted))


def _zone_by_city(wanted: str) -> str:
    zones = available_timezones()
    if not zones:
        raise ToolArgumentsError(
            f"this system has no time zone data, so '{wanted}' is unknown", hint="install the package tzdata"
        )
    regions = sorted(zone for zone in zones if not zone.startswith(("Etc/", "SystemV/", "posix", "right")))
    matching = [
        zone for zone in regions if zone.rpartition("/")[2].lower() == wanted.lower() or zone.lower() == wanted.lower()
    ]
    if matching:
        return max(matching, key=lambda zone: "/" in zone)
    cities = {zone.rpartition("/")[2].lower(): zone for zone in regions}
    near = difflib.get_close_matches(wanted.rpartition("/")[2].lower(), cities, 1)
    raise ToolArgumentsError(
        f"there is no time zone '{wanted}'",
        hint=f"did you mean '{cities[near[0]]}'?" if near else "use a name such as Europe/Berlin, or +02:00",
    )


def _read_words(word: str) -> date:
    for form in _FORMS:
        try:
            return datetime.strptime(word, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise ToolArgumentsError(
        f"'{word}' is no date that can be read", hint="write it like 2024-05-17 or 2024-05-17T09:30"
    )


def _moment(value: date | datetime, zone: tzinfo) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=zone)


def _add(start: date | datetime, amount: int, unit: Unit, zone: tzinfo) -> date | datetime:
    """Days and longer go by the calendar (the same time of day), hours and shorter by the clock."""
    try:
        if unit in ("months", "years"):
            return _add_months(start, amount * (12 if unit == "years" else 1))
        if unit in ("days", "weeks"):
            return start + timedelta(days=amount * (7 if unit == "weeks" else 1))
        moment = _moment(start, zone)
        return (moment.astimezone(UTC) + timedelta(seconds=amount * _SECONDS[unit])).astimezone(moment.tzinfo)
    except (OverflowError, ValueError):
        raise ToolArgumentsError(f"{amount} {unit} from {start} is outside the years 1 to 9999") from None


def _add_months(start: date | datetime, months: int) -> date | datetime:
    """The same day of another month, or its last one: a month after 31 January is 28 or 29 February."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError("outside the calendar")
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def _difference(start: date | datetime, end: date | datetime, unit: Unit, zone: tzinfo) -> int | float:
    if unit in ("months", "years"):
        months = _full_months(_moment(start, zone), _moment(end, zone))
        return months if unit == "months" else int(months / 12)
    if isinstance(start, datetime) or isinstance(end, datetime):
        seconds = (_moment(end, zone).astimezone(UTC) - _moment(start, zone).astimezone(UTC)).total_seconds()
    else:
        seconds = (end - start).days * 86_400.0
    count = seconds / _SECONDS[unit]
    return int(count) if count.is_integer() else count


def _full_months(start: datetime, end: datetime) -> int:
    if end < start:
        return -_full_months(end, start)
    end = end.astimezone(start.tzinfo)
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - (_add_months(start, months) > end)


def _given(value: T | None, name: str, operation: str) -> T:
    if value is None:
        raise ToolArgumentsError(f"{name}: the operation '{operation}' needs it")
    return value
