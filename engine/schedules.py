"""The recurring runs of a configuration and of a store: what there is, what was started, what is due."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from pydantic import ValidationError

from engine.durable.audit import accounted
from schemas.audit import AuditEntry
from schemas.errors import ConflictError, NotFoundError
from schemas.result import Record
from schemas.schedules import ScheduleSettings
from schemas.stores import Notes, RunStore

KIND = "schedules"
BEGAN = "schedules.began"
FIRED = "schedules.fired"
MOST = 1_000
"""Schedules of one user, added at run time."""

_FIRINGS = 20
_BEGINNINGS = 100
_LOG = structlog.get_logger("engine.schedules")


class Firing(Record):
    """One time at which a schedule was due, and what came of it.

    Attributes:
        due: The time (Unix).
        run_id: The run that was started; empty: none was.
        reason: Why none was.
        missed: How many times before it nobody was there to start a run.
    """

    due: float
    run_id: str = ""
    reason: str = ""
    missed: int = 0


class ScheduleState(ScheduleSettings):
    """A schedule as it stands.

    Attributes:
        timing: When it is due, for people.
        source: Who says so: the configuration, or somebody at run time.
        paused: Whether somebody paused it.
        next_at: When it is due next (Unix time); None: not while it is paused, or as long as nobody fires it.
        fired: What came of its latest times, the newest first.
    """

    when: str
    source: Literal["configuration", "registry"]
    paused: bool = False
    next_at: float | None = None
    fired: tuple[Firing, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule and where it stands.

    Attributes:
        settings: What is to be done, and when.
        source: Who says so.
        began: What ``every`` counts from, and before which nothing is due; None: no process has seen it yet.
        paused: Whether somebody paused it.
        fired: What came of its times, oldest first.
    """

    settings: ScheduleSettings
    source: Literal["configuration", "registry"] = "configuration"
    began: float | None = None
    resumed: float = 0.0
    paused: bool = False
    fired: tuple[Firing, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the store."""
        return key_of(self.settings.user, self.settings.name)

    @property
    def active(self) -> bool:
        """Whether it starts runs."""
        return self.settings.enabled and not self.paused

    def since(self, now: float) -> float:
        """Return the Unix time after which its next due time lies."""
        began = now if self.began is None else self.began
        last = max((one.due for one in self.fired), default=0.0)
        return max(began, last, self.resumed)

    def next_at(self, now: float) -> float:
        """Return when it is due next; it may be past."""
        return self.settings.next_due(self.since(now), now if self.began is None else self.began)

    def run_id(self, due: float) -> str:
        """Return the run of a due time: the same in every process, so that only one of them can start it.

        >>> Schedule(ScheduleSettings(name="news", task="t", daily="09:30")).run_id(0.0)
        'news-19700101T000000Z-ca2f9a'
        """
        at = datetime.fromtimestamp(due, UTC)
        told = f"{self.key}\n{due:.3f}".encode()
        return f"{self.settings.name[:36]}-{at:%Y%m%dT%H%M%SZ}-{hashlib.sha256(told).hexdigest()[:6]}"

    def state(self, now: float) -> ScheduleState:
        """Return it for people and clients."""
        waits = self.active and (self.began is not None or self.settings.every is None)
        return ScheduleState(
            **self.settings.model_dump(),
            when=self.settings.timing,
            source=self.source,
            paused=self.paused,
            next_at=max(now, self.next_at(now)) if waits else None,
            fired=tuple(reversed(self.fired)),
        )


@dataclass(slots=True)
class _Kept:
    """What one line of the store says of a schedule; without settings it switches one of the configuration."""

    settings: ScheduleSettings | None
    began: float
    resumed: float
    paused: bool


@dataclass(slots=True)
class Schedules:
    """All schedules: those of the configuration and those of the store.

    What any process on the store says, every other knows with its next ``read``.

    Attributes:
        store: Where they are kept.
        configured: Those of the configuration.
    """

    store: RunStore
    configured: Sequence[ScheduleSettings] = ()
    _kept: dict[str, _Kept] = field(default_factory=dict[str, _Kept])
    _began: dict[str, float] = field(default_factory=dict[str, float])
    _fired: dict[str, dict[float, Firing]] = field(default_factory=dict[str, dict[float, Firing]])
    _seen: dict[str, int] = field(default_factory=dict[str, int])

    async def read(self) -> list[Schedule]:
        """Return every schedule as it stands now, by user and name. Raises StoreError."""
        for kind, take in ((KIND, self._take), (BEGAN, self._take_began), (FIRED, self._take_fired)):
            for note in await self._notes.load(kind, after=self._seen.get(kind, 0)):
                self._seen[kind] = max(self._seen.get(kind, 0), note.position)
                try:
                    take(note.key, json.loads(note.line))
                except (ValueError, KeyError, TypeError, ValidationError):  # a line of another release
                    _LOG.warning("a line of the store is left out", kind=kind, key=note.key)
        found = {key_of(one.user, one.name): self._of_configuration(one) for one in self.configured}
        for key, kept in self._kept.items():
            if kept.settings is not None and key not in found:
                known = Schedule(kept.settings, "registry", kept.began, kept.resumed, kept.paused)
                found[key] = replace(known, fired=self._firings(key))
        return [found[key] for key in sorted(found)]

    async def find(self, name: str, user: str | None = None) -> Schedule:
        """Return a schedule.

        Args:
            name: Its name.
            user: Whose; None: anybody's, where only one has that name.

        Raises:
            NotFoundError: There is none; the hint has the nearest.
            ConflictError: Several users have one of that name.
        """
        mine = [one for one in await self.read() if user is None or one.settings.user == user]
        found = [one for one in mine if one.settings.name == name]
        if not found:
            near = difflib.get_close_matches(name, [one.settings.name for one in mine], 1)
            hint = f"did you mean '{near[0]}'?" if near else "engine schedule list shows those there are"
            raise NotFoundError(f"there is no schedule '{name}'", hint=hint)
        if len(found) > 1:
            whose = ", ".join(one.settings.user or "nobody" for one in found)
            raise ConflictError(f"schedule '{name}' is of several users: {whose}", hint="say whose")
        return found[0]

    async def add(
        self, settings: ScheduleSettings, *, replaces: bool = False, by: str = "", through: str = ""
    ) -> Schedule:
        """Keep a schedule; it begins now. ``by`` and ``through`` are for the audit trail.

        Raises:
            ConflictError: There is one of that name, or there are too many.
            StoreError: It cannot be written.
        """
        known = {one.key: one for one in await self.read()}
        key = key_of(settings.user, settings.name)
        if key in known and (not replaces or known[key].source == "configuration"):
            hint = "choose another name, or remove it first"
            raise ConflictError(f"there is a schedule '{settings.name}' already", hint=hint)
        if key not in known and sum(one.settings.user == settings.user for one in known.values()) >= MOST:
            raise ConflictError(f"there are {MOST:,} schedules already", hint="remove one first")
        set_to = settings.model_dump(mode="json", exclude_defaults=True)
        async with self._accounted(settings, "changed" if key in known else "added", by, through, set_to):
            await self._write(key, _Kept(settings, await self.store.now(), 0.0, paused=False))
        return await self.find(settings.name, settings.user)

    async def switch(self, schedule: Schedule, *, paused: bool, by: str = "", through: str = "") -> Schedule:
        """Pause a schedule, or let it go on: what was due meanwhile is left out. Raises StoreError."""
        settings = schedule.settings if schedule.source == "registry" else None
        resumed = schedule.resumed if paused or not schedule.paused else await self.store.now()
        kept = _Kept(settings, schedule.began or 0.0, resumed, paused)
        async with self._accounted(schedule.settings, "paused" if paused else "resumed", by, through):
            await self._write(schedule.key, kept)
        return await self.find(schedule.settings.name, schedule.settings.user)

    async def remove(self, schedule: Schedule, *, by: str = "", through: str = "") -> None:
        """Remove a schedule; runs it started go on.

        Raises:
            ConflictError: It stands in the configuration.
            StoreError: It cannot be written.
        """
        name = schedule.settings.name
        if schedule.source == "configuration":
            hint = f"take it out there, or: engine schedule pause {name}"
            raise ConflictError(f"schedule '{name}' stands in the configuration", hint=hint)
        async with self._accounted(schedule.settings, "removed", by, through):
            await self._write(schedule.key, None)
        await self._notes.drop(FIRED, schedule.key)
        self._fired.pop(schedule.key, None)

    async def begin(self, schedule: Schedule) -> None:
        """Write down when a schedule of the configuration was first seen; who is first decides. Raises StoreError."""
        if schedule.began is None:
            line = json.dumps({"at": await self.store.now()})
            await self._notes.add(BEGAN, [(_began_key(schedule.settings), line)], keep=_BEGINNINGS, durable=True)

    async def fired(self, schedule: Schedule, firing: Firing) -> None:
        """Write down what came of a due time. Raises StoreError."""
        line = json.dumps(firing.model_dump(mode="json", exclude_defaults=True))
        await self._notes.add(FIRED, [(schedule.key, line)], keep=_FIRINGS)

    def _accounted(
        self, settings: ScheduleSettings, act: str, by: str, through: str, set_to: dict[str, Any] | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Do something to a schedule, in sight of the audit trail."""
        what = {"what": "schedule", "about": settings.name, "act": act, "input": set_to, "user": settings.user}
        told = AuditEntry.model_validate({"at": 0.0, **what, "by": by, "through": through})
        return accounted(self.store.audit_book, told)

    @property
    def _notes(self) -> Notes:
        return self.store.notes

    def _of_configuration(self, settings: ScheduleSettings) -> Schedule:
        key = key_of(settings.user, settings.name)
        kept = self._kept.get(key)
        known = Schedule(settings, "configuration", self._began.get(_began_key(settings)), fired=self._firings(key))
        return known if kept is None else replace(known, paused=kept.paused, resumed=kept.resumed)

    def _firings(self, key: str) -> tuple[Firing, ...]:
        found = self._fired.get(key, {})
        return tuple(found[due] for due in sorted(found)[-_FIRINGS:])

    async def _write(self, key: str, kept: _Kept | None) -> None:
        line: dict[str, Any] = {"removed": True}
        if kept is not None:
            settings = kept.settings and kept.settings.model_dump(mode="json", exclude_defaults=True)
            line = {"settings": settings, "began": kept.began, "resumed": kept.resumed, "paused": kept.paused}
        await self._notes.add(KIND, [(key, json.dumps(line))], keep=1, durable=True)

    def _take(self, key: str, line: dict[str, Any]) -> None:
        if line.get("removed"):
            self._kept.pop(key, None)
            self._fired.pop(key, None)
            return
        given = line["settings"]
        settings = None if given is None else ScheduleSettings.model_validate(given)
        self._kept[key] = _Kept(settings, float(line["began"]), float(line["resumed"]), bool(line["paused"]))

    def _take_began(self, key: str, line: dict[str, Any]) -> None:
        self._began.setdefault(key, float(line["at"]))

    def _take_fired(self, key: str, line: dict[str, Any]) -> None:
        firing = Firing.model_validate(line)
        known = self._fired.setdefault(key, {})
        if not (firing.due in known and known[firing.due].run_id):  # of two that were told, the run counts
            known[firing.due] = firing
        for due in sorted(known)[:-_FIRINGS]:
            del known[due]


def key_of(user: str, name: str) -> str:
    """Return a schedule's name in the store; a name has no slash."""
    return f"{user}/{name}"


def _began_key(settings: ScheduleSettings) -> str:
    """What begins anew when it is due at other times than before."""
    return f"{key_of(settings.user, settings.name)} {settings.timing}"
