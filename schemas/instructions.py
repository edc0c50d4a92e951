"""How an assistant's own instructions stand in a prompt: after the rules, which hold where the two contradict."""

from __future__ import annotations

_HEAD = (
    "# The assistant\n\nYou do this as the assistant described here, by those who offer it. Heed it in all you choose "
    "and write; the rules above, on form above all, hold where it says otherwise."
)


def instructed(rules: str, instructions: str) -> str:
    """Return a prompt's rules with an assistant's instructions; without any, the rules as they are.

    >>> instructed("Plan.", "")
    'Plan.'
    """
    text = instructions.strip()
    return f"{rules.rstrip()}\n\n{_HEAD}\n\n{text}\n" if text else rules
