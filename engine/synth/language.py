"""The language of a task, by its script and its smallest words, and the fixed phrases written without a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "de", "fr", "es", "zh", "ja", "ko"]


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the engine itself says to a person; ``{…}`` are filled in.

    Attributes:
        comma: Separates the items of a list in a line.
    """

    unfinished: str
    cancelled: str
    found: str
    nothing_found: str
    missing: str
    step: str
    failed: str
    skipped: str
    unended: str
    empty: str
    cut: str
    yes: str
    no: str
    comma: str = ", "


PHRASES: Mapping[Language, Phrases] = {
    "en": Phrases(
        unfinished="I could not finish this task: {reason}.",
        cancelled="This task was cancelled: {reason}.",
        found="What was found:",
        nothing_found="Nothing was found before it stopped.",
        missing="What is missing:",
        step="step {id}, {tool}",
        failed="failed",
        skipped="skipped",
        unended="not finished",
        empty="The result is empty.",
        cut="(The answer breaks off here: the model reached its length limit.)",
        yes="yes",
        no="no",
    ),
    "de": Phrases(
        unfinished="Die Aufgabe konnte nicht abgeschlossen werden: {reason}.",
        cancelled="Die Aufgabe wurde abgebrochen: {reason}.",
        found="Gefunden wurde:",
        nothing_found="Bis zum Abbruch wurde nichts gefunden.",
        missing="Es fehlt:",
        step="Schritt {id}, {tool}",
        failed="fehlgeschlagen",
        skipped="übersprungen",
        unended="nicht beendet",
        empty="Das Ergebnis ist leer.",
        cut="(Die Antwort bricht hier ab: Das Modell hat seine Längengrenze erreicht.)",
        yes="ja",
        no="nein",
    ),
    "fr": Phrases(
        unfinished="La tâche n'a pas pu être menée à bien : {reason}.",
        cancelled="La tâche a été annulée : {reason}.",
        found="Ce qui a été trouvé :",
        nothing_found="Rien n'a été trouvé avant l'arrêt.",
        missing="Ce qui manque :",
        step="étape {id}, {tool}",
        failed="échec",
        skipped="ignorée",
        unended="inachevée",
        empty="Le résultat est vide.",
        cut="(La réponse s'interrompt ici : le modèle a atteint sa limite de longueur.)",
        yes="oui",
        no="non",
    ),
    "es": Phrases(
        unfinished="No se pudo completar la tarea: {reason}.",
        cancelled="La tarea se canceló: {reason}.",
        found="Lo que se encontró:",
        nothing_found="No se encontró nada antes de parar.",
        missing="Lo que falta:",
        step="paso {id}, {tool}",
        failed="falló",
        skipped="omitido",
        unended="sin terminar",
        empty="El resultado está vacío.",
        cut="(La respuesta se corta aquí: el modelo alcanzó su límite de longitud.)",
        yes="sí",
        no="no",
    ),
    "zh": Phrases(
        unfinished="未能完成这项任务：{reason}。",
        cancelled="这项任务已取消：{reason}。",
        found="已得到的结果：",
        nothing_found="停止之前没有得到任何结果。",
        missing="缺少的内容：",
        step="步骤 {id}，{tool}",
        failed="失败",
        skipped="已跳过",
        unended="未完成",
        empty="结果为空。",
        cut="（回答在此中断：模型达到了长度上限。）",
        yes="是",
        no="否",
        comma="、",
    ),
    "ja": Phrases(
        unfinished="このタスクを完了できませんでした：{reason}。",
        cancelled="このタスクは中止されました：{reason}。",
        found="得られた結果：",
        nothing_found="停止するまでに結果は得られませんでした。",
        missing="不足しているもの：",
        step="ステップ {id}、{tool}",
        failed="失敗",
        skipped="スキップ",
        unended="未完了",
        empty="結果は空です。",
        cut="（回答はここで途切れています：モデルが長さの上限に達しました。）",
        yes="はい",
        no="いいえ",
        comma="、",
    ),
    "ko": Phrases(
        unfinished="이 작업을 완료하지 못했습니다: {reason}.",
        cancelled="이 작업은 취소되었습니다: {reason}.",
        found="찾은 결과:",
        nothing_found="중단되기 전까지 찾은 결과가 없습니다.",
        missing="빠진 내용:",
        step="단계 {id}, {tool}",
        failed="실패",
        skipped="건너뜀",
        unended="완료되지 않음",
        empty="결과가 비어 있습니다.",
        cut="(답변이 여기서 끊겼습니다: 모델이 길이 제한에 도달했습니다.)",
        yes="예",
        no="아니요",
    ),
}

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|「[^」]*」|`[^`]*`")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
_HANGUL = re.compile(r"[\uac00-\ud7af\u1100-\u11ff\u3130-\u318f]")
_WORD = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")

_SMALL_WORDS_TEXT: Mapping[Language, str] = {
    "en": "the of and is are was what how in to for a an which who when where on with from by it",
    "de": "der die das und ist sind nicht wie was welche welcher wann wo wer ein eine einen für mit von zu zum im "
    "den dem auf bitte wieviel viele aus über nach",
    "fr": "le la les et est sont des une un quel quelle quels que qui pour dans du de avec sur combien où au aux en",
    "es": "el la los las y es son una un qué cuál cuáles que para en del de con por cuánto cuántos dónde cómo al",
}
_SMALL_WORDS: Mapping[Language, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in _SMALL_WORDS_TEXT.items()
}
_LETTERS: Mapping[Language, re.Pattern[str]] = {
    "de": re.compile("[äöüß]"),
    "fr": re.compile("[çœèêëàù]"),
    "es": re.compile("[ñ¿¡áóú]"),
}


def phrases_for(text: str) -> Phrases:
    """Return the phrases in the language of a task or template."""
    return PHRASES[language_of(text)]


_ENOUGH = 2_000
"""Characters at either end of a text that tell its language: a person asks before or behind what is pasted."""


def language_of(text: str) -> Language:
    """Return the language of a text, English where it is none of the others.

    Quoted parts and names in capitals don't count. Of a long text only its beginning and its end are read.

    >>> [language_of(text) for text in ("Compare Q1 and Q2", "比较 AAPL 的收入", "売上を比較して", "매출을 비교해 줘")]
    ['en', 'zh', 'ja', 'ko']
    >>> [language_of(text) for text in ("Wie hoch ist der Umsatz?", "Quel est le total ?", "¿Cuál es el total?")]
    ['de', 'fr', 'es']
    """
    if len(text) > 2 * _ENOUGH:
        text = f"{text[:_ENOUGH]}\n{text[-_ENOUGH:]}"
    told = _QUOTED.sub(" ", text)
    if not _WORD.search(told) and not _east_asian(told):
        told = text
    words = [word.lower() for word in _WORD.findall(told) if not (word.isupper() and len(word) > 1)]
    letters = _east_asian(told)
    begins = bool(letters) and told.lstrip(" \t\n¿¡(").startswith(letters[0])
    if letters and (len(letters) >= 2 * len(words) or (begins and len(letters) >= len(words))):
        return _east_asian_language(letters)
    return _western_language(told.lower(), words)


def _east_asian(text: str) -> list[str]:
    return [char for char in text if _HAN.match(char) or _KANA.match(char) or _HANGUL.match(char)]


def _east_asian_language(letters: list[str]) -> Language:
    joined = "".join(letters)
    han, kana, hangul = (len(script.findall(joined)) for script in (_HAN, _KANA, _HANGUL))
    if hangul > max(han, kana):
        return "ko"
    return "ja" if kana * 5 >= han else "zh"


def _western_language(text: str, words: list[str]) -> Language:
    scores: dict[Language, int] = {
        language: sum(word in small for word in words) + (1 if _has_letter(language, text) else 0)
        for language, small in _SMALL_WORDS.items()
    }
    return max(scores, key=lambda language: scores[language])


def _has_letter(language: Language, text: str) -> bool:
    pattern = _LETTERS.get(language)
    return pattern is not None and pattern.search(text) is not None
