"""What was said before: as turns, trimmed to what fits, and as the text that a task carries along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.replanner.view import BYTES_PER_TOKEN
from engine.serve.chat.conversation import Turn
from engine.serve.chat.replies import unnamed
from schemas.model import FilePart, ImagePart, Message, Part

OTHERS = ("image", "file", "audio", "tool_call", "tool_result")
_PER_TURN = 12
_SHORTEST_TOKENS = 60
_CALL_CHARS = 400


def turns_of(messages: Iterable[Message]) -> tuple[Turn, ...]:
    """Return what was said, without system messages: a text byte for byte, what is no text by its name."""
    return tuple(
        (message.role, text) for message in messages if message.role != "system" and (text := text_of(message)) != ""
    )


def text_of(message: Message) -> str:
    """Return a message as text; images, files, sound, calls and their results are named in brackets.

    >>> text_of(Message(role="user", parts=(ImagePart(url="https://x.org/a.png"),)))
    '[image: https://x.org/a.png]'
    """
    texts = [part.text for part in message.parts if part.kind == "text"]
    others = [_named(part) for part in message.parts if part.kind in OTHERS]
    whole = "\n".join(texts) if len(texts) > 1 else "".join(texts)
    return "\n".join([*([whole] if whole else []), *others])


def _named(part: Part) -> str:
    match part.kind:
        case "image" | "file":
            return f"[{part.kind}: {_place(part)}]"
        case "audio":
            return f"[audio: {part.format}]"
        case "tool_call":
            return f"[call: {part.name} {part.raw[:_CALL_CHARS]}]"
        case "tool_result":
            return f"[result: {part.content[:_CALL_CHARS]}]"
        case "text" | "reasoning":
            return ""


def _place(part: ImagePart | FilePart) -> str:
    name = part.name if isinstance(part, FilePart) else ""
    if part.url.startswith("data:"):
        head, _, data = part.url.removeprefix("data:").partition(",")
        kind = head.partition(";")[0]
        return ", ".join([*([name] if name else []), kind or "data", f"{len(data) * 3 // 4:,} bytes, not shown here"])
    return name or part.url or part.file_id or "no address"


def tokens_of(text: str) -> int:
    """Return about how many tokens a text takes."""
    return len(text.encode()) // BYTES_PER_TOKEN + 1


def trimmed(turns: Sequence[Turn], tokens: int) -> list[Turn]:
    """Return turns that take at most about ``tokens``; what is cut is said.

    The first request stays, since it says what all of it is for, and so do the latest turns. What is in between goes,
    oldest first; a turn that is too long on its own loses its middle.

    Cost: O(characters).
    """
    if sum(tokens_of(text) + _PER_TURN for _, text in turns) <= tokens:
        return list(turns)
    first = next((place for place, (role, _) in enumerate(turns) if role == "user"), 0)
    share = max(tokens // 4, _SHORTEST_TOKENS)
    head = [(turns[first][0], shortened(turns[first][1], share))]
    left = tokens - tokens_of(head[0][1]) - 2 * _PER_TURN
    tail: list[Turn] = []
    for role, text in reversed(turns[first + 1 :]):
        room = left - _PER_TURN
        if room < min(_SHORTEST_TOKENS, tokens_of(text)):
            break
        kept = shortened(text, min(room, max(share, room // 2)))
        tail.insert(0, (role, kept))
        left = room - tokens_of(kept)
    gone = len(turns) - first - 1 - len(tail) + first
    note = [("note", f"[{gone:,} earlier message{'s are' if gone != 1 else ' is'} left out here]")] if gone else []
    return [*head, *note, *tail]


def shortened(text: str, tokens: int) -> str:
    """Return a text of at most about so many tokens, its middle cut out, which is said.

    >>> shortened("a" * 400 + "z" * 400, 5)
    'aaaaaaaaaa[… 780 characters left out …]zzzzzzzzzz'
    """
    if tokens_of(text) <= tokens:
        return text
    wide = len(text.encode()) / max(len(text), 1)
    chars = max(int(tokens * BYTES_PER_TOKEN / wide) // 2, 1)
    if 2 * chars >= len(text):
        return text
    return f"{text[:chars]}[… {len(text) - 2 * chars:,} characters left out …]{text[-chars:]}"


def told(turns: Iterable[Turn]) -> str:
    """Return turns as one text, a speaker before each."""
    names = {"user": "User: ", "assistant": "Assistant: "}
    return "\n".join(f"{names.get(role, '')}{unnamed(text)}" for role, text in turns)
