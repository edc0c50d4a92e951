"""General words in other languages, so that a task finds tools that describe themselves in English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from gateway.providers.offline.words import word_set

_CONCEPTS = {
    "calculate": "计算 計算 算出 계산 berechne calcule calcula rechne",
    "search": "搜索 查找 搜寻 検索 探し 검색 찾아 suche cherche busca",
    "read": "读取 读出 读一 打开 阅读 読み 読ん 읽어 읽고 lies lis lee",
    "write": "写入 写到 保存 書き 써서 저장 schreib schreibe schreiben écris écrire "
    "escribe escríbelo escribir guarda guárdalo speichere speichern enregistre",
    "list": "列出 列表 清单 一覧 리스트 목록 liste auflisten lista",
    "file": "文件 档案 ファ イル 파일 datei dateien fichier fichiers archivo archivos",
    "folder": "文件夹 目录 フォ ルダ 폴더 ordner verzeichnis dossier carpeta",
    "table": "表格 数据表 テー ブル 테이블 tabelle tableau tabla",
    "date": "日期 日付 날짜 datum fecha",
    "time": "时间 時間 時刻 시간 uhrzeit zeit heure hora",
    "day": "天数 日数 几天 何日 며칠 일수 tage tag jours jour días día",
    "difference": "差异 之差 相差 差を 차이 unterschied differenz différence diferencia",
    "text": "文本 文章 テキ スト 텍스 texte texto",
    "number": "数字 数值 数を 숫자 zahl zahlen nombre número",
    "sum": "总和 合计 求和 合計 합계 summe somme suma",
    "average": "平均 평균 durchschnitt moyenne promedio",
    "question": "问题 質問 질문 frage pregunta",
    "summarize": "总结 概括 摘要 要約 요약 zusammen zusammenfassung résume résumé resume resumen",
    "translate": "翻译 翻訳 번역 übersetze übersetzen übersetzung traduis traduire traduce traducir",
    "convert": "转换 换算 変換 변환 konvertiere konvertieren umrechnen rechne convertis convertir convierte",
    "send": "发送 发给 寄给 送信 送っ 送る 보내 전송 sende senden schicke schicken envoie envoyer envía enviar",
    "create": "创建 建立 新建 作成 만들 생성 erstelle erstellen crée créer crea crear",
    "compare": "比较 对比 比べ 비교 vergleiche vergleichen compare comparer compara comparar",
    "count": "统计 计数 数え 개수 zähle zählen compte compter cuenta contar",
    "delete": "删除 削除 삭제 lösche löschen supprime supprimer borra borrar elimina",
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
def _table() -> dict[str, str]:
    return {word: concept for concept, forms in _CONCEPTS.items() for word in forms.split()}


def widen(word: str) -> tuple[str, ...]:
    """Return general English words for a word of another language or the name of a currency.

    >>> widen("计算"), widen("datei"), widen("house")
    (('calculate',), ('file',), ())
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
