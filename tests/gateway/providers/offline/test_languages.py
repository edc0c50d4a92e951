"""Tasks in Chinese, Japanese, Korean and German, over tools that describe themselves in those languages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.providers.offline.asking import NUMBER, TEXT, Offered, plan, text

ZH = [
    Offered("weather", "查询一个城市的天气", {"city": text("城市名称")}, None, {"temperature": NUMBER, "sky": TEXT}),
    Offered("translate", "把文本翻译成另一种语言", {"text": text("要翻译的文本"), "target": text("目标语言")}),
    Offered("mail", "给收件人发送邮件", {"to": text("收件人的邮箱地址 email"), "body": text("邮件正文 text")}),
    Offered(
        "trains", "查询火车票", {"from": text("出发城市"), "to": text("到达城市"), "date": text("出发日期 YYYY-MM-DD")}
    ),
    Offered("calc", "计算一个算术表达式", {"expression": text("算术表达式 expression")}),
]
JA = [
    Offered("weather", "都市の天気を調べる", {"city": text("都市の名前")}),
    Offered(
        "translate",
        "文章を別の言語に翻訳する",
        {"text": text("翻訳する文章 text"), "target": text("翻訳先の言語")},
        None,
        {"translation": TEXT},
    ),
    Offered("memo", "メモをファイルに保存する", {"path": text("ファイルの名前"), "text": text("メモの内容 text")}),
    Offered("calc", "式を計算する", {"expression": text("計算する式 expression")}),
]
KO = [
    Offered("weather", "도시의 날씨를 조회한다", {"city": text("도시 이름")}, None, {"temperature": NUMBER}),
    Offered(
        "translate",
        "글을 다른 언어로 번역한다",
        {"text": text("번역할 글"), "target": text("번역할 언어")},
        None,
        {"out": TEXT},
    ),
    Offered("mail", "이메일을 보낸다", {"to": text("받는 사람의 email 주소"), "body": text("이메일 내용 text")}),
    Offered("calc", "수식을 계산한다", {"expression": text("수식 expression")}),
]
DE = [
    Offered("wetter", "Zeigt das Wetter einer Stadt", {"stadt": text("Name der Stadt")}, None, {"temperatur": NUMBER}),
    Offered(
        "uebersetzen",
        "Übersetzt einen Text in eine andere Sprache",
        {"text": text("Der Text"), "sprache": text("Zielsprache")},
        None,
        {"uebersetzung": TEXT},
    ),
    Offered(
        "zug",
        "Sucht Zugverbindungen zwischen zwei Städten",
        {"von": text("Startbahnhof"), "nach": text("Zielbahnhof"), "datum": text("Datum YYYY-MM-DD")},
    ),
    Offered("notiz", "Speichert eine Notiz in einer Datei", {"pfad": text("Pfad der Datei"), "text": text("Inhalt")}),
    Offered("rechnen", "Berechnet einen arithmetischen Ausdruck", {"ausdruck": text("Der Ausdruck (expression)")}),
]

TASKS: list[tuple[list[Offered], str, list[Any]]] = [
    (ZH, "北京的天气怎么样？", [{"weather": "北京"}]),
    (ZH, "查询北京和广州的天气", [{"weather": "北京"}, {"weather": "广州"}]),
    (ZH, "把“早上好”翻译成英语", [{"translate": {"text": "早上好", "target": "英语"}}]),
    (
        ZH,
        "查询上海的天气，然后把结果发邮件给 li@example.com",
        [{"weather": "上海"}, {"mail": {"to": "li@example.com", "body": "{{1.sky}}"}}],
    ),
    (ZH, "查询2024年5月1日从北京到上海的火车票", [{"trains": {"from": "北京", "to": "上海", "date": "2024-05-01"}}]),
    (ZH, "2340 的 17% 是多少？", [{"calc": "17/100*2340"}]),
    (JA, "東京の天気を調べて", [{"weather": "東京"}]),
    (JA, "「おはよう」を英語に翻訳して", [{"translate": {"text": "おはよう", "target": "英語"}}]),
    (
        JA,
        "「おはよう」を英語に翻訳して、その結果を memo.txt に保存して",
        [
            {"translate": {"text": "おはよう", "target": "英語"}},
            {"memo": {"path": "memo.txt", "text": "{{1.translation}}"}},
        ],
    ),
    (JA, "12 と 30 の合計を計算して", [{"calc": "12 + 30"}]),
    (KO, "서울의 날씨를 조회해 줘", [{"weather": "서울"}]),
    (KO, '"안녕하세요"를 영어로 번역해 줘', [{"translate": {"text": "안녕하세요", "target": "영어"}}]),
    (
        KO,
        '"안녕하세요"를 영어로 번역한 다음 결과를 kim@example.com 으로 이메일로 보내 줘',
        [
            {"translate": {"text": "안녕하세요", "target": "영어"}},
            {"mail": {"to": "kim@example.com", "body": "{{1.out}}"}},
        ],
    ),
    (KO, "120/8 을 계산해 줘", [{"calc": "120/8"}]),
    (DE, "Wie ist das Wetter in Berlin?", [{"wetter": "Berlin"}]),
    (DE, "Wie ist das Wetter in Bonn und Ulm?", [{"wetter": "Bonn"}, {"wetter": "Ulm"}]),
    (
        DE,
        "Übersetze „Guten Morgen“ ins Englische und speichere das Ergebnis in morgen.txt",
        [
            {"uebersetzen": {"text": "Guten Morgen", "sprache": "Englische"}},
            {"notiz": {"pfad": "morgen.txt", "text": "{{1.uebersetzung}}"}},
        ],
    ),
    (
        DE,
        "Suche eine Zugverbindung von Hamburg nach München am 24.12.2025",
        [{"zug": {"von": "Hamburg", "nach": "München", "datum": "2025-12-24"}}],
    ),
    (DE, "Berechne 17% von 2340 plus 12", [{"rechnen": "17/100*2340 + 12"}]),
]


@pytest.mark.parametrize(("tools", "task", "calls"), TASKS, ids=[task for _, task, _ in TASKS])
def test_tasks_in_other_languages(tools: list[Offered], task: str, calls: list[Any]) -> None:
    """B77: a task in Chinese, Japanese, Korean or German gets its tools, its arguments and its references."""
    assert [item for item in plan(task, tools) if "answer" not in item] == calls


@pytest.mark.parametrize(
    ("tools", "task", "words"),
    [
        (ZH, "预订一张桌子", "离线模型"),
        (JA, "ピザを頼んで", "オフライン"),
        (KO, "피자를 주문해", "오프라인"),
        (DE, "Pflanze bitte einen Baum", "Offline-Modell"),
    ],
)
def test_says_so_in_the_task_s_language(tools: list[Offered], task: str, words: str) -> None:
    """What no tool fits is said in the language of the task."""
    (item,) = plan(task, tools)
    assert words in item["ask"]
