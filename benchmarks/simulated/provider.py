"""The simulated provider as a process of its own, and the runs registered there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.stored import case_to
from benchmarks.simulated.profile import Profile

ROOT = Path(__file__).resolve().parent.parent.parent


class SimulatedProvider:
    """Started by ``with``; ends when the block is left.

    Attributes:
        url: Its address.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._client: httpx2.AsyncClient | None = None
        self.url = ""

    def __enter__(self) -> SimulatedProvider:
        command = [sys.executable, "-m", "benchmarks.simulated.server"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the simulated provider did not start; its error stands above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    async def register(self, token: str, case: Case, profile: Profile, system: str) -> str:
        """Register a run and return the base URL of its models."""
        told: dict[str, Any] = {"case": case_to(case), "profile": profile.name, "system": system}
        told |= {"speed": profile.speed, "seed": profile.seed, "faults": profile.faults, "caching": profile.caching}
        (await self._http.put(f"/runs/{token}", json=told)).raise_for_status()
        return f"{self.url}/{token}"

    async def calls(self, token: str) -> list[Mapping[str, Any]]:
        """Return what a run's calls took, and forget the run."""
        found = (await self._http.get(f"/runs/{token}")).raise_for_status().json()
        await self._http.delete(f"/runs/{token}")
        return found

    async def prompts(self) -> dict[str, str]:
        """Return the first prompt that each system sent for each part, tools and all, by ``system: part``."""
        return (await self._http.get("/prompts")).raise_for_status().json()

    async def aclose(self) -> None:
        """Close the connection to it."""
        if self._client is not None:
            with suppress(Exception):
                await self._client.aclose()
            self._client = None

    @property
    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(base_url=self.url, timeout=60, trust_env=False)
        return self._client
