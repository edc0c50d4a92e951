"""What a clause takes from earlier results: "it", "the two", "the converted amount"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.glossary import widen
from gateway.providers.offline.values import Mention
from gateway.providers.offline.words import Word, likeness, overlap, stem, words

_ONE = re.compile(
    r"\b(?:it|them|this|that|these|those|(?:the|this|that|its|their) (?:final )?(?:result|results|output"
    r"|outcome|answer|value)s?"
    r"|(?:the|that|this) (?:total |final |new |resulting |full )?(?:amount|number|figure|data|text|content"
    r"|total|list|information|response)\b(?! of\b)"
    r"|das ergebnis|die ergebnisse|daraus|davon|le résultat|les résultats|el resultado"
    r"|los resultados)\b(?! [a-z]+ing\b)"
    r"|\bwhat (?:was|is|were|has been) [a-z]+(?:ed|id|ld|en|wn|nd)\b"
    r"|结果|結果|它们?|其(?=[中余他实]|$)|これ|それ|그것|그 결과|결과",
    re.IGNORECASE,
)
_TWO = re.compile(
    r"\b(?:(?:the|these|those) two (?:results|numbers|values|amounts)|the (?:results|numbers|values)"
    r"|the two|these two|those two|both|them both|die beiden|beide[rn]?|les deux|los dos)\b"
    r"|两者|二者|兩者|两个|両方|二つ|두",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    r"\bthe (?P<which>first|second|third|fourth|last|previous) (?:result|answer|number|value|output)\b"
    r"|(?:第(?P<cjk>[一二三四1-4])个?(?:结果|結果|数))|(?P<ja>最初)の結果|(?P<ko>첫 번째) 결과",
    re.IGNORECASE,
)
_ORDER = {
    "first": 0,
    "second": 1,
    "third": 2,
    "fourth": 3,
    "last": -1,
    "previous": -1,
    "一": 0,
    "二": 1,
    "三": 2,
    "四": 3,
}
_OWNED = re.compile(
    r"\b(?:the|this|that|these|those|its|their|his|her|each|das|die|der|den|le|la|les|el|los)\b|[把将該该]|その|그",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"[を을를]")
_PREPOSITION = re.compile(
    r"\b(?:of|for|on|in|at|to|from|by|with|using|based|between|von|für|mit|de|para|pour)\b", re.IGNORECASE
)
_EXPLICIT = re.compile(r"\s*(?:-|:|=|of|is|as|at|equal to|to be|being|named|called)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A step whose result may be referred to, by its number."""

    id: int
    tool: OfferedTool

    def reference(self, part: Argument | None) -> str:
        """Return the template for one field of the result, or for the whole."""
        return f"{{{{{self.id}.{part.name}}}}}" if part is not None else f"{{{{{self.id}}}}}"


@dataclass(frozen=True, slots=True)
class Link:
    """A possible meaning of a cue: a field (None: the whole result) of an earlier step."""

    earlier: Earlier
    part: Argument | None
    strength: float


def pronouns(text: str) -> list[tuple[int, int]]:
    """Return the places of words that stand for a result, whatever it is."""
    return [match.span() for pattern in (_ONE, _TWO, _ORDINAL) for match in pattern.finditer(text)]


def cues(
    text: str, earlier: Sequence[Earlier], explicit: Sequence[Mention], own: frozenset[str] = frozenset()
) -> list[Mention]:
    """Return the places of a clause that speak of earlier results, as mentions whose value is a tuple of Links.

    ``own`` are the stems of the tool that is to be called: what it does itself is no earlier result.
    """
    if not earlier:
        return []
    taken = [(mention.start, mention.end) for mention in explicit]
    named = _named(text, earlier, explicit, own)
    found = [*named]
    for match in _TWO.finditer(text) if len(earlier) > 1 else ():
        if _free(match, taken):
            pair = enumerate(earlier[-2:], match.start())
            found += [Mention("ref", links_to(step, 0.8), start, match.end(), unit="pair") for start, step in pair]
            taken.append((match.start(), match.end()))
    for match in _ORDINAL.finditer(text):
        place = _place(match)
        if -len(earlier) <= place < len(earlier) and _free(match, taken):
            found.append(Mention("ref", links_to(earlier[place], 0.9), match.start(), match.end()))
            taken.append((match.start(), match.end()))
    for match in _ONE.finditer(text):
        if _free(match, taken) and not _said(match, named) and not _labels(text, match, explicit):
            found.append(Mention("ref", links_to(earlier[-1], 0.7), match.start(), match.end()))
    return sorted(found, key=lambda mention: mention.start)


