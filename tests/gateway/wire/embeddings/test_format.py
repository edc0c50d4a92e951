"""Embeddings are passed on, never translated."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire import client_format
from schemas.errors import ModelRequestError
from schemas.model import ModelResponse

FORMAT = client_format("embeddings")


@pytest.mark.parametrize("given", ["hi", ["a", "b"], [1, 2], [[1], [2]]])
def test_a_model_without_embeddings_is_a_clear_error(given: Any) -> None:
    """B72: a provider that does not speak the format gets no such call; the client learns why, and what to name."""
    with pytest.raises(ModelRequestError, match="'claude' gives no embeddings") as caught:
        FORMAT.request({"model": "claude", "input": given})
    assert FORMAT.error(caught.value, "req_1")["error"]["param"] == "model"


@pytest.mark.parametrize("given", [None, "", [], {"text": "a"}, 3])
def test_an_input_that_is_none_is_named_first(given: Any) -> None:
    """The field at fault is the input, whatever the model."""
    with pytest.raises(ModelRequestError) as caught:
        FORMAT.request({"model": "claude", "input": given})
    assert caught.value.details["param"] == "input"


def test_no_answer_is_made_into_embeddings() -> None:
    """Neither whole nor streamed."""
    with pytest.raises(ModelRequestError):
        FORMAT.reply(ModelResponse(model="m"), {})
    with pytest.raises(ModelRequestError):
        FORMAT.stream({"model": "m"})
