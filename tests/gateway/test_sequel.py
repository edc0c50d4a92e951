from __future__ import annotations

from gateway.sequel import Sequel
from schemas.model import ModelChunk, TextDelta, ToolCallDelta


def fed(sequel: Sequel, *texts: str) -> list[ModelChunk]:
    """Return what is sent of text deltas."""
    return [chunk for text in texts for chunk in sequel.feed(TextDelta(text=text))]


def said(chunks: list[ModelChunk]) -> str:
    """Return the text of chunks; a restart is a bar."""
    texts = {"restart": lambda chunk: "|", "text": lambda chunk: chunk.text}
    return "".join(texts[chunk.kind](chunk) for chunk in chunks)


def test_the_same_answer_goes_on_unseen() -> None:
    """B68: an answer that begins as the one that broke off is sent from where it goes further, without a restart."""
    sequel = Sequel()
    assert said(fed(sequel, "one ", "two ")) == "one two "
    assert sequel.begin_anew("cut") == []
    assert said(fed(sequel, "on", "e two thr", "ee")) == "three"
    assert sequel.finish() == []


def test_another_answer_begins_anew_whole() -> None:
    """B68: at the first text that differs the client is told, and gets the new answer from its beginning."""
    sequel = Sequel()
    fed(sequel, "one two ")
    sequel.begin_anew("cut")
    assert said(fed(sequel, "one", " too", " many")) == "|one too many"


def test_a_shorter_answer_begins_anew_whole() -> None:
    """An answer that ends before it said what the client has already is another answer."""
    sequel = Sequel()
    fed(sequel, "one two ")
    sequel.begin_anew("cut")
    assert said(fed(sequel, "one")) == ""
    assert said(sequel.finish()) == "|one"


def test_calls_that_were_shown_begin_anew_at_once() -> None:
    """Tool calls have ids of their own, so an answer with calls never goes on unseen."""
    sequel = Sequel()
    sequel.feed(ToolCallDelta(index=0, call_id="c", name="f"))
    assert said(sequel.begin_anew("cut")) == "|"
    assert said(fed(sequel, "new")) == "new"


def test_two_cuts_are_one_answer() -> None:
    """What was sent after a first cut counts as shown at the second."""
    sequel = Sequel()
    fed(sequel, "a b ")
    sequel.begin_anew("cut")
    assert said(fed(sequel, "a b c ")) == "c "
    sequel.begin_anew("cut")
    assert said(fed(sequel, "a b c d")) == "d"
