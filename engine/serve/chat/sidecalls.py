"""Tells the calls that chat programs make for their own sake from what people ask: titles, tags, follow-ups, queries.

Such a call needs a small model and nothing else. A real task must never be taken for one, so each sign has several
parts that only stand together in such calls; where one is missing, it is a task. A call that is not recognised costs a
plan; a task that is taken for a call would lose its tools.

Source: the shapes are those of Open WebUI's default task prompts (``backend/open_webui/config.py``), LibreChat's titles
(``danny-avila/agents``, ``src/utils/title.ts``), LobeChat's ``chainSummaryTitle``, Cherry Studio's topic naming,
NextChat's and Chatbox's naming prompts, opencode's title agent, and the Vercel AI SDK's chatbot template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.model import Message, ModelRequest

TASKS = frozenset(
    f"{name}_generation"
    for name in ("title", "tags", "follow_up", "emoji", "query", "image_prompt", "autocomplete", "moa_response")
) | {"function_calling"}
"""What ``metadata.task`` says in calls that Open WebUI hands on with their kind."""

_LONGEST_INSTRUCTION = 4_000
_HEAD = 320
_TALK = r"(?:conversation|chat(?: history)?|thread|discussion|dialog(?:ue)?|topic|session|messages?|query|exchange)s?"
_NAME = r"(?:titles?|names?|headlines?|tags?|emojis?)"
_MAKE = (
    r"(?:generate|create|write|provide|give|suggest|propose|produce|make|come up with|summari[sz]e|analy[sz]e"
    r"|return|output|turn)"
)
_NAMING = re.compile(
    rf"\b{_MAKE}\b[^.\n]{{0,160}}\b{_NAME}\b[^.\n]{{0,80}}\b{_TALK}\b"
    rf"|\b{_MAKE}\b[^.\n]{{0,80}}\b{_TALK}\b[^.\n]{{0,80}}\b{_NAME}\b"
    rf"|\banaly[sz]e this {_TALK} and provide:\s*\n1\. The detected language"
    r"|\byou are an? (?:[\w-]+ )?(?:title|headline|thread|topic) (?:generator|namer|writer)"
    r"|\bsummari[sz]ation ai\b"
    r"|\byou are an? (?:[\w-]+ )?conversation summari[sz]er"
    r"|\b(?:g[eé]n[eè]re|donne|r[eé]sume)\b[^.\n]{0,80}\btitre\b[^.\n]{0,60}\b(?:conversation|discussion)"
    r"|\b(?:genera|crea|resume)\b[^.\n]{0,80}\bt[ií]tulo\b[^.\n]{0,60}\b(?:conversaci[oó]n|chat)"
    r"|\b(?:erstelle|erzeuge|generiere|gib|fasse)\b[^.\n]{0,100}\b(?:titel|[uü]berschrift)\b"
    r"|(?:会话|對話|对话|聊天|話題|话题|会話|チャット|대화|채팅).{0,40}(?:标题|標題|タイトル|제목)"
    r"|(?:标题|標題|タイトル|제목).{0,40}(?:会话|對話|对话|聊天|会話|チャット|대화|채팅)",
    re.IGNORECASE,
)
_COUNT = r"(?:\d+|one|two|three|four|five|six|ten)"
_TERSE = re.compile(
    rf"\b{_COUNT}(?:\s*(?:-|–|to)\s*{_COUNT})?[\s-]*(?:words?|characters?|chars)\b|\bword-or-less\b"
    r"|\b(?:only|just|nothing but|solely)\b[^.\n]{0,40}\b(?:title|name|tags?|emoji|json)\b"
    r"|\bno (?:punctuation|quot)|\bwithout (?:any )?(?:lead-in|punctuation|quot)|\bnothing else\b|\bdo not use quotes"
    r"|\d+\s*(?:个|個|文字|글자|자|字|단어)|(?:不要|不需要|无需).{0,12}标点|句読点|\b\d+ (?:mots|palabras|W[oö]rter)\b",
    re.IGNORECASE,
)
_TRANSCRIPT = re.compile(
    r"<(?:chat_history|conversation|messages|transcript|history|user)>"
    r"|^\W{0,4}(?:user|human|assistant|ai|system|q|query)\W{0,3}:"
    r"|[\"']role[\"']\s*:\s*[\"'](?:user|assistant)[\"']"
    r"|^\s*(?:conversation|messages?|chat history|here(?:'s| is) the (?:conversation|query|chat)[^\n]{0,20}):?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_WORK = re.compile(
    r"\b(?:e-?mail|mail|send|save|store|upload|download|publish|post (?:it|them|to)|file (?:it|a|an)|book|order|pay|buy"
    r"|schedule|look up|search (?:for|the)|fetch|update|insert|delete|open|commit|push|ticket|then|after that|also)\b"
    r"|https?://|发送|保存|上传|発送|送信|保存して|보내|저장",
    re.IGNORECASE,
)
_HABIT = re.compile(r"\b(?:always|each|every|when(?:ever)?|before|after|begin|start|then)\b", re.IGNORECASE)
_NAMER = re.compile(r"title|summar|headline|naming|conversation|会话|对话|會話|会話|대화", re.IGNORECASE)
_TASK_HEAD = re.compile(r"\s*#{2,4}\s*\S[^\n]{0,20}:?\s*\n")
_JSON_KEY = re.compile(r"\{\s*\\?\"(?:title|tags|follow_ups|queries|prompt|text|emoji)\\?\"\s*:")
_HISTORY = re.compile(r"<chat_history>.*</chat_history>", re.DOTALL)
_COMPLETION = re.compile(r"<type>[^<]{0,40}</type>\s*<text>.*</text>", re.DOTALL)
_CHOOSING = re.compile(r"\s*Available Tools:.*\"tool_calls\"\s*:\s*\[\s*\]", re.DOTALL)
_MERGING = re.compile(r"\s*You have been provided with .*^Responses from models:", re.DOTALL | re.MULTILINE)
_EMOJI = re.compile(r"\bemoji\b.*\bMessage:\s*\"\"\"", re.DOTALL | re.IGNORECASE)
_MEMORY = re.compile(
    r"^\s*summari[sz]e (?:the|our|this) (?:discussion|conversation)[^\n]{0,120}(?:future context|context for)"
    r"|^使用四到五个字.{0,30}主题"
    r"|^简要总结一下对话内容.{0,20}上下文提示|^簡要總結.{0,30}上下文提示",
    re.IGNORECASE,
)
_TITLE_FIELDS = frozenset(("title", "language", "description", "emoji", "tags", "name"))


def is_side_call(request: ModelRequest, body: Mapping[str, Any]) -> bool:
    """Return whether a request is one that a chat program makes for its own sake."""
    if _told(body):
        return True
    if request.tools and not _only_a_title(request):
        return False
    spoken = [message for message in request.messages if message.role != "system"]
    system = "\n".join(message.text for message in request.messages if message.role == "system")
    if not spoken:
        return _names(system, "", list(request.messages))
    return _is_a_message(spoken[-1]) and _is_made(spoken, system)


def _is_made(spoken: list[Message], system: str) -> bool:
    """Whether a program made these messages."""
    last = spoken[-1].text
    if _CHOOSING.match(system) and last.lstrip().startswith("Query:"):
        return True
    if any(message.role == "assistant" for message in spoken):
        return _asks_at_the_end(last)
    return _of_open_webui(last) or _MERGING.match(last) is not None or _names(last, system, spoken)


def _is_a_message(turn: Message) -> bool:
    return turn.role == "user" and all(part.kind == "text" for part in turn.parts)


def _told(body: Mapping[str, Any]) -> bool:
    metadata = body.get("metadata")
    return isinstance(metadata, Mapping) and metadata.get("task") in TASKS  # pyright: ignore[reportUnknownMemberType]


def _only_a_title(request: ModelRequest) -> bool:
    """Whether the one tool offered must be called and takes a title: how some libraries ask for structured output."""
    if len(request.tools) != 1 or request.tool_choice in ("auto", "none"):
        return False
    fields = set(request.tools[0].input_schema.get("properties", {}))
    return "title" in fields and fields <= _TITLE_FIELDS


def _of_open_webui(text: str) -> bool:
    """Whether a text is one of its task prompts: a headline, a JSON form to answer in, and the history fenced."""
    if not _TASK_HEAD.match(text):
        return bool(_EMOJI.search(text)) and len(text) < _LONGEST_INSTRUCTION and "reflect" in text[:_HEAD]
    if not _JSON_KEY.search(_HISTORY.sub("", text)):
        return False
    return bool(_HISTORY.search(text) or _COMPLETION.search(text))


def _asks_at_the_end(text: str) -> bool:
    """Whether the last of many messages asks for the conversation's name or summary, for the program to keep."""
    if len(text) > 600 or _WORK.search(text):
        return False
    return bool(_MEMORY.search(text) or (_NAMING.search(text) and _terse(text) >= 2))


