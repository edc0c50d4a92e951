"""Words of a clause that are no typed value but fill an argument: choices, flags, key phrases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.providers.offline.affinity import role_of
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.glossary import operation
from gateway.providers.offline.words import CJK, Word, is_cjk, likeness, stem, stemmed, word_set, words

_NEGATED = re.compile(
    r"\b(?:no|not|without|exclude|excluding|don't|never|false|off|ohne|keine?|sans|sin)\b|不|没有|なし|없이",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"[,;.!?。，；、\"'“”‘’「」()\[\]]|\b(?:with|using|from|to|into|for|in|on|at|by|and|then|as|of|that|which|who"
    r"|is|are|mit|und|für|von|aus|nach|in|auf|avec|pour|dans|et|con|para|en|y|between|within|under|above"
    r"|over|based|per|via)\b",
    re.IGNORECASE,
)
_KINDS = (
    "csv|tsv|txt|md|json|jsonl|xml|ya?ml|html?|pdf|py|js|ts|log|parquet|sqlite|db|png|jpe?g|docx?|xlsx?|toml|ini|sql"
)
_LINK = re.compile(
    r"\s*(?:(?:is|are|as|of|being|be|to|named as|named|called|equal to|like|including|include)(?![A-Za-z])|[:=-])?"
    r"\s*(?:(?:the|an|a)(?![A-Za-z]))?\s*",
    re.IGNORECASE,
)
_CALLED = re.compile(r"\b(?:named|called|titled|entitled|labelled|namens|appelée?|llamad[oa])\s+", re.IGNORECASE)
_TOPIC = re.compile(
    r"\b(?:about|for|of|on|in|regarding|concerning|into|to|über|für|von|in|nach|zu|sur|pour|de|dans|sobre"
    r"|para|en)\b\s+(?:the |a |an |der |die |das |den |la |le |les |el |los )?",
    re.IGNORECASE,
)
_TO = re.compile(
    r"\b(?:to|into|in|nach|auf|en|vers|a)\s+(?:the )?(?P<value>[^\W\d][\w-]*(?: [A-Z][\w-]*)*)", re.IGNORECASE
)
_FROM = re.compile(
    r"\b(?:from|von|aus|depuis|desde)\s+(?:the )?(?P<value>[^\W\d][\w-]*(?: [A-Z][\w-]*)*)", re.IGNORECASE
)
_LISTED = re.compile(r"(?:[^\W\d][\w -]*?(?:,\s*(?:and\s+)?|\s+and\s+))*[^\W\d][\w-]*(?= |$|[.,;])")
_KANA_END = re.compile(r"[\u3040-\u309f]+$")
_CJK_OBJECT = re.compile(
    rf"(?:把|将|關於|关于|查询|搜索|查找|翻译|在)?(?P<value>[{CJK}A-Za-z0-9]+?)"
    r"(?:的|を|の|について|에 대해|에 대한|을|를|의|에서|で)"
)


def choice(argument: Argument, text: str) -> tuple[Any, tuple[int, int]] | None:
    """Return the enum or example value that a text names and its place (empty for one that is only meant), or None."""
    low = text.lower()
    options = [*argument.options, *argument.hints]
    for option in sorted(options, key=lambda one: -len(str(one))):
        if place := _spelled(str(option).lower(), low):
            return option, place
    by_stem = _by_stem(argument, text)
    if by_stem is not None:
        return by_stem
    meant = operation(argument.options, text)
    return None if meant is None else (meant, (0, 0))


def choices(argument: Argument, text: str) -> list[tuple[Any, tuple[int, int]]]:
    """Return all enum values that a text spells out, in its order, where no two share a place."""
    found: list[tuple[Any, tuple[int, int]]] = []
    low = text.lower()
    for option in sorted(argument.options, key=lambda one: -len(str(one))):
        place = _spelled(str(option).lower(), low)
        if place and not _overlaps(*place, [taken for _, taken in found]):
            found.append((option, place))
    return sorted(found, key=lambda one: one[1])


def _spelled(wanted: str, low: str) -> tuple[int, int] | None:
    plain = re.escape(wanted.replace("_", " ").replace("-", " ")).replace(r"\ ", r"[\s_-]+")
    edge = "" if re.search(f"[{CJK}]", wanted) else r"(?<![\w])"
    match = re.search(f"{edge}(?:{re.escape(wanted)}|{plain}){edge and r'(?![a-z0-9])'}", low) if wanted else None
    return match.span() if match else None


def _by_stem(argument: Argument, text: str) -> tuple[Any, tuple[int, int]] | None:
    said = {word.stem: (word.start, word.end) for word in words(text) if word.content}
    for option in argument.options:
        if isinstance(option, str) and len(option) > 2 and stem(option) in said:
            return option, said[stem(option)]
    return None


def pattern_named(argument: Argument, text: str) -> str | None:
    """Return the pattern of file names a text asks for ("csv files"), for an argument described by such patterns."""
    if "*" not in argument.description or not argument.textual:
        return None
    written = re.search(r"(?<!\S)[\w-]*\*\.?\w*", text)
    named = re.search(
        rf"(?<![\w.])\.?(?P<kind>{_KINDS})[\s-]?(?:files?|文件|ファイル|파일|dateien|datei)", text, re.IGNORECASE
    )
    named = named or re.search(rf"\b(?:fichiers?|archivos?) \.?(?P<kind>{_KINDS})\b", text, re.IGNORECASE)
    return written[0] if written else f"*.{named['kind'].lower()}" if named else None


def spoken_flag(argument: Argument, text: str, tool: OfferedTool) -> bool | None:
    """Return whether a clause turns a boolean argument on or off; None when it does not speak of it."""
    told = _told_flag(argument, text)
    if told is not None:
        return told
    telling = [one for one in argument.name_stems if one not in tool.stems and len(one) > 2 and one not in _SWITCH]
    spoken = words(text)
    spots = [w for w in spoken if any(likeness(one, w.stem) for one in telling)]
    hit = {one for one in telling for w in spots if likeness(one, w.stem)}
    if not telling or len(hit) < len(telling):
        return _switched(text) if argument.required else None
    before = text[max(0, spots[0].start - 18) : spots[0].start]
    after = text[spots[-1].end : spots[-1].end + 12]
    if re.match(r"\W*(?:to |is |as |= ?)?(?:false|off|no)\b", after, re.IGNORECASE):
        return False
    return not (_NEGATED.search(before.rsplit(",", 1)[-1]))


def _told_flag(argument: Argument, text: str) -> bool | None:
    """Return the flag whose verb a text holds, where the description says so: "true to lock it, false to unlock it"."""
    said = {word.text: word.start for word in words(text)}
    found = [
        (said[word.text], match["flag"].lower() == "true")
        for match in _FLAGS.finditer(argument.description)
        for word in words(match["what"])[:3]
        if word.content and word.text in said
    ]
    return min(found)[1] if found and len({flag for _, flag in found}) == 1 else None


def _switched(text: str) -> bool | None:
    if _OFF.search(text):
        return False
    return True if _ON.search(text) else None


_FLAGS = re.compile(
    r"\b(?P<flag>true|false)\b(?: means| when| if| to|:| =| -| for|,)*\s*"
    r"(?P<what>[^,.;]*?)(?=[,.;]|\bfalse\b|\btrue\b|$)",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\b(?:on|enabled?|activated?|yes|true|with|einschalten|activer?|activar?)\b|打开|开启|启用|是", re.IGNORECASE
)
_OFF = re.compile(
    r"\b(?:off|disabled?|deactivated?|no|false|without|not|ausschalten|désactiver?|desactivar?)\b|关闭|关掉|禁用|不|否",
    re.IGNORECASE,
)
_VAGUE = word_set(
    "asked given required requested needed mentioned provided specified wanted above below following same"
)
_SWITCH = stemmed("include including is has use with enable allow show should whether add")


def phrase(
    argument: Argument, text: str, tool: OfferedTool, spans: Sequence[tuple[int, int]], *, alone: bool
) -> tuple[str, tuple[int, int]] | None:
    """Return the words that fill a text argument, with their place; None when the clause has none.

    An optional argument has to be named ("category electronics"). A required one may also take what follows a
    preposition of its role, and, when it is the only one open, the clause's topic.
    """
    found = _after_name(argument, text, spans)
    if found or not argument.required:
        return found
    found = _by_role(argument, text, spans)
    if found or not alone:
        return found
    return _called(text, spans) or _leftover(text, tool, argument, spans)


def _clean(text: str, start: int, end: int) -> tuple[str, tuple[int, int]] | None:
    value = text[start:end]
    stripped = value.strip(" ,.;:\"'“”‘’「」\n\x01")
    stripped = re.sub(r"^(?:the|a|an|my|some|any|all|it|them)\b\s*", "", stripped, flags=re.IGNORECASE)
    if {word.text for word in words(stripped)} <= _VAGUE:
        return None
    if not stripped or not re.search(r"\w", stripped) or all(not word.content for word in words(stripped)):
        return None
    return stripped, (start, end)


def _overlaps(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start < stop and begin < end for begin, stop in spans)


def _after_name(argument: Argument, text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, tuple[int, int]] | None:
    """Return the phrase right behind the argument's own name."""
    if not argument.name_stems:
        return None
    key = argument.name_stems[-1]
    for word in words(text):
        if likeness(key, word.stem) < 1 or _overlaps(word.start, word.end, spans):
            continue
        linked = _LINK.match(text, word.end)
        start = linked.end() if linked else word.end
        end = _end(argument, text, start)
        if end - start > 40 or _overlaps(start, end, spans) or (start == word.end and start < len(text)):
            continue
        found = _clean(text, start, end)
        if found:
            return found
    return None


