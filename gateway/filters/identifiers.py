"""What identifies a person, found in text: by its shape, and by its checksum where it has one.

Every pattern is bounded and begins at a place that one look at the characters beside it decides, so the time is linear
in the text, whatever it is. Sources: RFC 5321 (lengths of addresses), ITU-T E.164 (15 digits), ISO 13616 and SWIFT's
IBAN registry (lengths by country), ISO/IEC 7812 (Luhn, issuer ranges), the SSA on numbers that are never given out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Literal

from gateway.filters.window import Finder, Span

Label = Literal["email", "phone", "iban", "card", "ssn", "ip", "name"]
LABELS: tuple[Label, ...] = ("email", "phone", "iban", "card", "ssn", "ip")

_LATIN = "".join(chr(code) for code in range(0xC0, 0x250) if chr(code).isalpha())
_ADDRESS = "._%+-'" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + _LATIN
_DOMAIN = re.compile(
    rf"(?:[A-Za-z0-9{_LATIN}](?:[A-Za-z0-9{_LATIN}-]{{0,62}})\.){{1,8}}"
    r"(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,59})(?![A-Za-z0-9])"
)
_LONGEST_LOCAL = 64
_AROUND = "'.%_-"  # stands before an address more often than it begins one


class EmailFinder:
    """Finds e-mail addresses (implements ``Finder``)."""

    longest = 640

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them."""
        at = text.find("@", start)
        while at >= 0:
            before = text[max(start, at - _LONGEST_LOCAL - 1) : at]
            local = before[len(before.rstrip(_ADDRESS)) :].lstrip(_AROUND)
            domain = _DOMAIN.match(text, at + 1) if 0 < len(local) <= _LONGEST_LOCAL else None
            if domain is not None:
                yield at - len(local), domain.end(), "email"
            at = text.find("@", at + 1 if domain is None else domain.end())

    def open_from(self, text: str, start: int) -> int:
        """Return where an address may begin that goes on."""
        return max(start, len(text.rstrip(_ADDRESS + "@")))


IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE BI", "18": "DK FI FO GL NL", "19": "MK SI", "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR",
        "27": "BF BJ CF CG CI CM DJ FR GR IT KM MC MG ML MR NE SM SN TD TG",
        "28": "AL AZ AO BY CV CY DO DZ GA GT GW HN HU LB MZ NI PL SV", "29": "BR EG PS QA UA",
        "30": "JO KW MU YE", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,31}")
_IBAN_SIGN = re.compile(r"[0-9]{2}(?<=[A-Za-z]{2}[0-9]{2})")  # begins with digits: they are soon found
_IBAN_OPEN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{1,2}\Z|(?<![A-Za-z0-9])[A-Za-z]{2}\d(?:\d(?:[ -]?[A-Za-z0-9]){0,31}[ -]?)?\Z"
)


class IbanFinder:
    """Finds bank account numbers whose checksum holds (implements ``Finder``)."""

    longest = 72

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them."""
        at = start
        while (sign := _IBAN_SIGN.search(text, at)) is not None:
            begin = sign.start() - 2
            at = sign.end()
            match = _IBAN.match(text, begin) if begin >= start else None
            length = 0 if match is None else _iban_length(match.group())
            if length:
                at = begin + length
                yield begin, at, "iban"

    def open_from(self, text: str, start: int) -> int:
        """Return where a number may begin that goes on."""
        match = _IBAN_OPEN.search(text, start)
        return len(text) if match is None else match.start()


def _iban_length(candidate: str) -> int:
    """Return how much of a candidate is an IBAN; 0 when nothing is."""
    length = IBAN_LENGTHS.get(candidate[:2].upper(), 0)
    count = 0
    for at, char in enumerate(candidate):
        count += char not in " -"
        if count == length:
            plain = candidate[: at + 1].replace(" ", "").replace("-", "").upper()
            digits = "".join(str(int(char, 36)) for char in plain[4:] + plain[:4])
            follows = candidate[at + 1 : at + 2]
            return at + 1 if int(digits) % 97 == 1 and not follows.isalnum() else 0
    return 0


_STRETCH = re.compile(r"[+(0-9][0-9(). /+\-\u00a0]{6,}")  # nothing shorter is looked for
_START = re.compile(r"[+(0-9][0-9(]*")
_PLAIN_CARD = r"\d{13,19}"
_CARD = re.compile(
    rf"(?:{_PLAIN_CARD}|\d{{4}}([ -])\d{{4}}\1\d{{4}}\1\d{{1,7}}|\d{{4}}([ -])\d{{6}}\2\d{{4,5}})(?![\d])"
)
_SSN = re.compile(r"(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}(?!\d|\.\d)")
_VERSION = re.compile(r"(?:\bv|\bver(?:sion)?|\brelease|§)[ .:=]{0,3}\Z", re.IGNORECASE)
_PHONES = tuple(
    re.compile(pattern + r"(?![\d])")
    for pattern in (
        r"(?:\+|00)\(?[1-9]\d{0,2}\)?(?:[ .\-/()\u00a0]{0,3}\d){6,13}",
        r"(?:1[ .\-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .\-])[2-9]\d{2}[ .\-]\d{4}",
        r"\(?0[1-9]\d{0,4}\)?(?:[ /.\-]{1,2}\d{2,8}){1,5}",
        r"1[3-9]\d{9}",
    )
)
_BARE_PHONE = re.compile(r"\(?\d{2,5}\)?(?:[ .\-/]?\d){4,12}(?!\d)")
_ANY = re.compile(
    "|".join(pattern.pattern for pattern in (_SSN, _IPV4, *_PHONES, _BARE_PHONE)).replace("\\1", "[ -]")
    + r"|\d{4}[ \d-]\d{4}"
)
_PHONE_WORDS = re.compile(
    r"(?:tel|phone|mobil|mob\b|cell|call|fax|whatsapp|sms|handy|t[ée]l[ée]fon|m[óo]vil|rufnummer|電話|电话|手机|手機|"
    r"携帯|전화|휴대폰|тел)[^\d]{0,12}\Z",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}")
_LOOK_BACK = 24
_NUMBER = "0123456789"
_JOINTS = " .-/()+\u00a0"


class NumberFinder:
    """Finds payment cards, IPv4 addresses, social security and telephone numbers (implements ``Finder``)."""

    longest = 72

    def __init__(self, labels: Iterable[Label]) -> None:
        wanted = set(labels)
        self._ends = [(label, end) for label, end in _ENDS if label in wanted]

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them."""
        at = start
        for stretch in _STRETCH.finditer(text, start):
            at = max(at, stretch.start())
            while (match := _START.search(text, at, stretch.end())) is not None:
                begin, at = match.span()
                what, end = self._kind(text, begin)
                if what:
                    at = end
                    yield begin, end, what

    def _kind(self, text: str, begin: int) -> tuple[str, int]:
        """Return what begins at a place and where it ends; an empty name for nothing."""
        before = text[begin - 1] if begin else " "
        if _ANY.match(text, begin) is None or before.isalnum():
            return "", 0
        for label, end_of in self._ends:
            end = end_of(text, begin)
            if end > begin:
                return label, end
        return "", 0

    def open_from(self, text: str, start: int) -> int:
        """Return where a number may begin that goes on."""
        at = max(start, len(text.rstrip(_NUMBER + _JOINTS)))
        while at < len(text) and text[at] in " .-/)\u00a0":
            at += 1
        return at


