"""Connections, byte by byte: what is no HTTP, too large or too slow is told so; nothing spoils an answer under way."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.server import bodies, connection
from tests.gateway.server.serving import Served, chat, config, served
from tests.wire.replies import say
from tests.wire.server import WireServer

HOST = b"host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def gateway() -> Generator[Served]:
    with WireServer(lambda request, path: say(request, path, "hi")) as upstream:
        more = {"gateway": {"body_bytes": 50_000}}
        with served(config(upstream.url, **more)) as found:
            yield found


def talk(gateway: Served, *pieces: bytes, wait_s: float = 0.0, shut: bool = False) -> bytes:
    """Send pieces on one connection and return all that comes back until it is closed or silent."""
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(wait_s)
        if shut:
            line.shutdown(socket.SHUT_WR)
        found = b""
        line.settimeout(20)
        try:
            while piece := line.recv(65536):
                found += piece
                line.settimeout(20 if wait_s or shut else 1.0)
        except (TimeoutError, ConnectionResetError):
            pass
    return found


def post(body: bytes, more: bytes = b"connection: close\r\n", version: bytes = b"1.1") -> bytes:
    """Return a chat completion's request."""
    return (
        b"POST /v1/chat/completions HTTP/%b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b"
        % (version, HOST, len(body), more, body)
    )


BODY = json.dumps(chat()).encode()


def told(raw: bytes) -> tuple[int, Any]:
    """Return (status, JSON body) of a response."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head, "nothing came back"
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_said(gateway: Served, raw: bytes) -> None:
    """Bytes that are no HTTP (a TLS hello, a broken line) are a 400 in JSON."""
    status, body = told(talk(gateway, raw))
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


def test_a_head_that_is_too_large_is_refused(gateway: Served) -> None:
    """A head of more than 64 KB, whole or never ending, is a 431; so are too many headers."""
    whole = b"GET /healthz HTTP/1.1\r\n%bx-a: %b\r\n\r\n" % (HOST, b"a" * 70_000)
    endless = b"GET /healthz HTTP/1.1\r\n%bx-a: %b" % (HOST, b"a" * 70_000)
    many = b"GET /v1/models HTTP/1.1\r\n%b%b\r\n" % (HOST, b"".join(b"x-%d: a\r\n" % i for i in range(200)))
    assert [told(talk(gateway, raw))[0] for raw in (whole, endless, many)] == [431, 431, 431]


def test_a_header_that_contradicts_itself_is_refused(gateway: Served) -> None:
    """Two hosts, two keys or two lengths are a 400."""
    for more in (b"host: localhost\r\n", b"x-api-key: a\r\nx-api-key: b\r\n", b"content-length: 3\r\n"):
        assert told(talk(gateway, post(BODY, more)))[0] == 400


def test_a_large_body_is_refused_unread(gateway: Served) -> None:
    """A body that says it is too large is a 413 before it comes; one that does not say so is a 413 once it is."""
    declared = b"POST /v1/messages HTTP/1.1\r\n%bcontent-length: 999999999\r\n\r\n" % HOST
    status, body = told(talk(gateway, declared))
    assert (status, body["type"], body["error"]["type"]) == (413, "error", "request_too_large")
    head = b"POST /v1/chat/completions HTTP/1.1\r\n%btransfer-encoding: chunked\r\n\r\n" % HOST
    assert told(talk(gateway, head, *[b"2710\r\n%b\r\n" % (b"x" * 10_000)] * 6))[0] == 413


def test_who_sends_a_large_body_reads_why_it_is_refused(gateway: Served) -> None:
    """A client that goes on sending gets to read the refusal: the connection is not cut under it."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\n%bcontent-length: 3000000\r\n\r\n" % HOST
    assert told(talk(gateway, head, *[b"x" * 100_000] * 20))[0] == 413