def _place(match: re.Match[str]) -> int:
    said = (match["which"] or match["cjk"] or "first").lower()
    return int(said) - 1 if said.isdigit() else _ORDER[said]


def _free(match: re.Match[str], taken: Sequence[tuple[int, int]]) -> bool:
    return not any(match.start() < end and start < match.end() for start, end in taken)


def _said(match: re.Match[str], named: Sequence[Mention]) -> bool:
    """Whether "this" or "that" only points at a noun which is a cue itself ("that amount")."""
    return any(
        0 <= mention.start - match.end() <= 2 or mention.start <= match.start() < mention.end for mention in named
    )


def _labels(text: str, match: re.Match[str], explicit: Sequence[Mention]) -> bool:
    """Whether the words only announce a value ("the number 10")."""
    return any(m.start >= match.end() and _EXPLICIT.fullmatch(text[match.end() : m.start]) for m in explicit)


def links_to(step: Earlier, strength: float) -> tuple[Link, ...]:
    """Return all a step's result may mean, its first field first."""
    if not step.tool.returns:
        return (Link(step, None, strength),)
    return tuple(Link(step, part, strength - 0.02 * place) for place, part in enumerate(step.tool.returns))


def _named(text: str, earlier: Sequence[Earlier], explicit: Sequence[Mention], own: frozenset[str]) -> list[Mention]:
    """Return noun phrases that name a field of an earlier result ("the monthly payment") or what a step was about."""
    spoken = [word for word in words(text) if word.content and not _inside(word, explicit)]
    phrases = _phrases(text, spoken)
    found: list[Mention] = []
    for place, phrase in enumerate(phrases):
        if place < 2 and _does_itself(text, phrase, own):
            continue
        if _announces(text, phrase[-1].end, explicit):
            continue
        links = sorted(
            (link for step in earlier for link in _meant(step, phrase)),
            key=lambda link: (-link.strength, -link.earlier.id),
        )
        owned = bool(_OWNED.search(text[max(0, phrase[0].start - 8) : phrase[0].start + 1]))
        owned = owned or bool(_OBJECT.search(text[phrase[0].start : phrase[-1].end + 1]))
        if links and links[0].strength >= (0.5 if owned else 0.85):
            found.append(Mention("ref", tuple(links[:8]), phrase[0].start, phrase[-1].end))
    return found


def _announces(text: str, end: int, explicit: Sequence[Mention]) -> bool:
    """Whether a phrase up to ``end`` stands right before a value and is no more than its label."""
    towards = text[:end].endswith(("给", "給", "到", "向", "至", "入", "进", "成", "为"))
    return not towards and any(m.start >= end and _EXPLICIT.fullmatch(text[end : m.start]) for m in explicit)


def _does_itself(text: str, phrase: Sequence[Word], own: frozenset[str]) -> bool:
    """Whether a phrase before the clause's first preposition only says what the tool does."""
    ahead = _PREPOSITION.search(text)
    return all(word.stem in own for word in phrase) and (ahead is None or phrase[-1].end <= ahead.start())


def _inside(word: Word, explicit: Sequence[Mention]) -> bool:
    return any(mention.start <= word.start < mention.end for mention in explicit)


def _phrases(text: str, spoken: Sequence[Word]) -> list[list[Word]]:
    """Return runs of meaningful words with nothing but spaces between them."""
    runs: list[list[Word]] = []
    for word in spoken:
        if (runs and re.fullmatch(r"[\s_-]*", text[runs[-1][-1].end : word.start])) or (
            runs and word.start < runs[-1][-1].end
        ):
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _meant(step: Earlier, phrase: Sequence[Word]) -> list[Link]:
    said = [*(word.stem for word in phrase), *(stem(other) for word in phrase for other in widen(word.text))]
    about = step.tool.key
    related = max((likeness(one, other) for one in said for other in about), default=0.0)
    links: list[Link] = []
    for place, part in enumerate(step.tool.returns or ()):
        covered = overlap(part.name_stems, said)
        described = overlap(said, [*part.stems, *part.name_stems])
        strength = 0.7 * covered + 0.35 * described + 0.25 * related - 0.02 * place
        if covered or described > 0.5 or (related == 1.0 and len(step.tool.returns) == 1):
            links.append(Link(step, part, strength + (0.25 * related if len(step.tool.returns) == 1 else 0)))
    if not step.tool.returns and related:
        links.append(Link(step, None, 0.3 + 0.5 * overlap(said, about)))
    return links
