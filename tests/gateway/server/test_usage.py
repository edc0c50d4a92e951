"""GET /v1/usage."""

from __future__ import annotations

import anyio

from engine.durable.usage import MemoryUsage
from schemas.bookkeeping import UsageLine
from schemas.result import Usage
from tests.gateway.server.serving import Keys, config, served


def test_who_may_read_what_was_used() -> None:
    """A key reads its usage with the scope usage, all with admin; others, and wrong questions, are refused."""
    book, keys = MemoryUsage(), Keys()
    own, boss, none = keys.add("own", scopes=("usage",)), keys.add("boss", scopes=("admin",)), keys.add("none")
    lines = [UsageLine(day="2026-11-21", key=key, model="m", usage=Usage(calls=1)) for key in ("k_own", "k_none")]
    anyio.run(book.add, lines)
    with served(config(), keys=keys, usage=book) as gateway:

        def asked(secret: str, query: str = "") -> tuple[int, dict[str, object]]:
            reply = gateway.client.get(f"/v1/usage{query}", headers={"authorization": f"Bearer {secret}"})
            return reply.status_code, reply.json()

        status, told = asked(own, "?by=key,model")
        assert (status, told["data"][0]["key"], told["total"]["calls"]) == (200, "k_own", 1)  # type: ignore[index]
        assert asked(boss)[1]["total"]["calls"] == 2  # type: ignore[index]
        assert asked(none)[0] == asked(own, "?key=k_none")[0] == 403
        assert asked(boss, "?by=dey")[0] == 422
        assert gateway.client.get("/v1/usage").status_code == 401