def _end(argument: Argument, text: str, start: int) -> int:
    """Return where the phrase that begins at ``start`` ends; a list goes on behind its commas."""
    listed = _LISTED.match(text, start) if argument.kind == "array" else None
    stop = listed or _STOP.search(text, start)
    return len(text) if stop is None else listed.end() if listed else stop.start()


def _by_role(argument: Argument, text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, tuple[int, int]] | None:
    pattern = {"from": _FROM, "to": _TO}.get(role_of(argument))
    for match in pattern.finditer(text) if pattern else ():
        found = _clean(text, match.start("value"), match.end("value"))
        if found and not _overlaps(*found[1], spans):
            return found
    return None


def _called(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, tuple[int, int]] | None:
    match = _CALLED.search(text)
    if not match:
        return None
    stop = _STOP.search(text, match.end())
    found = _clean(text, match.end(), stop.start() if stop else len(text))
    return found if found and not _overlaps(*found[1], spans) else None


def _leftover(
    text: str, tool: OfferedTool, argument: Argument, spans: Sequence[tuple[int, int]]
) -> tuple[str, tuple[int, int]] | None:
    """Return the clause's topic: what follows its preposition, else the longest run of words the tool does not know."""
    for match in _TOPIC.finditer(text):
        stop = _STOP.search(text, match.end())
        beside = any(start >= match.end() for start, _ in spans)
        rest = _clean(text, match.end(), stop.start() if stop and beside else len(text))
        if rest and not _overlaps(*rest[1], spans) and not _known(rest[0], tool, argument):
            return rest
    match = _CJK_OBJECT.search(text)
    if match and not _overlaps(match.start("value"), match.end("value"), spans):
        return _clean(text, match.start("value"), match.end("value"))
    return _longest_run(text, tool, spans)


