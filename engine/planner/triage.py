"""Decides what ``auto`` means for a task: a direct answer, exploring turn by turn (ReAct), or a plan.

Rules only, so that deciding costs nothing and is the same every time; where they are not sure, they say so, and a
small model may be asked (``engine.planner.opinion``). When in doubt it is a plan: a planner can still answer at once,
while a direct answer can do nothing; and from two calls in a row on, a plan takes less time and money than turns. Where
the line lies is measured: ``benchmarks run line``, benchmarks/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.planner.enumeration import enumerates
from gateway.words import spaced, words
from schemas.events import Mode
from schemas.tool import ToolSpec

_SMALL_TALK = re.compile(
    r"(?:(?:hi|hey|hello|yo|hiya|howdy|good (?:morning|afternoon|evening|night)|thanks?|thank you|thx|cheers|bye"
    r"|goodbye|see you|ok|okay|great|nice|cool|how are you|how's it going|what's up|who are you|what can you do"
    r"|nice to meet you|there|all|everyone|so much|very much|a lot|today|again|and|you|hallo"
    r"|guten (?:tag|morgen|abend)|danke|tschüss"
    r"|bonjour|salut|merci|bonsoir|hola|gracias|buenos días|ciao|grazie|olá|obrigad[oa])[\s,.!?]*)+"
    r"|(?:你好|您好|嗨|哈喽|早上好|下午好|晚上好|早安|晚安|谢谢|謝謝|多谢|再见|再見|你是谁|你是誰|你能做什么|你会什么"
    r"|(?:很|真)?高[兴興](?:认识|認識|见到|見到)|吗|啊|呀|你|您"
    r"|こんにちは|こんばんは|おはよう|ございます|ありがとう|さようなら|はじめまして|よろしくお願いします|あなたは誰ですか"
    r"|どうも|안녕하세요|안녕|감사합니다|고마워|고맙습니다|안녕히 계세요|누구세요|만나서|반갑습니다|반가워요?"
    r"|[\s,.!?~。、\uff0c\uff01\uff1f\uff5e])+",
    re.IGNORECASE,
)
_LONGEST_SMALL_TALK = 80
_LEAD = r"(?:^|[.!?;:,\n]\s*|\b(?:please|you|me|us|to|and|then|let's|first)\s+)"
_EXPLORATORY = re.compile(
    _LEAD + r"(?:explore|investigate|debug|troubleshoot|diagnose|look into|dig into|poke around|look around|track down"
    r"|hunt down|trace back|research|do (?:some|a bit of) (?:digging|research)|experiment)\b"
    r"|\b(?:figure|find|work) out (?:why|what(?:'s| is| went) wrong|how come|what\W*$)|\bget to the bottom of\b"
    r"|\broot cause\b|\bwhatever (?:it takes|looks|seems|turns up|you find)|\bfollow(?:ing)? up on\b"
    r"|\b(?:untersuche|erkunde|finde heraus,? warum|investiga|averigua por qué|explora|enquête sur|cherche pourquoi)\b"
    r"|探索|调查|調查|排查|诊断|診斷|摸索|探究|调试|調試|查明|追查|深入研究"
    r"|找出.{0,12}原因|看看.{0,12}(?:为什么|為什麼|怎么回事)"
    r"|調査|探って|デバッグ|突き止め|原因を(?:調べ|探)|なぜ.{0,20}調べ"
    r"|조사(?:해|하)|탐색(?:해|하)|추적(?:해|하)|디버그|디버깅|원인을?\s*(?:찾|파악|알아)",
    re.IGNORECASE,
)
_OPEN_ENDED = re.compile(
    r"\b(?:until|till) (?:you|we|it|one|they|something|nothing|all)\b|\bkeep (?:on )?(?:searching|trying|looking|going|"
    r"digging|reading|asking|retrying)\b|" + _LEAD + r"try (?:different|various|other|several|another)\b"
    r"|\btrial and error\b|\bas many (?:times|tries|attempts) as\b|\bwhere (?:it|that) leads\b"
    r"|直到|一直.{0,4}(?:找|试|試|搜|查)|反复|反覆|不断(?:尝试|搜索)"
    r"|まで.{0,10}(?:続け|試し|探し|検索|繰り返)|何度も|때까지|계속(?:해서)?\s*(?:검색|찾|시도)",
    re.IGNORECASE,
)
_WRITING = re.compile(
    _LEAD + r"(?:(?:write|compose|make up|invent|tell|draft|create|give)\b.{0,40}\b(?:poem|haiku|limerick|sonnet|joke|"
    r"riddle|pun|story|tale|fable|song|lyrics|rap|essay|slogan|tagline|toast|pun|ideas?|tips?|advice|dialogue)\b"
    r"|translate|rewrite|rephrase|reword|paraphrase|proofread|(?:correct|fix|check) (?:the |my )?(?:grammar|spelling)"
    r"|(?:suggest|think of|come up with|brainstorm)\b.{0,30}\b(?:names?|titles?|ideas?|slogans?)\b)"
    r"|写.{0,12}(?:诗|故事|笑话|文案|歌词|作文|对联)|讲.{0,14}(?:笑话|故事)|翻译|翻譯|润色|潤飾|改写|改寫"
    r"|(?:想|取|起).{0,12}名字"
    r"|俳句|(?:詩|物語|歌詞|作文)を|冗談|ジョーク|翻訳|訳して|言い換え|名前を(?:考え|付け|つけ)"
    r"|농담|시를\s*(?:써|지어)|이야기.{0,6}(?:해|써|지어)|번역|이름.{0,8}(?:지어|추천)",
    re.IGNORECASE,
)
_ENGLISH_WORDS = "the is are what how of you and with my it tell write please an this that about for me why to explain"
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_EMPTY_SIGNS = frozenset(
    "的了是在我你他她它们个一这那和与或有不吗呢吧啊请把给被让也都就对从到为以及のをにはがでとてもかしますたるいなれんすこそ이가을를은는에의로고하다요지"
)
_CONCRETE = re.compile(r"\d|[\"“”«»「」『』《》]|https?://|[\w-]+\.[a-z]{2,5}\b|[/\\]\w", re.IGNORECASE)
_NOW = re.compile(
    r"\b(?:now|today|tonight|tomorrow|yesterday|current(?:ly)?|latest|recent(?:ly)?|newest|this (?:week|month|year))\b"
    r"|(?<=[a-z,] )(?!I\b)[A-Z]\w+"  # a name: a capital inside a sentence
)
_LOOK_UP = words("search lookup find retrieve browse wikipedia google web query knowledge fetch ask") | words(
    "搜索 查询 检索 検索 검색"
)


@dataclass(frozen=True, slots=True)
class Triage:
    """What the rules say.

    Attributes:
        mode: direct, react or plan.
        reason: Why, in a few words.
        sure: Whether a second opinion is not worth its call.
        agent: The agent that the task goes to as it is; empty: none.
    """

    mode: Mode
    reason: str
    sure: bool = True
    agent: str = ""


def small_talk(text: str) -> bool:
    """Return whether a text is a greeting, thanks and the like, and nothing else.

    >>> small_talk("Hi there!"), small_talk("Hi, what is 2 + 2?")
    (True, False)
    """
    said = text.strip()
    return len(said) <= _LONGEST_SMALL_TALK and _SMALL_TALK.fullmatch(said) is not None


def triage(task: str, tools: Sequence[ToolSpec], *, paid: bool = False) -> Triage:
    """Return the mode for a task, and why in a few words.

    Args:
        task: What the person asked for.
        tools: The declared tools; disabled and hidden ones do not count.
        paid: Whether a plan is paid for as turns are: a language model plans, and none that is cheaper writes the
            answer.

    >>> triage("Hello!", [ToolSpec(name="search")])
    Triage(mode='direct', reason='small talk', sure=True, agent='')
    """
    usable = [tool for tool in tools if _counts(tool)]
    text = task.strip()
    if not usable:
        return Triage("direct", "there are no tools")
    if not text or small_talk(text):
        return Triage("direct", "small talk")
    sole = _sole_agent(text, usable)
    if sole:
        return Triage("plan", f"only {sole} is for it", sure=False, agent=sole)
    for pattern, reason in _TURN_BY_TURN.items():
        if pattern.search(text):
            return Triage("react", reason)
    if _WRITING.search(text):
        return _writing(text, usable)
    if _untouched(text, usable):
        return Triage("direct", "no tool has to do with the task", sure=False)
    if paid and _side_by_side(text, usable):
        return Triage("react", "one question of several things, none of which waits for another")
    return Triage("plan", "tools may help")


_TURN_BY_TURN = {
    _EXPLORATORY: "the task asks to explore; what to do next depends on what is found",
    _OPEN_ENDED: "nobody can say beforehand how many steps it takes",
}


def _writing(text: str, tools: Sequence[ToolSpec]) -> Triage:
    if not _words_shared(text, tools):
        return Triage("direct", "writing that no tool has to do with")
    return Triage("plan", "writing, but a tool may have to do with it", sure=False)


def _counts(tool: ToolSpec) -> bool:
    """Whether a task may be for a tool; a default agent takes what none is for."""
    return tool.enabled and not tool.hidden and (tool.agent is None or not tool.agent.default)


def _side_by_side(text: str, tools: Sequence[ToolSpec]) -> bool:
    """Whether a task takes calls that wait for nothing, and somebody who reads what they give.

    Where every tool says what it returns, a plan can hold the answer as well.
    """
    return enumerates(text) and any(tool.output_schema is None for tool in tools)


def _sole_agent(task: str, tools: Sequence[ToolSpec]) -> str:
    """Return the passthrough agent that alone shares words with a task; empty: there is none, or others do too."""
    if not any(tool.agent is not None and tool.agent.passthrough for tool in tools):
        return ""
    near = [tool for tool in tools if _words_shared(task, [tool])]
    agent = near[0].agent if len(near) == 1 else None
    return near[0].name if agent is not None and agent.passthrough else ""


def _words_shared(task: str, tools: Sequence[ToolSpec]) -> bool:
    """Whether the task and a tool share a word (two signs, where words are not spaced)."""
    asked = words(task)
    return any(words(f"{tool.name} {tool.description}") & asked for tool in tools)


def _untouched(task: str, tools: Sequence[ToolSpec]) -> bool:
    """Whether a task surely needs none of the tools: same language, nothing concrete, not one word in common."""
    if _CONCRETE.search(task) or _NOW.search(task):
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
