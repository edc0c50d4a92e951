"""Hooks: functions of the user's that see each event of a run, and can do it no harm."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from inspect import isawaitable
from typing import get_args

import anyio
import structlog

from engine.config.problems import nearest
from engine.driven import Feed
from schemas.errors import ConfigError
from schemas.events import LoggedEvent, LoggedRecord

Hook = Callable[[LoggedRecord], Awaitable[None] | None]
KINDS = tuple(get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(LoggedEvent)[0]))
PATIENCE_S = 10.0  # a call of a hook that takes longer is broken off


def require_kind(kind: str) -> None:
    """Make sure that there are events of this kind, or that all are meant (``*``).

    Raises:
        ConfigError: There are none: such a hook would never be called.
    """
    if kind not in ("*", *KINDS):
        raise ConfigError(f"there is no event of the kind {kind!r}", hint=nearest(kind, ("*", *KINDS)))


async def call_hooks(feed: Feed, hooks: Mapping[str, Sequence[Hook]]) -> None:
    """Call the hooks of each record, one after another, in order, until the feed ends.

    One that raises, whatever it raises, is logged and harms nothing. One that does not return in ``PATIENCE_S`` is
    broken off, logged, and called no more in this run: it must not keep the run from returning.
    """
    stuck: list[Hook] = []
    async with aclosing(feed.__aiter__()) as items:
        async for item in items:
            if not isinstance(item, LoggedRecord):
                continue
            for hook in (*hooks.get(item.event.kind, ()), *hooks.get("*", ())):
                if hook not in stuck and not await _returned(hook, item):
                    stuck.append(hook)


async def _returned(hook: Hook, record: LoggedRecord) -> bool:
    """Call a hook; False when it had to be broken off."""
    log = structlog.get_logger().bind(hook=getattr(hook, "__qualname__", repr(hook)), kind=record.event.kind)
    with anyio.move_on_after(PATIENCE_S) as scope:
        try:
            outcome = hook(record)
            if isawaitable(outcome):
                await outcome
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == float("-inf"):
                raise
            log.exception("a hook raised a cancellation of its own", seq=record.seq)
        except BaseException:  # SystemExit too: a hook does not decide when the process ends
            log.exception("a hook raised", seq=record.seq)
    if scope.cancelled_caught:
        log.warning("a hook did not return; it is called no more in this run", seq=record.seq, timeout_s=PATIENCE_S)
    return not scope.cancelled_caught
