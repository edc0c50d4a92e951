"""A task in clauses: what is asked, one thing after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.providers.offline.glossary import widen
from gateway.providers.offline.quotes import QUOTED
from gateway.providers.offline.words import CJK, Word, stem, stemmed, word_set, words

_HARD = re.compile(
    r"(?<=[^\d\s.])[.!?]+(?:\s+|$)(?=\S|$)|(?<=\d)[.!?](?:\s+(?=\D)|\s*$)|[。！？；]|;\s|\n+"
    r"|(?:,\s*|\s+)(?:and\s+)?(?:then|after that|afterwards|finally|lastly|next(?=,))[,\s]\s*(?:also\s+)?"
    r"|,?\s+but\s+(?=do not|don't|never)"
    r"|(?:,\s*|\s+)(?:und\s+)?(?:dann|danach|anschließend|schließlich|zuletzt)\s"
    r"|(?:,\s*|\s+)(?:et\s+)?(?:puis|ensuite|enfin)[,\s]|(?:,\s*|\s+)(?:y\s+)?(?:luego|después|finalmente)[,\s]"
    r"|[，,、\s]*(?:然后|接着|之后再|随后|最后|并且|然後|接著)[，,、]?"
    r"|[、,，\s]*(?:それから|その後|そのあと|続いて|最後に|次に)[、,]?"
    r"|(?<=한) 다음(?:에)? |(?<=한) 후(?:에)? |[,\s]+(?:그리고 나서|그런 다음|그다음|그 다음|그리고|마지막으로)[,\s]",
    re.IGNORECASE,
)
_SOFT = re.compile(
    r",\s*(?:and\s+|und\s+|et\s+|y\s+)?(?:also\s+)?|\s+(?:and|und|et|y)\s+(?:also\s+)?|[，、]\s*(?:并|再|且)?"
    r"|(?<=.)(?:并|再)(?!且)",
    re.IGNORECASE,
)
_ENUMERATED = re.compile(r"(?:^|(?<=\s))\(?(?P<number>\d{1,2})[.)]\s+(?=\D)|(?:^|(?<=\n))[-*•]\s+")
_LEAD = re.compile(
    r"^(?:[\s,，、]*(?:then|also|and|finally|lastly|next|first|firstly|second|third|after that|afterwards"
    r"|please|kindly|"
    r"(?:can|could|would|will) you(?: please)?|i(?:'d| would)? (?:want|need|like|also want"
    r"|also need)(?: you)? to|help me(?: to)?|"
    r"let's|tell me|sag mir|dis-moi|dime|告诉我|bitte|zuerst|dann|danach|anschließend|schließlich|und|d'abord|puis"
    r"|ensuite|enfin|primero|luego|"
    r"请|首先|先|然后|接着|之后|最后|并|再|まず|それから|その後|次に|最後に|"
    r"먼저|그리고|그런 다음|마지막으로)(?=[\s,，、]|[^\x00-\x7f]|$)[\s,，、]*)+",
    re.IGNORECASE,
)
_OBJECT = word_set(
    "the a an all its it them this that these those my me our how what whether der die das den le la les el los"
)
_ASKS = word_set(
    "what how which who where when whose was wie welche welcher wer wo wann quel quelle combien qué cuál cuánto"
)
_AHEAD = 200  # characters behind a joint that tell whether a request follows
_ALONE = re.compile(r"[\w]+\s*(?:,|and\b|\.|$)")
_GATHERS = re.compile(r"(?:the )?(?:sum|total|average|mean|product|difference|square root|median) of\b", re.IGNORECASE)
_ANOTHER = re.compile(r"(?:(?:the|another|a second) one|another) (?:in|for|with|of|from|at|on|that)\b", re.IGNORECASE)
_VERBS = stemmed("wait sleep delete remove rename send install download upload double triple halve")
_ASKS_ON = re.compile(r"[并再且]")
_CJK_OPENS = re.compile(
    r"[^，。,]*[\u3040-\u30ff\uac00-\ud7af]"  # these two end in their verb
    r"|(?:分别|同时|也|还)?(?:请|帮我|给|替我|把|将|为|从|查|搜|找|读|写|存[到入为进]|保存|发|寄|翻译|计算|算|换算|转换|兑换|生成|创建|建立|新建|提醒"
    r"|总结|概括|摘要|打开|关闭|关掉|删除|订|预订|预定|买|购买|告诉|比较|统计|画|播放|列出|显示|展示|添加|加入|设置|设定|更新|修改|检查|分析|推荐|安排"
    r"|记录|下载|上传|打印|获取|看看|取消|确认|启动|停止|运行|执行|合并|整理|评估|预测|识别|提取|压缩|导出|导入)",
)
_BRACKETS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|https?://\S+")
_JA_LINK = re.compile(r"(?<=[てで])[、,]|(?<=し)[、,]|(?<=고)[,\s]\s*|(?<=[서며])[,]\s*")
_DOTTED = re.compile(
    r"(?:(?-i:\b[A-Z])|\b(?:mr|mrs|ms|dr|st|vs|inc|no|e\.g|i\.e|etc|approx|z\.b|u\.s))\.$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing asked.

    Attributes:
        text: The clause without its connective.
        start: Where it begins in the task.
        linked: Whether a connective says that it goes on from what came before.
    """

    text: str
    start: int
    linked: bool = False


