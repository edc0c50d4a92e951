"""Other providers' thinking in Anthropic's blocks: what they need to get it back, kept where a signature would be.

Clients of the Messages API give thinking back with the signature it came with, and nothing else. So what another
provider wants along with its thinking (its field, an encrypted piece) travels as such a signature.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from schemas.model import ReasoningPart

_MARK = "gateway."
_PLAIN = '{"field": "reasoning_content"}'


def seal(data: str | None) -> str:
    """Return a signature that holds what another provider wants back.

    >>> unseal(seal('{"field": "reasoning"}'))
    '{"field": "reasoning"}'
    """
    return _MARK + base64.b64encode((data or _PLAIN).encode()).decode()


def unseal(signature: str) -> str | None:
    """Return what a signature of ours holds, or None for one of Anthropic's.

    >>> unseal("EqQBCgIYAhIM") is None
    True
    """
    if not signature.startswith(_MARK):
        return None
    try:
        return base64.b64decode(signature[len(_MARK) :], validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def thinking_block(part: ReasoningPart) -> dict[str, Any]:
    """Return thinking as a block for clients; what has no text to show is redacted."""
    if part.data is not None and not part.data.startswith("{"):
        return {"type": "redacted_thinking", "data": part.data}
    if not part.text and part.data is not None:
        return {"type": "redacted_thinking", "data": seal(part.data)}
    signature = part.signature if part.signature is not None and part.data is None else seal(part.data)
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def thinking_part(text: str, signature: str) -> ReasoningPart:
    """Return the thinking of a block that a client gives back."""
    data = unseal(signature)
    return ReasoningPart(text=text, signature=signature) if data is None else ReasoningPart(text=text, data=data)


def redacted_part(data: str) -> ReasoningPart:
    """Return the thinking of a redacted block that a client gives back."""
    return ReasoningPart(text="", data=unseal(data) or data)
