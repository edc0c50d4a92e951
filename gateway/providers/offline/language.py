"""The language of a text, and the offline model's own sentences in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.providers.offline.quotes import QUOTED
from gateway.providers.offline.words import word_set


@dataclass(frozen=True, slots=True)
class Phrases:
    """The offline model's own sentences; ``{…}`` are filled in."""

    identity: str
    no_tools: str
    no_tool: str
    no_task: str
    left: str
    needed: str
    failed: str
    stuck: str
    missing: str
    broke: str
    nothing: str
    yes: str
    no: str
    empty: str
    no_answer: str


_PHRASES = {
    "en": Phrases(
        identity="I am the offline model: rules, no language model.",
        no_tools="Without tools I cannot answer this.",
        no_tool="No tool here fits: “{what}”.",
        no_task="What should be done? The task is empty.",
        left="The task asks for more calls than one plan may hold; not planned from here on: “{what}”.",
        needed="For “{what}” I need: {missing}.",
        failed="This did not work and no other tool fits: {what}. How should it go on?",
        stuck="I could not write a valid plan: {what}. Could you put the task in other words?",
        missing="Missing:",
        broke="failed: {error}",
        nothing="There are no results to answer from.",
        yes="yes",
        no="no",
        empty="nothing found",
        no_answer="This needs a language model, or a task for the tools.",
    ),
    "zh": Phrases(
        identity="我是离线模型：只有规则，没有语言模型。",
        no_tools="没有工具，我无法回答这个问题。",
        no_tool="这里没有适合“{what}”的工具。",
        no_task="要做什么？任务是空的。",
        left="任务需要的调用超过了一个计划的上限；从这里开始没有计划：“{what}”。",
        needed="对于“{what}”，我还需要：{missing}。",
        failed="以下步骤失败，也没有其他适合的工具：{what}。接下来该怎么做？",
        stuck="我没能写出有效的计划：{what}。能换一种说法吗？",
        missing="缺少：",
        broke="失败：{error}",
        nothing="没有可以用来回答的结果。",
        yes="是",
        no="否",
        empty="没有找到",
        no_answer="这需要语言模型，或者一个工具能完成的任务。",
    ),
    "ja": Phrases(
        identity="私はオフラインモデルです。規則だけで動き、言語モデルではありません。",
        no_tools="ツールがないため、これには答えられません。",
        no_tool="「{what}」に合うツールがありません。",
        no_task="何をしますか？タスクが空です。",
        left="1つの計画に入る呼び出しの数を超えています。ここから先は計画されていません：「{what}」。",
        needed="「{what}」には次の情報が必要です：{missing}。",
        failed="うまくいかず、ほかに合うツールもありません：{what}。どのように進めますか？",
        stuck="有効な計画を書けませんでした：{what}。別の言い方で書いてもらえますか？",
        missing="不足しているもの：",
        broke="失敗：{error}",
        nothing="答えのもとになる結果がありません。",
        yes="はい",
        no="いいえ",
        empty="見つかりませんでした",
        no_answer="これには言語モデルか、ツールでできるタスクが必要です。",
    ),
    "ko": Phrases(
        identity="저는 오프라인 모델입니다. 규칙만 있고 언어 모델이 아닙니다.",
        no_tools="도구가 없어서 대답할 수 없습니다.",
        no_tool="“{what}”에 맞는 도구가 없습니다.",
        no_task="무엇을 할까요? 작업이 비어 있습니다.",
        left="한 계획에 담을 수 있는 호출보다 많습니다. 여기부터는 계획하지 않았습니다: “{what}”.",
        needed="“{what}”에는 다음이 필요합니다: {missing}.",
        failed="실패했고 맞는 다른 도구도 없습니다: {what}. 어떻게 할까요?",
        stuck="올바른 계획을 쓰지 못했습니다: {what}. 다르게 표현해 주시겠어요?",
        missing="빠진 내용:",
        broke="실패: {error}",
        nothing="대답할 결과가 없습니다.",
        yes="예",
        no="아니요",
        empty="찾은 것이 없습니다",
        no_answer="이 일에는 언어 모델이나 도구로 할 수 있는 작업이 필요합니다.",
    ),
    "de": Phrases(
        identity="Ich bin das Offline-Modell: Regeln, kein Sprachmodell.",
        no_tools="Ohne Werkzeuge kann ich das nicht beantworten.",
        no_tool="Kein Werkzeug passt zu: „{what}“.",
        no_task="Was soll getan werden? Die Aufgabe ist leer.",
        left="Die Aufgabe verlangt mehr Aufrufe, als ein Plan fassen darf; nicht geplant ab hier: „{what}“.",
        needed="Für „{what}“ brauche ich: {missing}.",
        failed="Das ist gescheitert, und kein anderes Werkzeug passt: {what}. Wie soll es weitergehen?",
        stuck="Ich konnte keinen gültigen Plan schreiben: {what}. Können Sie die Aufgabe anders formulieren?",
        missing="Es fehlt:",
        broke="gescheitert: {error}",
        nothing="Es gibt keine Ergebnisse, aus denen sich antworten ließe.",
        yes="ja",
        no="nein",
        empty="nichts gefunden",
        no_answer="Dafür braucht es ein Sprachmodell oder eine Aufgabe für die Werkzeuge.",
    ),
    "fr": Phrases(
        identity="Je suis le modèle hors ligne : des règles, pas de modèle de langue.",
        no_tools="Sans outils, je ne peux pas répondre à cela.",
        no_tool="Aucun outil ne convient à : « {what} ».",
        no_task="Que faut-il faire ? La tâche est vide.",
        left="La tâche demande plus d'appels qu'un plan n'en admet ; non planifié à partir d'ici : « {what} ».",
        needed="Pour « {what} », il me faut : {missing}.",
        failed="Cela a échoué et aucun autre outil ne convient : {what}. Comment continuer ?",
        stuck="Je n'ai pas pu écrire de plan valide : {what}. Pouvez-vous reformuler la tâche ?",
        missing="Il manque :",
        broke="échec : {error}",
        nothing="Il n'y a aucun résultat à partir duquel répondre.",
        yes="oui",
        no="non",
        empty="rien trouvé",
        no_answer="Il faut pour cela un modèle de langue, ou une tâche pour les outils.",
    ),
    "es": Phrases(
        identity="Soy el modelo sin conexión: reglas, no un modelo de lenguaje.",
        no_tools="Sin herramientas no puedo responder a esto.",
        no_tool="Ninguna herramienta sirve para: «{what}».",
        no_task="¿Qué hay que hacer? La tarea está vacía.",
        left="La tarea pide más llamadas de las que admite un plan; sin planificar desde aquí: «{what}».",
        needed="Para «{what}» necesito: {missing}.",
        failed="Esto falló y ninguna otra herramienta sirve: {what}. ¿Cómo seguir?",
        stuck="No pude escribir un plan válido: {what}. ¿Puede formular la tarea de otra manera?",
        missing="Falta:",
        broke="falló: {error}",
        nothing="No hay resultados con los que responder.",
        yes="sí",
        no="no",
        empty="no se encontró nada",
        no_answer="Para eso hace falta un modelo de lenguaje, o una tarea para las herramientas.",
    ),
}

