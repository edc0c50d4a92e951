"""Webhooks against a receiver that checks them as the specification says."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import anyio
import pytest

from gateway.warnings import WAITING, Notice, Webhooks
from schemas.errors import ConfigError, ModelUnavailableError
from schemas.gateway import Webhook

pytestmark = pytest.mark.anyio
NOTICE = Notice("budget.warning", "agent:writer@day", "usd", 0.9, 1.0)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


class Receiver:
    """Answers with the next status; keeps what came."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[str, Mapping[str, str], bytes]] = []
        self.taken = anyio.Event()

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float, most_bytes: int
    ) -> tuple[int, bytes]:
        self.got.append((url, headers, body))
        status = self.statuses.pop(0)
        if status == 0:
            raise ModelUnavailableError("nobody there")
        if status in (200, 410):
            self.taken.set()
        return status, b""


async def sent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Webhooks:
    """Send one notice, and wait until it is taken."""
    monkeypatch.setattr("gateway.warnings.DELAYS_S", (0.01, 0.01, 0.01))
    hooks = Webhooks([Webhook(url="https://u:p@h.example/secret", **fields)], {"HOOK": SECRET}, receiver, lambda: 1e9)
    async with hooks.sending():
        hooks(NOTICE)
        with anyio.fail_after(5):
            await receiver.taken.wait()
    return hooks


async def test_a_webhook_is_signed_as_the_specification_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """B71: who has the secret can check that the body, its id and its time are ours."""
    receiver = Receiver(200)
    await sent(receiver, monkeypatch, secret="$HOOK")
    ((_, headers, body),) = receiver.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, sha256)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    told = json.loads(body)
    assert (told["type"], told["data"]["scope"], told["data"]["spent"]) == ("budget.warning", "agent:writer", 0.9)


async def test_what_is_not_taken_is_sent_again_under_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """B71: after an error of the receiver, or of the way there, the same message comes again."""
    receiver = Receiver(500, 0, 200)
    await sent(receiver, monkeypatch)
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert "webhook-signature" not in receiver.got[0][1]


async def test_a_receiver_that_is_gone_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """410 means that nothing more is to be sent."""
    receiver = Receiver(410)
    await sent(receiver, monkeypatch)
    assert len(receiver.got) == 1


async def test_a_slow_receiver_holds_up_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """B71: telling never waits; what the queue does not hold is in the log only, and no secret with it."""
    hooks = Webhooks([Webhook(url="https://u:p@h.example/secret")], {}, Receiver())
    for _ in range(WAITING + 5):
        hooks(NOTICE)
    assert "webhook.dropped" in (said := capsys.readouterr().out)
    assert "secret" not in said


def test_a_secret_that_is_not_set_is_said() -> None:
    """A variable that is missing, or a secret that is no base64, is said at the start."""
    for secret in ("$NOT_SET", "whsec_*"):
        with pytest.raises(ConfigError):
            Webhooks([Webhook(url="https://h.example/x", secret=secret)], {}, Receiver())


def test_a_configuration_that_is_not_in_force_changes_nothing() -> None:
    """B71: looking whether webhooks could be heeded, as for a configuration that is refused after all, heeds none."""
    hooks = Webhooks([Webhook(url="https://old.example/h")], {}, Receiver(200))
    assert [url for url, _ in hooks.check([Webhook(url="https://new.example/h")])] == ["https://new.example/h"]
    assert [url for url, _ in hooks._targets] == ["https://old.example/h"]  # pyright: ignore[reportPrivateUsage]


async def test_other_webhooks_are_heeded_at_once() -> None:
    """B71: after a reload notices go to the webhooks that are configured now; one without its secret changes none."""
    receiver, seen = Receiver(200), list[Notice]()
    hooks = Webhooks([Webhook(url="https://old.example/h")], {}, receiver)
    hooks.observers.append(seen.append)
    hooks.heed([Webhook(url="https://new.example/h")])
    with pytest.raises(ConfigError):
        hooks.heed([Webhook(url="https://other.example/h", secret="$NOT_SET")])
    async with hooks.sending():
        hooks(NOTICE)
        with anyio.fail_after(5):
            await receiver.taken.wait()
    assert [url for url, _, _ in receiver.got] == ["https://new.example/h"]
    assert seen == [NOTICE]
