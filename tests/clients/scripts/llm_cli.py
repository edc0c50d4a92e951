"""Simon Willison's llm, as its users configure a server of their own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from told import KEY, MODEL, QUESTION, URL, tell

folder = Path(tempfile.mkdtemp())
(folder / "extra-openai-models.yaml").write_text(
    f"- model_id: mine\n  model_name: {MODEL}\n  api_base: {URL}/v1\n  api_key_name: mine\n  supports_tools: true\n"
    f"- model_id: gone\n  model_name: no-such-model\n  api_base: {URL}/v1\n  api_key_name: mine\n"
)


def ask(*arguments: str, key: str = KEY) -> str:
    environ = {**os.environ, "LLM_USER_PATH": str(folder), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "llm", *arguments, "--no-log", "--key", key]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


tool = "def weather(city: str) -> str:\n    'of a city'\n    return 'WEATHER OF ' + city\n"
tell(
    text=ask("-m", "mine", QUESTION, "--no-stream"),
    streamed=ask("-m", "mine", QUESTION),
    with_tool=ask("-m", "mine", QUESTION, "--functions", tool),
    unknown_model=lambda: ask("-m", "gone", QUESTION),
    wrong_key=lambda: ask("-m", "mine", QUESTION, key="wrong"),
)
