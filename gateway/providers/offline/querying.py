"""Which table a question is about, and what it asks, in the English forms that queries are read from."""

# ruff: noqa: E501 - one pattern a line

from __future__ import annotations

import re
from functools import lru_cache

from gateway.providers.offline.values import mentions

_FILE = re.compile(r"\.(?:csv|tsv|parquet|jsonl?|ndjson|sqlite3?|db)$", re.IGNORECASE)
_SPOKEN_FILE = re.compile(
    r"(?:\b(?:in|of|from|for|on|inside|within|does|do|has|aus|von|der|dans|de|du|en|del)\s+)?(?:\b(?:the|die|le|la|el|der)\s+)?"
    r"(?:\b(?:file|table|datei|tabelle|fichier|archivo|tabla|文件|表格?)\s*)?['\"]?\x02['\"]?\s*(?:中|里|的|では|には|の|は|에서|에는|의|은|는)?",
    re.IGNORECASE,
)
_TABLE = re.compile(r"\b(?:in|of|from|on)\s+(?:the\s+)?(?:(?P<a>\w+) table|table (?P<b>\w+))\b", re.IGNORECASE)
_N = r"(?P<n>\d+)"
_C = r"[^\W\d_](?:(?![的を의按])\w)*"
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), english)
    for pattern, english in (
        (rf"(?:请)?按\s?(?P<by>{_C})\s?(?:分组|统计|汇总|计算|求)+\s?(?P<c>{_C})\s?的?\s?(?:总和|总计|合计|总数|之和)", r"total \g<c> by \g<by>"),
        (rf"(?:请)?按\s?(?P<by>{_C})\s?(?:分组|统计|汇总|计算|求)+\s?(?P<c>{_C})\s?的?\s?平均值?", r"average \g<c> by \g<by>"),
        (r"(?:一共|总共|共)?有?(?:多少|几)(?:行|条记录)(?:数据)?", "how many rows"),
        (rf"前\s?{_N}\s?行", r"first \g<n> rows"),
        (r"有?(?:哪些列|什么列|哪些字段)", "columns"),
        (rf"(?P<c>{_C})\s?的?\s?(?:总和|总计|合计|之和)(?:是多少)?", r"total \g<c>"),
        (rf"(?P<c>{_C})\s?的?\s?平均值?(?:是多少)?", r"average \g<c>"),
        (rf"(?P<by>{_C})\s?(?:ごと|別)の?\s?(?P<c>{_C})\s?の?\s?合計", r"total \g<c> by \g<by>"),
        (rf"(?P<by>{_C})\s?(?:ごと|別)の?\s?(?P<c>{_C})\s?の?\s?平均", r"average \g<c> by \g<by>"),
        (r"(?:は|に)?何行(?:あります|ある|です)か?", "how many rows"),
        (rf"(?:最初の|先頭の?)\s?{_N}\s?行", r"first \g<n> rows"),
        (rf"(?P<c>{_C})\s?の\s?合計", r"total \g<c>"),
        (rf"(?P<c>{_C})\s?の\s?平均", r"average \g<c>"),
        (rf"(?P<by>{_C}?)\s?별\s?(?P<c>{_C})\s?의?\s?합계", r"total \g<c> by \g<by>"),
        (rf"(?P<by>{_C}?)\s?별\s?(?P<c>{_C})\s?의?\s?평균", r"average \g<c> by \g<by>"),
        (r"(?:은|는|에는?)?\s?몇\s?[행줄](?:이야|인가요|입니까|이\s?있(?:어|나요|습니까))?", "how many rows"),
        (rf"(?:처음|첫)\s?{_N}\s?행", r"first \g<n> rows"),
        (rf"(?P<c>{_C})\s?의?\s?합계", r"total \g<c>"),
        (rf"(?P<c>{_C})\s?의?\s?평균", r"average \g<c>"),
        (r"\bwie viele (?:zeilen|datensätze)\b(?: hat| gibt es| sind)?", "how many rows"),
        (r"\bcombien de lignes\b(?: y a-t-il| contient| a)?", "how many rows"),
        (r"\bcuántas filas\b(?: tiene| hay)?", "how many rows"),
        (rf"\b(?:die |les |las )?(?:ersten|premières|primeras) {_N} (?:zeilen|lignes|filas)\b", r"first \g<n> rows"),
        (rf"\b(?:les|las) {_N} (?:premières lignes|primeras filas)\b", r"first \g<n> rows"),
        (r"\b(?:die |la )?(?:gesamt)?(?:summe|somme|suma)(?: der| von| des?| de las?)?\b", "total"),
        (r"\b(?:der |den |das |la |el )?(?:durchschnitt(?:liche[nrs]?)?|mittelwert|moyenne|promedio)(?: der| von| des?| del?)?\b", "average"),
        (r"\b(?:je|pro|nach|par|por)\b", "by"),
        (r"\b(?:zeig(?:e|t)?|gib|montre|muestra|affiche)(?: mir|-moi|me)?\b", "show"),
        (r"\b(?:was ist|was sind|quelle est|quel est|cuál es)(?: die| der| la| le| el)?\b", "what is"),
    )
)  # fmt: skip
_ENDING = re.compile(
    r"[をはの에의은는이가](?=\s|$)|\s*[を을를]?\s*(?:表示して|教えて|計算して|보여|알려|계산해).*$|(?:吗|呢)$|\b(?:est|ist|es)\b|的(?=\s|$)|中(?=\s|$)|里(?=\s|$)"
)


def in_english(text: str) -> str:
    """Return a question over a table with what is asked of it in English; columns and values stay as they are.

    >>> in_english("Summe der units nach region")
    'total units by region'
    """
    told = text
    for pattern, english in _FORMS:
        told = pattern.sub(f" {english} ", told)
    if told != text:
        told = _ENDING.sub(" ", told)
    return re.sub(r"\s+", " ", told).strip()


@lru_cache(maxsize=64)
def data_file(text: str) -> tuple[str, int, int] | None:
    """Return the one data file a text names, with its place; None when there is none, or more than one."""
    found = [
        (str(part.value), part.start, part.end)
        for mention in mentions(text)
        for part in mention.parts or (mention,)
        if part.kind in ("path", "quote") and _FILE.search(str(part.value))
    ]
    return found[0] if len({name for name, _, _ in found}) == 1 else None


def table_asked(text: str) -> tuple[str, str] | None:
    """Return the table a question is about, and the question without it, in English."""
    named = data_file(text)
    if named is not None:
        table, start, end = named
        text = text[:start] + "\x02" + text[end:]
        question = in_english(re.sub(r"\s+", " ", _SPOKEN_FILE.sub(" ", text)))
    else:
        match = _TABLE.search(text)
        if match is None:
            return None
        table, question = match["a"] or match["b"], text[: match.start()] + text[match.end() :]
    return table, re.sub(r"\s+", " ", question).strip(" ,:?.!？。¿")
