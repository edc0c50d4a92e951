"""What was said, as turns and trimmed."""

from __future__ import annotations

from engine.serve.chat.history import text_of, tokens_of, told, trimmed, turns_of
from schemas.model import AudioPart, FilePart, ImagePart, Message, TextPart


def test_what_is_no_text_is_named() -> None:
    """Images, files and sound are named where they stood, never lost silently."""
    parts = (
        TextPart(text="what is it?"),
        ImagePart(url="data:image/png;base64,AAAA"),
        FilePart(file_id="f1", name="a.pdf"),
        AudioPart(data="", format="wav"),
    )
    named = text_of(Message(role="user", parts=parts))
    assert named == "what is it?\n[image: image/png, 3 bytes, not shown here]\n[file: a.pdf]\n[audio: wav]"


def test_turns_are_what_people_said() -> None:
    """System messages are no turns; a text is kept byte for byte."""
    messages = (Message.system("be terse"), Message.user(" a  b\n"), Message.assistant("c"))
    assert turns_of(messages) == (("user", " a  b\n"), ("assistant", "c"))


def test_short_histories_stay_whole() -> None:
    """What fits is not touched."""
    turns = [("user", "a"), ("assistant", "b")]
    assert trimmed(turns, 1_000) == turns


def test_the_goal_and_the_latest_turns_stay() -> None:
    """A long history keeps its first request and its latest turns, within the cap, and says what was left out."""
    turns = [("user", "the goal"), *(("assistant" if n % 2 else "user", f"turn {n} " * 20) for n in range(200))]
    kept = trimmed(turns, 500)
    assert (kept[0], kept[-1]) == (turns[0], turns[-1])
    assert "earlier messages are left out" in kept[1][1]
    assert tokens_of(told(kept)) <= 560


def test_a_huge_turn_loses_its_middle() -> None:
    """One turn that is too long on its own keeps its ends, and says what is gone; in any script."""
    for sign in ("a", "語"):
        kept = trimmed([("user", "goal"), ("user", f"begin {sign * 90_000} end")], 400)
        assert (kept[-1][1][:5], kept[-1][1][-3:]) == ("begin", "end")
        assert "characters left out" in kept[-1][1]
        assert tokens_of(told(kept)) <= 460
