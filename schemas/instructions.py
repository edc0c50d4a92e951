"""How an assistant's instructions stand in a prompt, and in a task what was said before it."""

from __future__ import annotations

_HEAD = (
    "# The assistant\n\nYou do this as the assistant described here, by those who offer it. Heed it in all you choose "
    "and write; the rules above, on form above all, hold where it says otherwise."
)


EARLIER = "Earlier in this conversation:"
"""What stands in a task between a message and what was said before it, where no model could make one task of both."""


def newest(task: str) -> str:
    """Return a task without what was said before it.

    >>> newest(f"And in Rome?\\n\\n{EARLIER}\\nUser: Is it warm?")
    'And in Rome?'
    """
    return task.partition(f"\n\n{EARLIER}\n")[0]


def instructed(rules: str, instructions: str) -> str:
    """Return a prompt's rules with an assistant's instructions; without any, the rules as they are.

    >>> instructed("Plan.", "")
    'Plan.'
    """
    text = instructions.strip()
    return f"{rules.rstrip()}\n\n{_HEAD}\n\n{text}\n" if text else rules
