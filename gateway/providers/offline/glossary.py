"""General words in other European languages, so that a task finds tools that describe themselves in English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from gateway.providers.offline.words import word_set

_CONCEPTS = {
    "calculate": "berechne calcule calcula rechne",
    "search": "suche cherche busca",
    "read": "lies lis lee",
    "write": "schreib schreibe schreiben écris écrire "
    "escribe escríbelo escribir guarda guárdalo speichere speichern enregistre",
    "list": "liste auflisten lista",
    "file": "datei dateien fichier fichiers archivo archivos",
    "folder": "ordner verzeichnis dossier carpeta",
    "table": "tabelle tableau tabla",
    "date": "datum fecha",
    "time": "uhrzeit zeit heure hora",
    "day": "tage tag jours jour días día",
    "difference": "unterschied differenz différence diferencia",
    "text": "texte texto",
    "number": "zahl zahlen nombre número",
    "sum": "summe somme suma",
    "average": "durchschnitt moyenne promedio",
    "question": "frage pregunta",
    "summarize": "zusammen zusammenfassung résume résumé resume resumen",
    "translate": "übersetze übersetzen übersetzung traduis traduire traduce traducir",
    "convert": "konvertiere konvertieren umrechnen rechne convertis convertir convierte",
    "send": "sende senden schicke schicken envoie envoyer envía enviar",
    "create": "erstelle erstellen crée créer crea crear",
    "compare": "vergleiche vergleichen compare comparer compara comparar",
    "count": "zähle zählen compte compter cuenta contar",
    "delete": "lösche löschen supprime supprimer borra borrar elimina",
}


LANGUAGES = tuple(
    sorted(
        word_set(
            """english german french spanish italian portuguese dutch swedish norwegian danish finnish polish czech
            russian ukrainian turkish arabic hebrew hindi bengali urdu persian chinese mandarin cantonese japanese
            korean vietnamese thai indonesian malay greek latin romanian hungarian deutsch englisch französisch
            spanisch italienisch chinesisch japanisch koreanisch anglais allemand espagnol français chinois japonais
            coréen español inglés francés alemán"""
        )
    )
)
_ALIKE = tuple(
    word_set(group)
    for group in (
        "search find look lookup locate discover query",
        "get fetch retrieve obtain",
        "create make generate produce build add new",
        "delete remove erase clear",
        "update change modify edit adjust",
        "send mail email message",
        "buy purchase order",
        "book reserve reservation booking",
        "calculate compute determine evaluate estimate work",
        "save store write record keep",
        "summarize summary summarise shorten condense digest",
        "transcribe transcript transcription speech recognize recognition",
        "describe description caption captioning",
        "speak spoken speech aloud voice read",
        "picture photo image photograph",
        "phone telephone mobile",
        "price cost",
        "film video",
        "schedule plan arrange",
        "remind reminder alert notify notification",
        "start launch run begin",
        "stop end halt",
        "check verify validate",
        "answer reply respond question",
        "classify categorize label detect detection",
        "detect find spot recognize identify",
        "convert change transform turn",
        "city town place location",
        "person people contact",
        "fast quick speed",
        "far distance",
        "old age",
        "tall height high",
        "heavy weight weigh",
        "warm cold hot temperature weather rain sunny",
        "worth value",
        "trip journey travel",
        "document file",
        "note memo",
        "sum total add",
        "mean average",
    )
)
_MONEY = word_set(
    """usd eur gbp jpy cny krw chf cad aud nzd inr brl mxn sek nok dkk pln czk huf rub try zar sgd hkd thb ils
    dollar dollars euro euros pound pounds yen yuan won franc francs rupee rupees peso pesos"""
)


_OPERATIONS: tuple[tuple[frozenset[str], re.Pattern[str]], ...] = tuple(
    (word_set(names), re.compile(pattern, re.IGNORECASE))
    for names, pattern in (
        (
            "weekday day_of_week",
            r"\b(?:which|what) (?:week)?day\b|day of the week|星期几|曜日|요일|wochentag|jour de la semaine",
        ),
        (
            "difference diff between",
            (
                r"\b(?:between|until|since)\b|\bhow (?:many|long)\b.*\bfrom\b.*\bto\b"
                r"|之间|から.*まで|사이|\bzwischen\b|\bentre\b"
            ),
        ),
        (
            "add plus",
            (
                r"\b(?:later|from now|after|from today)\b|\bin \d+ (?:days|weeks|months|years|hours)\b"
                r"|之后|以后|後|뒤|später"
            ),
        ),
        ("subtract minus", r"\b(?:ago|before|earlier)\b|之前|以前|전에"),
        ("now current", r"\b(?:now|currently|today)\b|what time is it|wie spät|几点|何時|몇 시|quelle heure|qué hora"),
        ("convert", r"\b(?:time zone|timezone)\b|时区|タイムゾーン|시간대|zeitzone"),
    )
)


@lru_cache(maxsize=1)
def _alike() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for group in _ALIKE:
        for word in group:
            found.setdefault(word, set()).update(group - {word})
    return {word: tuple(sorted(others)) for word, others in found.items()}


def alike(word: str) -> tuple[str, ...]:
    """Return everyday words that may stand for an English word.

    >>> alike("purchase")
    ('buy', 'order')
    """
    return _alike().get(word, ())


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    return {word: concept for concept, forms in _CONCEPTS.items() for word in forms.split()}


def widen(word: str) -> tuple[str, ...]:
    """Return general English words for a word of another language or the name of a currency.

    >>> widen("datei"), widen("house")
    (('file',), ())
    """
    if word in _MONEY:
        return ("currency",)
    found = _table().get(word)
    return (found,) if found else ()


_KINDS = {
    "now": word_set("now current current_time today"),
    "add": word_set("add plus shift offset"),
    "difference": word_set("difference diff between"),
    "weekday": word_set("weekday day_of_week"),
    "convert": word_set("convert convert_timezone"),
}


def operation_named(options: Iterable[object], kind: str) -> str | None:
    """Return the option that means a kind of calendar operation (now, add, difference, weekday, convert), or None."""
    return next((one for one in options if isinstance(one, str) and one.lower() in _KINDS[kind]), None)


def operation(options: Iterable[object], text: str) -> str | None:
    """Return the option that names the general operation a text describes ("between" is a difference), or None.

    >>> operation(("now", "difference"), "How many days are between the two dates?")
    'difference'
    """
    offered = [option for option in options if isinstance(option, str)]
    for names, pattern in _OPERATIONS:
        found = next((option for option in offered if option.lower() in names), None)
        if found is not None and pattern.search(text):
            return found
    return None
