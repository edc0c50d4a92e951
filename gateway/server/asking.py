"""What is answered about a call without making it: which models would be tried, and how many tokens it has."""

from __future__ import annotations

from typing import Any

from gateway.estimate import BYTES_PER_TOKEN
from gateway.exchange import ClientCall
from gateway.server.bodies import read_body
from gateway.server.calls import context_of
from gateway.server.visit import Visit
from schemas.errors import ModelRequestError


async def show_route(visit: Visit) -> None:
    """Answer with the models a request would go to, in order, and why; nothing is called. Raises EngineError.

    So for ``auto`` words choose, also where a routing model would.
    """
    call, asked = await _asked(visit)
    ranked = visit.desk.gateway.directory.rank(call, asked, context_of(visit, call))
    routes: list[dict[str, Any]] = [
        {
            "model": each.ref,
            "reason": each.reason,
            "left_out": each.left_out,
            "usd_per_mtok": each.price,
            "latency_s": each.latency_s,
        }
        for each in ranked
    ]
    chosen = next((route["model"] for route in routes if route["left_out"] is None), None)
    await visit.answer_json({"object": "route", "asked": asked, "model": chosen, "routes": routes})


async def count_tokens(visit: Visit) -> None:
    """Answer how many tokens a request of the Messages API has: as its provider counts, else by an estimate.

    A header says which model counted, or that it is an estimate. Raises EngineError.
    """
    call, asked = await _asked(visit)
    if asked != call.model:
        call.parsed["model"] = asked
    told = None
    if not visit.desk.guests.knows(asked):
        told = await visit.desk.gateway.counting.count(call, context_of(visit, call))
    if told is not None:
        counted, model = told
        await visit.answer_json(counted, headers=[(b"x-engine-model", model.ref.encode())])
        return
    counted = {"input_tokens": max(1, len(call.body) // BYTES_PER_TOKEN)}
    await visit.answer_json(counted, headers=[(b"x-engine-estimate", b"true")])


async def _asked(visit: Visit) -> tuple[ClientCall, str]:
    body = await read_body(visit.receive, visit.head.heeded, visit.desk.site.settings.gateway.body_bytes)
    call = ClientCall(visit.form, body, visit.head.passed, visit.head.request_id)
    asked = visit.desk.names.asked(call.model, visit.key)
    if not asked:
        raise ModelRequestError("the request names no model", details={"param": "model"})
    return call, asked
