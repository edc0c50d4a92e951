"""Rules for messages that lean on what was said before: which do, and which only change a value of the last request."""

from __future__ import annotations

import re

from gateway.words import spaced

_LEANS = re.compile(
    r"^\W*(?:and|also|but|or|no|not|nope|yes|ok|actually|instead|sorry|rather|what about|how about|same|then|again|more"
    r"|why|only|just|make|change|compare|except|without|with|for|in"
    r"|und|auch|aber|oder|nein|nicht|doch|dann|jetzt|et|mais|non|plut[oô]t|pareil|aussi|ou|alors|y|pero|tambi[eé]n|mejor"
    r"|entonces|e|ma|anche|invece|mas|n[aã]o|а|и|но|нет|тоже)\b"
    r"|\b(?:it|its|that|this|these|those|them|they|their|he|she|him|her|his|there|ones?|former|latter|same|both|above"
    r"|previous|earlier|second|third|other|another|else|instead|too|again|as well|result|answer"
    r"|es|das|dies\w*|jene\w*|ihn|ihm|dort|dazu|davon|damit|daf[uü]r|dar[uü]ber|zweite\w*|dritte\w*|letzte\w*|andere\w*"
    r"|nochmal|stattdessen|dasselbe|gleiche|[cç]a|cela|ceci|celui|celle|ceux|celles|lui|leur|m[eê]me|autres?|deuxi[eè]me"
    r"|premi[eè]re?|derni[eè]re?|eso|esto|es[ae]|est[ae]|aquello|ella|ellos|mismo|misma|otr[oa]|segund[oa]|primer[oa]"
    r"|[uú]ltim[oa]|anterior|all[ií]|ah[ií]|quello|questo|stesso|altro|secondo|isso|isto|esse|outro"
    r"|это|этот|тот|он|она|они|там|второй|первый|другой)\b"
    r"|[那这這它他她]|第[一二三四五六七八九十\d]+[个個]|同样|同樣|一样|一樣|[也再还還]|刚才|剛才|上面|前面|之前|另外|换成|改成|不是"
    r"|それ|これ|あれ|その|この|あの|そこ|同じ|同様|もう|また|じゃ|では|なく|二番目|次の|前の"
    r"|그것|그거|이것|저것|그럼|같은|똑같|다시|말고|아니|두 번째|거기",
    re.IGNORECASE,
)
_SHORT_WORDS, _SHORT_SIGNS = 3, 6
_LEAD = re.compile(
    r"^\W*(?:(?:and|or|what about|how about|no|sorry|actually|rather|i meant?|do|the|same|now|then|again|please|instead"
    r"|und|nein|doch|ich meinte|was ist mit|wie (?:ist|w[aä]re) es mit|et|non|je voulais dire|plut[oô]t|pareil|y|e"
    r"|quise decir|que tal|qu[eé] hay de|а|и)\b[\s,:;]*)+"
    r"(?:\b(?P<before>for|in|of|with|on|at|about|to|from|until|thing|f[uü]r|nach|mit|von|bis|pour|[aà]|avec|para|con|en|de)\b\s*)*",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"[\s,]*(?:\b(?:instead|please|then|too|bitte|stattdessen|plut[oô]t|por favor)\b)?[\s?!.…]*$", re.IGNORECASE
)
_YEAR = re.compile(r"(?<![\w.,])(?:1[89]|20)\d\d(?![\w]|[.,]\d)")
_DATE = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])|(?<![\w.])\d{1,2}\.\d{1,2}\.\d{4}(?!\w)")
_SHARE = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)* ?(?:%|percent\b|per cent\b|Prozent\b|pour cent\b)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-]| ?%| percent| per cent| Prozent)")
_NAME = re.compile(r"(?<=[\w,;:] )[A-ZÀ-Þ][\w&.'-]*\w(?: (?:[A-ZÀ-Þ][\w&.'-]*\w))*")
_POSSESSIVE = re.compile(r"['’]s$")
_ONE_NAME = re.compile(r"[A-ZÀ-Þ][\w&.'-]*(?: [A-ZÀ-Þ][\w&.'-]*)*")


def leans(message: str) -> bool:
    """Return whether a message cannot be understood alone, as far as its words tell.

    >>> leans("and for 2023?"), leans("How many inhabitants does Berlin have?")
    (True, False)
    """
    signs = re.findall(r"\w", message)
    short = len(message.split()) <= _SHORT_WORDS if spaced(message) else len(signs) <= _SHORT_SIGNS
    return short or _LEANS.search(message) is not None


def in_place(asked: str, message: str) -> str:
    """Return a request with one of its values replaced by the one that a follow-up names; empty where that is not sure.

    >>> in_place("What was Apple's revenue in 2022?", "and for Microsoft?")
    "What was Microsoft's revenue in 2022?"
    >>> in_place("what is 12 percent of 3400?", "and of 5000?")
    'what is 12 percent of 5000?'
    """
    lead = _LEAD.match(message)
    if lead is None:
        return ""
    value = _TAIL.sub("", message[lead.end() :])
    before = lead["before"] or ""
    for kind in (_DATE, _SHARE, _YEAR, _NUMBER):
        if kind.fullmatch(value):
            return _swapped(asked, kind, value, before)
    return _swapped(asked, _NAME, value, before) if _ONE_NAME.fullmatch(value) else ""


def _swapped(asked: str, kind: re.Pattern[str], value: str, before: str) -> str:
    """Put a value in place of the one of its kind; of several, of the one that stands after the same word (of, to)."""
    found = {_POSSESSIVE.sub("", match[0]) for match in kind.finditer(asked)}
    if len(found) > 1 and before:
        after = re.compile(rf"\b{re.escape(before)}\s+(?={kind.pattern})", kind.flags | re.IGNORECASE)
        found = {match[0] for lead in after.finditer(asked) if (match := kind.match(asked, lead.end())) is not None}
    if len(found) != 1 or value in found:
        return ""
    return re.sub(rf"(?<!\w){re.escape(found.pop())}(?!\w)", lambda _: value, asked)