def _terse(text: str) -> int:
    return len({match[0].lower() for match in _TERSE.finditer(text)})


def _names(last: str, system: str, spoken: list[Message]) -> bool:
    """Whether a conversation that is quoted, not held, is to be named: by the system message, or by the one message."""
    if system.strip():
        asks = _NAMING.search(system[:_HEAD]) is not None and len(system) <= _LONGEST_INSTRUCTION
        return asks and _purely(system, _HEAD) and not _WORK.search(system)
    quoted = _TRANSCRIPT.search(last)
    if len(spoken) != 1 or quoted is None:
        return False
    told = f"{last[: quoted.start()]}\n{last[quoted.end() :][-_HEAD:] if _NAMING.search(last[-_HEAD:]) else ''}"
    if len(told) > _LONGEST_INSTRUCTION or _WORK.search(last[: quoted.start()]):
        return False
    return _NAMING.search(told) is not None and _terse(told) >= 1


def _purely(system: str, head: int) -> bool:
    """Whether a system message is about the name alone: it begins with it, and says how short it is to be."""
    naming = _NAMING.search(system)
    if naming is None or naming.start() >= head // 2 or not _terse(system):
        return False
    before = system[: naming.start()]
    before = before.strip(" \t\r\n-*#")
    return not _HABIT.search(system[:head]) and (not re.search(r"[.!\n。]", before) or bool(_NAMER.search(before)))
