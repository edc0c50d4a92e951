"""The routes that call models: a body in, what the gateway answers out, byte for byte."""

from __future__ import annotations

import asyncio
import json

import structlog

from gateway.attempt import CallContext
from gateway.exchange import ClientCall, WireReply
from gateway.server.bodies import ClientLeftError, read_body
from gateway.server.screen import screened
from gateway.server.visit import Visit
from gateway.wire import CLIENT_FORMATS
from schemas.errors import EngineError, ModelRequestError, ModelUnavailableError, RequestError

_log = structlog.get_logger("plan-execute-engine.gateway")


async def relay(visit: Visit) -> None:
    """Answer a call of a model. A client that leaves ends it, and the provider's call with it, at once."""
    connection = visit.connection
    task = asyncio.current_task()
    call: ClientCall | None = None
    if connection is not None:
        connection.running = task
    try:
        call = await _called(visit)
        await _answer(visit, call)
    except asyncio.CancelledError:
        if connection is None or task is None:
            raise
        if connection.lost:
            visit.desk.metrics.left += 1
        elif visit.desk.leaving.now:
            await _break_off(visit, call, ModelUnavailableError("the gateway is stopping", hint="send it again"))
        else:
            raise
        task.uncancel()
    except ClientLeftError:
        visit.desk.metrics.left += 1
    except EngineError as exc:
        if call is None:
            visit.desk.metrics.refused(visit.desk.listener.name, exc.code)
        await _break_off(visit, call, exc)
    except Exception:
        _log.exception("a call failed", request_id=visit.head.request_id)
        error = EngineError("the gateway failed", hint="its log says why; this is a fault of the gateway")
        await _break_off(visit, call, error)
    finally:
        _let_go(visit)


async def _answer(visit: Visit, call: ClientCall) -> None:
    """Let an assistant of that name answer, or a model. Raises EngineError."""
    guests = visit.desk.guests
    if guests.assistants is not None and guests.knows(call.model):
        chain = visit.desk.gateway.door(call, context_of(visit, call))
        if chain is not None:
            call = await screened(visit, call, chain)
        await guests.assistants.answer(visit, call, call.model)
        return
    async with visit.desk.gateway.relay(call, context_of(visit, call)) as reply:
        await _reply(visit, reply)


async def _called(visit: Visit) -> ClientCall:
    """Read the call. Raises EngineError, ClientLeftError."""
    desk, head = visit.desk, visit.head
    body = await read_body(visit.receive, head.heeded, desk.site.settings.gateway.body_bytes)
    call = ClientCall(visit.form, body, head.passed, head.request_id)
    named = call.model
    asked = desk.names.asked(named, visit.key)
    run_id = head.passed.get("x-engine-run")
    if run_id:
        await desk.charging.check(visit.key, run_id)
    if not asked:
        raise ModelRequestError("the request names no model", details={"param": "model"})
    desk.names.check_others(asked, visit.key, call.parsed)
    if asked != named:  # the listener's default: from here on it is what the client asked for
        call.parsed["model"] = asked
        call.body = json.dumps(call.parsed).encode()
    return call


def context_of(visit: Visit, call: ClientCall) -> CallContext:
    """Return for whom a call is. Raises RequestError: a header says nothing that can be understood."""
    passed, key, listener = visit.head.passed, visit.key, visit.desk.listener
    said = passed.get("x-engine-restart")
    agent = key.agent if key is not None else None
    return CallContext(
        run_id=passed.get("x-engine-run") or None,
        role=passed.get("x-engine-role", ""),
        step_id=passed.get("x-engine-step") or None,
        may_restart=listener.restart if said is None else _yes(said),
        key="" if key is None else key.id,
        agent=passed.get("x-engine-agent", "") if agent is None else agent,
        claimed=agent is None,
        listener=listener.name,
        request_id=call.request_id,
        session=passed.get("x-engine-session", ""),
        api_key=key,
        wait_s=_wait_s(visit),
    )


async def _reply(visit: Visit, reply: WireReply) -> None:
    headers = reply.headers
    length = -1
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
    await visit.start(reply.status, headers)
    send, sent = visit.send, 0
    async for piece in reply.body:
        sent += len(piece)
        if sent == length:
            _let_go(visit)
            await send({"type": "http.response.body", "body": piece})
            return
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    _let_go(visit)
    await send({"type": "http.response.body", "body": b""})


def _let_go(visit: Visit) -> None:
    """From here on a client that leaves has all it wanted."""
    connection = visit.connection
    if connection is not None and connection.running is asyncio.current_task():  # else it is at its next request
        connection.running = None


async def _break_off(visit: Visit, call: ClientCall | None, error: EngineError) -> None:
    """Say why there is no answer, or no more of it: as an answer, or as the last event of one that has begun."""
    if not visit.started:
        await visit.fail(error)
    elif call is not None and call.streamed:
        written = CLIENT_FORMATS[call.format].stream(call.parsed).fail(error, call.request_id)
        await visit.send({"type": "http.response.body", "body": written})


def _wait_s(visit: Visit) -> float:
    """Return the longest wait in line: the listener's, or the key's where that is shorter."""
    longest, key = visit.desk.listener.limits.wait_s, visit.key
    if key is None:
        return longest
    return min(longest, (key.limits or visit.desk.site.settings.gateway.key_limits).wait_s)


def _yes(said: str) -> bool:
    word = said.strip().lower()
    if word not in ("true", "false"):
        raise RequestError(f"x-engine-restart {said[:40]!r} is neither true nor false")
    return word == "true"
