"""Decides what ``auto`` means for a task: a direct answer, exploring turn by turn (ReAct), or a plan.

Rules only, so that deciding costs nothing and is the same every time. When in doubt it is a plan: a planner can still
answer at once, while a direct answer can do nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.planner.words import spaced, words
from schemas.events import Mode
from schemas.tool import ToolSpec

_SMALL_TALK = re.compile(
    r"(?:(?:hi|hey|hello|yo|hiya|howdy|good (?:morning|afternoon|evening|night)|thanks?|thank you|thx|cheers|bye"
    r"|goodbye|see you|ok|okay|great|nice|cool|how are you|how's it going|what's up|who are you|what can you do"
    r"|nice to meet you|there|all|everyone|so much|very much|a lot|today|again|and|you|hallo"
    r"|guten (?:tag|morgen|abend)|danke|tschüss"
    r"|bonjour|salut|merci|bonsoir|hola|gracias|buenos días|ciao|grazie|olá|obrigad[oa])[\s,.!?]*)+"
    r"|(?:你好|您好|嗨|哈喽|早上好|下午好|晚上好|早安|晚安|谢谢|謝謝|多谢|再见|再見|你是谁|你是誰|你能做什么|你会什么|吗|啊|呀|你"
    r"|こんにちは|こんばんは|おはよう|ございます|ありがとう|さようなら|はじめまして|あなたは誰ですか|どうも"
    r"|안녕하세요|안녕|감사합니다|고마워|고맙습니다|안녕히 계세요|누구세요|[\s,.!?~。、\uff0c\uff01\uff1f\uff5e])+",
    re.IGNORECASE,
)
_LONGEST_SMALL_TALK = 80
_LEAD = r"(?:^|[.!?;:\n]\s*|\b(?:please|you|me|us|to|and|then|let's)\s+)"
_EXPLORATORY = re.compile(
    _LEAD + r"(?:explore|investigate|debug|troubleshoot|diagnose|look into|dig into|poke around)\b"
    r"|\b(?:figure|find|work) out (?:why|what(?:'s| is| went) wrong|how come)\b|\bget to the bottom of\b|\broot cause\b"
    r"|\b(?:untersuche|erkunde|finde heraus,? warum|investiga|averigua por qué|explora|enquête sur|cherche pourquoi)\b"
    r"|探索|调查|調查|排查|诊断|診斷|摸索|探究|调试|調試|查明|找出.{0,12}原因|看看.{0,12}(?:为什么|為什麼|怎么回事)"
    r"|調査|探って|デバッグ|原因を(?:調べ|探|突き止め)|なぜ.{0,20}調べ"
    r"|조사(?:해|하)|탐색(?:해|하)|디버그|디버깅|원인을?\s*(?:찾|파악|알아)",
    re.IGNORECASE,
)
_ENGLISH_WORDS = "the is are what how of you and with my it tell write please an this that about for me"
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_EMPTY_SIGNS = frozenset(
    "的了是在我你他她它们个一这那和与或有不吗呢吧啊请把给被让也都就对从到为以及のをにはがでとてもかしますたるいなれんすこそ이가을를은는에의로고하다요지"
)
_CONCRETE = re.compile(r"\d|[\"“”«»「」『』《》]|https?://|[\w-]+\.[a-z]{2,5}\b|[/\\]\w", re.IGNORECASE)
_LOOK_UP = words("search lookup find retrieve browse wikipedia google web query knowledge fetch ask") | words(
    "搜索 查询 检索 検索 검색"
)


def choose_mode(task: str, tools: Sequence[ToolSpec]) -> tuple[Mode, str]:
    """Return the mode for a task, and why in a few words.

    Args:
        task: What the person asked for.
        tools: The declared tools; disabled and hidden ones do not count.

    >>> choose_mode("Hello!", [ToolSpec(name="search")])
    ('direct', 'small talk')
    """
    usable = [tool for tool in tools if tool.enabled and not tool.hidden]
    text = task.strip()
    if not usable:
        return "direct", "there are no tools"
    if not text or (len(text) <= _LONGEST_SMALL_TALK and _SMALL_TALK.fullmatch(text)):
        return "direct", "small talk"
    if _EXPLORATORY.search(text):
        return "react", "the task asks to explore; what to do next depends on what is found"
    if _untouched(text, usable):
        return "direct", "no tool has to do with the task"
    return "plan", "tools may help"


def _untouched(task: str, tools: Sequence[ToolSpec]) -> bool:
    """Whether a task surely needs none of the tools: same language, nothing concrete, not one word in common."""
    if _CONCRETE.search(task):
        return False
    asked, same_language = _marks(task), _english if spaced(task) else _unspaced
    if not same_language(task):
        return False
    for tool in tools:
        text = f"{tool.name} {tool.description} {' '.join(tool.input_schema.get('properties', {}))}"
        if not same_language(tool.description) or words(text) & _LOOK_UP or _marks(text) & asked:
            return False
    return True


def _english(text: str) -> bool:
    return text.isascii() and bool(_ENGLISH & set(re.findall(r"[a-z']+", text.lower())))


def _unspaced(text: str) -> bool:
    return not spaced(text)


def _marks(text: str) -> frozenset[str]:
    """Return what two texts on one subject would share: words, or single signs where words are not spaced."""
    return words(text) | frozenset(sign for sign in text if not spaced(sign) and sign not in _EMPTY_SIGNS)
