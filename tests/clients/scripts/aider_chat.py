"""aider, as its users ask a server of their own a question about their code."""

import os
import subprocess
import sys

from told import KEY, MODEL, QUESTION, URL, tell


def ask(*more: str, model: str = MODEL, key: str = KEY) -> str:
    environ = {**os.environ, "OPENAI_API_BASE": f"{URL}/v1", "OPENAI_API_KEY": key}
    command = [sys.executable, "-m", "aider", "--model", f"openai/{model}", "--weak-model", f"openai/{model}"]
    command += ["--no-git", "--yes-always", "--no-pretty", "--no-check-update", "--no-analytics", "--no-auto-lint"]
    command += ["--no-show-model-warnings", "--no-show-release-notes", "--chat-mode", "ask", "--map-tokens", "0"]
    command += ["--message", QUESTION, *more]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL, timeout=100)
    if done.returncode or "litellm." in done.stdout:  # it tells errors of models in its chat
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def text(said: str) -> str:
    """What stands before the count of tokens, behind the last empty line of what aider says of itself."""
    lines = [line.strip() for line in said.splitlines()]
    end = next((at for at, line in enumerate(lines) if line.startswith("Tokens:")), len(lines))
    return [line for line in lines[:end] if line][-1]


tell(
    text=text(ask("--no-stream")),
    streamed=text(ask("--stream")),
    unknown_model=lambda: ask(model="no-such-model"),
    wrong_key=lambda: ask(key="wrong"),
)