_BRIEF = 200
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_SMALL = {
    "de": word_set(
        "der die das und ist sind wie was wer wo ein eine einen mit von zu zum für auf bitte dann im den dem"
    ),
    "fr": word_set(
        "le la les et est sont un une des quel quelle que qui pour dans du avec puis ensuite combien où au aux sur"
    ),
    "es": word_set(
        "el la los las y es son un una qué cuál para en del con por luego después cuánto cuántos dónde cómo al"
    ),
    "en": word_set("the and is are what how which who when then of for in to a an with from by on"),
}


_ENOUGH = 2_000
"""Characters at either end of a text that tell its language."""


def language_of(text: str) -> str:
    """Return the language of a text as en, de, fr, es, zh, ja or ko; English where it is none of the others.

    Of a long text only its beginning and its end are read.

    >>> [language_of(text) for text in ("Was kostet das?", "把结果翻译成英语", "結果を教えて", "결과를 알려 줘")]
    ['de', 'zh', 'ja', 'ko']
    """
    if len(text) > 2 * _ENOUGH:
        text = f"{text[:_ENOUGH]}\n{text[-_ENOUGH:]}"
    told = QUOTED.sub(" ", text)
    for language, script in (("ko", _HANGUL), ("ja", _KANA), ("zh", _HAN)):
        if len(script.findall(told)) >= 2:
            return language
    spoken = re.findall(r"[^\W\d_]+", told.lower())
    return max(("en", "de", "fr", "es"), key=lambda language: sum(word in _SMALL[language] for word in spoken))


def phrases_for(text: str) -> Phrases:
    """Return the sentences in the language of a text."""
    return _PHRASES[language_of(text)]


def brief(text: str) -> str:
    """Return a text short enough to be named in a sentence, with nothing in it that is read as a reference.

    >>> brief("Read {{1}}")
    'Read { {1}}'
    """
    plain = text.replace("{{", "{ {")
    return plain if len(plain) <= _BRIEF else f"{plain[:_BRIEF]}…"
