"""What a run was warned of, and what of it could not be used from its beginning on. Pure: folded from the log."""

from __future__ import annotations

import re
from collections.abc import Collection

from schemas.errors import ToolUnavailableError
from schemas.events import Warned

_NAMED = re.compile(r"the [\w ]+ '([^']+)' is not available")


class Warnings(list[str]):
    """The warnings of a run, oldest first.

    Attributes:
        down: Those that say that an agent or a server is not available.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down: list[str] = []

    def take(self, event: Warned) -> None:
        """Take a warning in."""
        self.append(event.message)
        if event.code == ToolUnavailableError.code:
            self.down.append(event.message)

    def lacks(self, back: Collection[str]) -> tuple[str, ...]:
        """Return what could not be used, and why, one line each, but for what is there again by now.

        Args:
            back: Names of agents and tools that can be used now, or were.
        """
        named = ((line, _NAMED.match(line)) for line in self.down)
        return tuple(dict.fromkeys(line for line, found in named if found is None or found[1] not in back))
