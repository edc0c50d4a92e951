"""Wordings of prompt injections and jailbreaks, in several languages: a few near one another say more than each alone.

The wordings are our own; the kinds of attack are those of OWASP's LLM01:2025 and of Greshake et al., arXiv:2302.12173.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

REACH = 110
"""Characters behind an opening in which the other words have to stand."""

_HEAD = 4
_WORD = re.compile(r"\w+")
_APART = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}


class Lure:
    """One wording: an opening, followed within a sentence's length by one word of each further group.

    Args:
        what: For the record.
        weight: 1.0 is enough by itself.
        openings: Any of these begins it, split at ``|``; in lower case, beginnings of words too.
        then: Of each group one has to follow; split in the same way, parts of words too.
    """

    def __init__(self, what: str, weight: float, openings: str, *then: str) -> None:
        self.what = what
        self.weight = weight
        self._then = tuple(tuple(group.split("|")) for group in then)
        self.openings = tuple(openings.split("|"))

    def holds(self, low: str, opening: str) -> bool:
        """Whether a text in lower case has this wording with this opening. Cost: linear in how often that is there."""
        at = low.find(opening)
        while at >= 0:
            at += len(opening)
            window = low[at : at + REACH]
            if all(any(map(window.__contains__, group)) for group in self._then):
                return True
            at = low.find(opening, at)
        return False


_OVERRIDES = "overrides instructions"
_PROMPT = "asks for the system prompt"
_ROLE = "a role without limits"
_FORGED = "forged turns"

LURES: tuple[Lure, ...] = (
    Lure(
        _OVERRIDES,
        1.0,
        "ignore|ignoring|disregard|forget|overlook|override|bypass|do not follow|don't follow|stop following",
        "previous|prior|above|earlier|preceding|before this|initial|original|existing| all|your|every|system",
        "instruction|prompt|directive|guideline| rules|system message|programming|were told|been told",
    ),
    Lure(_OVERRIDES, 1.0, "ignorier|vergiss|missacht|übergeh", "anweisung|instruktion|vorgabe|regeln|befehl|prompt"),
    Lure(
        _OVERRIDES,
        1.0,
        "ignore|oublie|ne tiens pas compte|ne tenez pas compte",
        "instruction|consigne|règle|directive",
        "précédent|precedent|ci-dessus|toutes|antérieur|système|vos |tes ",
    ),
    Lure(_OVERRIDES, 1.0, "ignora|olvida|haz caso omiso", "instruccion|instrucción|regla|indicacion|órdenes|prompt"),
    Lure(
        _OVERRIDES,
        1.0,
        "ignore|esqueça|esqueca|desconsidere",
        "instruç|instruc|regra|orientaç|prompt",
        "anteriores|acima|todas|sistema|suas |prévias",
    ),
    Lure(_OVERRIDES, 1.0, "ignora|dimentica", "istruzion|regole|direttiv|prompt"),
    Lure(_OVERRIDES, 1.0, "игнорируй|забудь|не следуй", "инструкц|указани|правил|промпт"),
    Lure(_OVERRIDES, 1.0, "忽略|无视|忘记|忽視|無視", "指令|指示|提示|规则|規則"),
    Lure(_OVERRIDES, 1.0, "指示|命令|プロンプト|ルール", "無視|忘れ|従わない"),
    Lure(_OVERRIDES, 1.0, "지시|명령|프롬프트|규칙", "무시|잊어"),
    Lure("new instructions", 0.6, "new instruction|updated instruction|real instruction|actual task is|your new task"),
    Lure("new instructions", 0.6, "neue anweisung|nouvelles instructions|nuevas instrucciones|新的指令"),
    Lure(
        _PROMPT,
        0.8,
        "reveal|repeat|print|show me|output|display|leak|disclose|recite|tell me|what is your|what are your",
        "system prompt|initial prompt|hidden prompt|system message|your instructions|your initial instr|text above",
    ),
    Lure(
        _PROMPT,
        0.8,
        "zeig|verrate|montre|révèle|muestra|revela|mostra|mostre|покажи|显示|输出",
        "system-prompt|systemprompt|system prompt|prompt système|prompt del sistema|системн|系统提示",
    ),
    Lure(
        _ROLE,
        1.0,
        "you are now|act as|pretend to be|pretend you are|roleplay as|you will be|from now on you",
        " dan |dan,|dan.|unrestricted|without any restriction|no restriction|jailbroken|uncensored|no rules|"
        "without rules|evil|no filter|without filter|no ethical|no limits|amoral",
    ),
    Lure(_ROLE, 1.0, "do anything now|developer mode enabled|jailbreak mode|god mode on"),
    Lure(
        _ROLE,
        1.0,
        "du bist jetzt|tu es maintenant|ahora eres|agora você é|ora sei|ты теперь|你现在是",
        "ohne einschränk|ohne regeln|sans restriction|sans règle|sin restriccion|sin reglas|без огранич|sem restriç|"
        "senza restrizion|senza regole|没有限制|不受限制| dan",
    ),
    Lure(
        "turns safety off",
        0.8,
        "disable|turn off|deactivate|without|remove|drop",
        "safety filter|content filter|content polic|safety guideline|ethical guideline|moderation",
    ),
    Lure(
        "hides from the user",
        1.0,
        "do not tell|don't tell|do not inform|don't mention|do not mention|never tell|do not reveal|keep this secret",
        "the user|from user",
    ),
    Lure("hides from the user", 1.0, "without telling|without informing|without the user", "user"),
    Lure(
        "sends data away",
        0.9,
        "send|forward|exfiltrate|upload|post |email |append|transmit|curl |leak",
        "conversation|chat history|api key|password|credential|secret|token|private|all emails|contents of|user data|"
        ".env|ssh key|system prompt",
        "to http|http://|https://|@|to the following|attacker|webhook|this url",
    ),
    Lure("speaks to the model", 0.5, "attention ai|note to ai|dear ai|hey ai|important: ai|if you are an ai"),
    Lure("speaks to the model", 0.5, "if you are a language model|to any ai|ai agents:|llm:|assistant must"),
    Lure("speaks to the model", 0.7, "instructions for the ai|instructions for the assistant|message to the llm"),
    Lure(_FORGED, 1.0, "im_start|im_end|start_header_id|<<sys>>|[/inst]"),
    Lure(_FORGED, 0.7, "\n### system:|\nsystem: you|\n\nsystem:|</system>|[system](#|### instruction:"),
    Lure(_FORGED, 0.7, "begin system message|end of user input|end of document|---end of|<important>"),
    Lure("data in an image's address", 0.8, "![", "](http", "?data=|?q={|?secret|?content=|={{|=<"),
)


def _indexed() -> tuple[dict[str, list[tuple[Lure, str]]], list[tuple[Lure, str]]]:
    by_head: dict[str, list[tuple[Lure, str]]] = {}
    others: list[tuple[Lure, str]] = []
    for lure in LURES:
        for opening in lure.openings:
            first = _WORD.search(opening)
            plain = first is not None and opening.isascii()
            where = by_head.setdefault(first.group()[:_HEAD], []) if first is not None and plain else others
            where.append((lure, opening))
    return by_head, others


_BY_HEAD, _OTHERS = _indexed()


def found(low: str) -> Iterator[Lure]:
    """Yield the wordings of a text in lower case: only those are looked for whose first word may be there."""
    heads = {word[:_HEAD] for word in low.translate(_APART).split()}
    for head in _BY_HEAD.keys() & heads:
        yield from (lure for lure, opening in _BY_HEAD[head] if lure.holds(low, opening))
    yield from (lure for lure, opening in _OTHERS if lure.holds(low, opening))
