"""Questions over tables in other languages, put into the English forms that queries are read from."""

from __future__ import annotations

import re

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
_ENDING = re.compile(r"[をはの에의은는이가](?=\s|$)|\s*[を을를]?\s*(?:表示して|教えて|計算して|보여|알려|계산해).*$|(?:吗|呢)$|\b(?:est|ist|es)\b|的(?=\s|$)|中(?=\s|$)|里(?=\s|$)")


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