def split(task: str, verbs: Iterable[str]) -> list[Clause]:
    """Return the clauses of a task.

    Sentence ends, list numbers and connectives always split; a comma or "and" splits where a verb follows: a stem in
    ``verbs`` (the first words of what the tools say of themselves), a word that opened an earlier clause, or a word
    before an article or pronoun.
    """
    masked = _mask(task)
    known = {*verbs, *_VERBS}
    found: list[Clause] = []
    for start, end, linked in _hard_pieces(masked):
        piece = masked[start:end]
        lead = _LEAD.match(piece)
        opening = words(piece[lead.end() if lead else 0 :])
        if opening and opening[0].content and opening[0].text.isascii():
            known.add(opening[0].stem)
        for part_start, part_end, soft in _soft_pieces(masked, start, end, known):
            clause = _trimmed(task, masked, part_start, part_end, linked or soft)
            if clause is not None:
                found.append(clause)
    return sorted(found, key=lambda clause: clause.start)


def _mask(task: str) -> str:
    """Return the text with everything quoted or in brackets blotted out, length unchanged."""
    for pattern in (QUOTED, _BRACKETS):
        task = pattern.sub(lambda match: "\x01" * len(match[0]), task)
    return task


def _hard_pieces(masked: str) -> list[tuple[int, int, bool]]:
    cuts = [
        (m.start(), m.end(), bool(re.search(r"\w", m[0])))
        for m in _HARD.finditer(masked)
        if not _abbreviation(masked, m)
    ]
    cuts += [(m.start(), m.end(), False) for m in _list_marks(masked)]
    cuts += [(m.start(), m.end(), True) for m in _JA_LINK.finditer(masked)]
    pieces: list[tuple[int, int, bool]] = []
    start, linked = 0, False
    for cut_start, cut_end, joins in sorted(cuts):
        if cut_start >= start:
            pieces.append((start, cut_start, linked))
        start, linked = max(start, cut_end), joins
    return [*pieces, (start, len(masked), linked)]


def _list_marks(masked: str) -> list[re.Match[str]]:
    """Return bullets, and numbers that count 1, 2, … (a sentence may end in a number too)."""
    marks: list[re.Match[str]] = []
    due = 1
    for match in _ENUMERATED.finditer(masked):
        if match["number"] is None:
            marks.append(match)
        elif int(match["number"]) == due:
            marks.append(match)
            due += 1
    return marks if due != 2 else [match for match in marks if match["number"] is None]


def _abbreviation(masked: str, match: re.Match[str]) -> bool:
    return (
        match[0].startswith(".")
        and bool(_DOTTED.search(masked[max(0, match.start() - 12) : match.start() + 1]))
        and match.end() < len(masked)
    )


def _soft_pieces(masked: str, start: int, end: int, known: set[str]) -> list[tuple[int, int, bool]]:
    pieces: list[tuple[int, int, bool]] = []
    begin = start
    for match in _SOFT.finditer(masked, start, end):
        if match.start() > begin and _verb_follows(
            masked[match.end() : min(end, match.end() + _AHEAD)], known, match[0]
        ):
            pieces.append((begin, match.start(), begin > start))
            begin = match.end()
    return [*pieces, (begin, end, begin > start)]


def _verb_follows(rest: str, known: set[str], joint: str) -> bool:
    rest = _LEAD.sub("", rest, count=1)
    if re.match(rf"[{CJK}]", rest):
        return len(rest) > 3 and joint.strip() != "、" and bool(_ASKS_ON.search(joint) or _CJK_OPENS.match(rest))
    following = words(rest[:80])
    if not following or following[0].start:
        return False
    gathers = joint.strip().startswith((",", "and")) and bool(_GATHERS.match(rest))
    if gathers or _ANOTHER.match(rest) or _spoken_verb(following[0], known):
        return True
    return _known_verb(rest, following, known) or _opens_like_a_request(rest, following)


def _known_verb(rest: str, following: Sequence[Word], known: set[str]) -> bool:
    first = following[0]
    if first.stem not in known or first.text[:1] != rest[:1] or _ALONE.match(rest):
        return False
    return len(following) < 2 or following[1].text not in ("of", "is", "as", "equal")


def _spoken_verb(first: Word, known: set[str]) -> bool:
    """Whether a word of another language is a verb the tools know."""
    return any(stem(other) in known for other in widen(first.text))


def _opens_like_a_request(rest: str, following: Sequence[Word]) -> bool:
    """Whether words begin with a question word, or a word before an article or pronoun that may be a verb."""
    first = following[0]
    if not rest[:1].islower():
        return False
    if first.text in _ASKS and len(following) > 2:
        return True
    endings = ("ing", "ed") if first.text.endswith("ply") else ("ing", "ed", "ly")
    shaped = first.content and len(following) > 1 and following[1].text in _OBJECT
    return shaped and not first.text.endswith(endings) and len(first.text) > 2


def _trimmed(task: str, masked: str, start: int, end: int, linked: bool) -> Clause | None:
    lead = _LEAD.match(masked[start:end])
    begin = start + (lead.end() if lead else 0)
    text = task[begin:end].rstrip(" ,，、;；.。\n\t")
    if not text.strip() or not re.search(r"\w", text):
        return None
    shift = len(text) - len(text.lstrip())
    return Clause(text.strip(), begin + shift, linked)


def opening_stems(descriptions: Iterable[str]) -> set[str]:
    """Return the stems of the first words of descriptions: the verbs the tools know."""
    return {stem(first[0].text) for first in (words(text[:60]) for text in descriptions) if first}