def _longest_run(text: str, tool: OfferedTool, spans: Sequence[tuple[int, int]]) -> tuple[str, tuple[int, int]] | None:
    runs = unknown_runs(text, tool, spans)
    if not runs:
        return None
    best = max(runs, key=lambda run: run[-1].end - run[0].start)
    found = _clean(text, best[0].start, best[-1].end)
    return None if found and is_cjk(found[0]) and len(_KANA_END.sub("", found[0])) < 2 else found


def _known(text: str, tool: OfferedTool, argument: Argument) -> bool:
    said = [word.stem for word in words(text) if word.content]
    return all(any(likeness(one, other) for other in (*tool.stems, *argument.name_stems)) for one in said)


def unknown_runs(text: str, tool: OfferedTool, spans: Sequence[tuple[int, int]]) -> list[list[Word]]:
    """Return runs of meaningful words behind the first that neither the tool knows nor an argument has taken.

    Words right before a taken value only announce it and are left out.
    """
    runs: list[list[Word]] = []
    open_run = False
    said = words(text)
    known = [any(likeness(word.stem, one) for one in tool.stems) for word in said]
    for place, word in enumerate(said):
        mine = word.content and place > 0 and not _touches(said, known, place)
        mine = mine and not _overlaps(word.start, word.end, spans) and not _announces(text, word, spans)
        if mine and open_run:
            runs[-1].append(word)
        elif mine:
            runs.append([word])
        open_run = mine
    return runs


def _announces(text: str, word: Word, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start >= word.end and _LINK.fullmatch(text[word.end : start]) for start, _ in spans)


def _touches(said: Sequence[Word], known: Sequence[bool], place: int) -> bool:
    """Whether a word is known to the tool, or is a bigram that shares a character with one that is."""
    word = said[place]
    near = range(max(0, place - 1), min(len(said), place + 2))
    return any(known[at] and (at == place or (said[at].start < word.end and word.start < said[at].end)) for at in near)
