"""Several results in one text: "write the results to a file" takes all of them, each on a line of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.providers.offline.calls import Call
from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.filling import best_link
from gateway.providers.offline.references import links_to
from gateway.providers.offline.results import ids_in
from gateway.providers.offline.words import stemmed

_TEXT = stemmed("text content body message note data")
_ALL = re.compile(
    r"\b(?:(?:the|all|these|those|both)(?: \w+)? (?:results|answers|values|numbers|outputs)|them(?: all)?|both"
    r"|everything|(?:alle |die )?ergebnisse|(?:les |tous les )?résultats|(?:los |todos los )?resultados)\b"
    r"|所有结果|全部结果|两个结果|すべての結果|両方の結果|모든 결과|두 결과",
    re.IGNORECASE,
)
_ANY = re.compile(
    r"\b(?:it|this|that|the (?:result|answer|output)|das ergebnis|le résultat|el resultado)\b|结果|結果|결과",
    re.IGNORECASE,
)
_LABEL = 60


def joined(call: Call, made: Sequence[Call]) -> bool:
    """Let a text that takes one result take all that the clause speaks of; return whether it does now.

    "The results" are all results that no later call took; "the result" of a part of the task that gave several, those.
    """
    texts = [a for a in call.tool.arguments if a.kind == "string" and _TEXT & {*a.name_stems} and a.name in call.links]
    if len(texts) != 1 or not made:
        return False
    meant = _meant(call, made, call.links[texts[0].name].earlier.id)
    if len(meant) == 1:
        rows = [part for part in meant[0].tool.returns if part.items is not None and part.items.kind == "object"]
        if len(rows) == 1:
            call.values[texts[0].name] = meant[0].earlier().reference(rows[0])
    several = len(meant) > 1 and not any(one.missing for one in meant)
    if several:
        call.values[texts[0].name] = "\n".join(f"{_label(one)}: {_reference(texts[0], one)}" for one in meant)
    return several


def _meant(call: Call, made: Sequence[Call], linked: int) -> list[Call]:
    last = made[-1]
    if _ALL.search(call.text):
        taken = {one for other in made for one in ids_in(other.values)}
        return [one for one in made if one.id not in taken]
    if _ANY.search(call.text) and linked == last.id:
        return [one for one in made if one.text == last.text]
    return []


def _label(call: Call) -> str:
    given = [value for value in call.values.values() if isinstance(value, str)]
    own = len(call.values) == 1 and len(given) == 1 and not ids_in(given[0]) and len(given[0]) <= _LABEL
    return (given[0] if own else call.text.rstrip("?？ ")).replace("{", "(").replace("}", ")")


def _reference(argument: Argument, call: Call) -> str:
    earlier = call.earlier()
    return earlier.reference(best_link(argument, links_to(earlier, 0.5)).part)