def card_end(text: str, begin: int) -> int:
    """Return where a payment card's number that begins here ends; 0 where none does."""
    match = None if text[begin - 1 : begin] in (".", "-") and begin else _CARD.match(text, begin)
    if match is None:
        return 0
    digits = match.group().replace(" ", "").replace("-", "")
    return match.end() if _issued(digits) and luhn(digits) else 0


def luhn(digits: str) -> bool:
    """Whether a number's check digit is right.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0


def _issued(digits: str) -> bool:
    """Whether a number of this length may begin so."""
    size, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return size in (13, 16, 19)
    if two in (34, 37):
        return size == 15
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in (36, 38, 39, 30):
        return size >= 14
    return size >= 16 and (two in (35, 62, 65) or four == 6011 or 644 <= int(digits[:3]) <= 649)


def ssn_end(text: str, begin: int) -> int:
    """Return where what is shaped like a US social security number ends; 0 where none begins."""
    if begin and text[begin - 1] in "-.":
        return 0
    match = _SSN.match(text, begin)
    return 0 if match is None else match.end()


def ipv4_end(text: str, begin: int) -> int:
    """Return where an address ends; 0 where none begins, or a version's number does."""
    if begin and text[begin - 1] == ".":
        return 0
    match = _IPV4.match(text, begin)
    if match is None or match.group() in ("0.0.0.0", "127.0.0.1"):
        return 0
    return 0 if _VERSION.search(text, max(0, begin - _LOOK_BACK), begin) else match.end()


def phone_end(text: str, begin: int) -> int:
    """Return where a telephone number ends; 0 where none begins."""
    if (begin and text[begin - 1] in ".-/:") or _DATE.match(text, begin):
        return 0
    for pattern in _PHONES:
        match = pattern.match(text, begin)
        if match is not None and 8 <= sum(map(str.isdigit, match.group())) <= 15:
            return match.end()
    match = _BARE_PHONE.match(text, begin)
    if match is None or not _PHONE_WORDS.search(text, max(0, begin - _LOOK_BACK), begin):
        return 0
    return match.end()


_ENDS: tuple[tuple[Label, Callable[[str, int], int]], ...] = (
    ("card", card_end),
    ("ip", ipv4_end),
    ("ssn", ssn_end),
    ("phone", phone_end),
)
_HEX = "0123456789abcdefABCDEF:."
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:][0-9A-Fa-f:.]{3,44}(?![\w:])")


class Ipv6Finder:
    """Finds IPv6 addresses of at least three written groups (implements ``Finder``)."""

    longest = 48

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them."""
        if text.count(":", start) < 2:
            return
        at = start
        while (match := _IPV6.search(text, at)) is not None:
            at = match.start() + 1
            end = match.end() - (text[match.end() - 1] == ".")
            if _is_ipv6(text[match.start() : end]):
                at = end
                yield match.start(), end, "ipv6"

    def open_from(self, text: str, start: int) -> int:
        """Return where an address may begin that goes on."""
        at = max(start, len(text.rstrip(_HEX)))
        inside = at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")
        return len(text) if inside else at


def _is_ipv6(candidate: str) -> bool:
    if candidate.count(":") < 2 or sum(map(bool, candidate.split(":"))) < 3:
        return False
    try:
        return ip_address(candidate).version == 6
    except ValueError:
        return False


def finders(labels: Iterable[Label]) -> Sequence[Finder]:
    """Return what finds these, in the order in which they are to be looked for."""
    wanted = set(labels)
    made: list[Finder] = []
    if "email" in wanted:
        made.append(EmailFinder())
    if "iban" in wanted:
        made.append(IbanFinder())
    if wanted & {label for label, _ in _ENDS}:
        made.append(NumberFinder(wanted))
    if "ip" in wanted:
        made.append(Ipv6Finder())
    return made
