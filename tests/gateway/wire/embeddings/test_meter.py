"""Embeddings that pass through."""

from __future__ import annotations

import json

import pytest

from gateway.wire.embeddings.meter import EmbeddingsMeter
from tests.gateway.wire.test_metering import metered


@pytest.mark.parametrize("count", [1, 2_000])
@pytest.mark.parametrize("order", ["last", "first"])
def test_embeddings_are_metered_however_many(count: int, order: str) -> None:
    """Usage is found at the end without reading the numbers, and elsewhere by reading them."""
    data = {"data": [{"embedding": [0.25] * count, "index": 0, "object": "embedding"}]}
    facts = {"model": "emb-x", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    body = {**data, **facts} if order == "last" else {**facts, **data}
    meter = metered(EmbeddingsMeter(), json.dumps(body).encode(), streamed=False)
    assert meter.usage is not None
    assert (meter.usage.input_tokens, meter.model, meter.complete) == (8, "emb-x", True)