def test_100_continue_is_said_only_to_who_may_send(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect: 100-continue is answered before the body is read, and not when it would be refused."""
    monkeypatch.setattr(connection, "LINGER_S", 0.2)
    head = b"POST /v1/chat/completions HTTP/1.1\r\n%bexpect: 100-continue\r\n"
    head += b"content-length: %d\r\nconnection: close\r\n\r\n"
    taken = talk(gateway, head % (HOST, len(BODY)), BODY, wait_s=0.3)
    assert taken.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert talk(gateway, head % (HOST, 999_999_999), wait_s=0.3).startswith(b"HTTP/1.1 413")


def test_pipelined_requests_are_answered_in_order(gateway: Served) -> None:
    """Requests that come in one packet are answered one after the other."""
    raw = talk(
        gateway, post(BODY, b"x-request-id: one\r\n") + post(BODY, b"x-request-id: two\r\nconnection: close\r\n")
    )
    assert raw.count(b"HTTP/1.1 200 OK") == 2
    assert raw.index(b"x-request-id: one") < raw.index(b"x-request-id: two")


def test_rubbish_after_a_request_does_not_spoil_its_answer(gateway: Served) -> None:
    """Bytes that are no HTTP, sent behind a request, are not answered into that request's answer."""
    raw = talk(gateway, post(BODY, b"") + b"\x00\x01 rubbish\r\n\r\n")
    assert raw.count(b"HTTP/1.1") == 1
    assert told(raw)[0] == 200


def test_who_closes_after_a_refused_body_reads_why(gateway: Served) -> None:
    """The same holds where the connection ends with the answer: under HTTP/1.0, and for a head that is too large."""
    head = b"POST /v1/chat/completions HTTP/%b\r\n%bcontent-length: 3000000\r\nconnection: close\r\n\r\n"
    body = [b"x" * 100_000] * 20
    for version in (b"1.0", b"1.1"):
        assert told(talk(gateway, head % (version, HOST), *body, wait_s=0.01))[0] == 413
    assert told(talk(gateway, b"GET / HTTP/1.1\r\nx-a: ", *body, wait_s=0.01))[0] == 431


def test_http_1_0_is_answered(gateway: Served) -> None:
    """An HTTP/1.0 client gets a whole answer with its length, and the connection is closed."""
    raw = talk(gateway, post(BODY, b"", b"1.0"))
    assert told(raw)[0] == 200
    assert b"content-length" in raw
    assert b"connection: close" in raw


def test_a_body_in_chunks_is_read(gateway: Served) -> None:
    """A chunked body, split anywhere, is the same request."""
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    head = b"POST /v1/chat/completions HTTP/1.1\r\n%btransfer-encoding: chunked\r\nconnection: close\r\n\r\n" % HOST
    assert told(talk(gateway, head, chunks[:100], chunks[100:]))[0] == 200


def test_head_has_no_body(gateway: Served) -> None:
    """HEAD is answered like GET, without the body."""
    raw = talk(gateway, b"HEAD /healthz HTTP/1.1\r\n%bconnection: close\r\n\r\n" % HOST)
    assert raw.startswith(b"HTTP/1.1 200 OK")
    assert raw.endswith(b"\r\n\r\n")


def test_slow_clients_are_let_go(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head or a body that does not come in time is a 408; a connection that says nothing is closed."""
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    monkeypatch.setattr(bodies, "PAUSE_S", 0.2)
    assert told(talk(gateway, b"POST /v1/chat", wait_s=0.1))[0] == 408
    assert talk(gateway, wait_s=0.1, shut=False) == b""
    assert told(talk(gateway, post(BODY)[:-3], wait_s=0.1))[0] == 408


def test_a_websocket_is_no_way_in(gateway: Served) -> None:
    """A request to upgrade is answered as the request it is."""
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\n"
    raw = talk(gateway, b"GET /healthz HTTP/1.1\r\n%b%b\r\n" % (HOST, upgrade))
    assert raw.startswith(b"HTTP/1.1 200 OK")


def test_who_ends_its_own_side_still_gets_its_answer() -> None:
    """A client that sends, says that it sends no more, and waits is answered, behind a word that it is heard."""
    late = WireServer(lambda request, path: say(request, path, "late", delay_s=0.6))
    with late as upstream, served(config(upstream.url)) as slow:
        raw = talk(slow, post(BODY, more=b""), shut=True)
        interim, _, answer = raw.partition(b"\r\n\r\n")
        assert (interim, told(answer)[0]) == (b"HTTP/1.1 102 Processing", 200)
        assert b"late" in answer
        assert slow.metric("clients_left_total") == 0


def test_who_is_gone_is_not_waited_for() -> None:
    """A client that closed its connection altogether looks the same at first, and is found out at once."""
    late = WireServer(lambda request, path: say(request, path, "late", delay_s=60.0))
    with late as upstream, served(config(upstream.url)) as slow:
        address = urlsplit(slow.url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as line:
            line.sendall(post(BODY))
            time.sleep(0.3)
        assert upstream.wait_left(10.0)
