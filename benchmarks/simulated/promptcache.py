"""What a provider keeps of prompts: the longest beginning, in whole blocks, that it read before."""

from __future__ import annotations

import hashlib

from benchmarks.simulated.counting import pieces


class PromptCache:
    """One model's prompts of one customer.

    Args:
        min_tokens: Shorter beginnings are not kept.
        block_tokens: They are kept in pieces of this length.

    Source: OpenAI, "Prompt caching".
    """

    def __init__(self, min_tokens: int, block_tokens: int) -> None:
        self._min = min_tokens
        self._block = block_tokens
        self._seen: set[bytes] = set()

    def take(self, prompt: str) -> int:
        """Return how many tokens of a prompt are kept, and keep it."""
        cut = pieces(prompt)
        found, digest = 0, hashlib.sha256()
        for end in range(self._block, len(cut) + 1, self._block):
            digest.update("".join(cut[end - self._block : end]).encode())
            key = digest.digest()
            if end >= self._min and key in self._seen:
                found = end
            if end >= self._min:
                self._seen.add(key)
        return found
