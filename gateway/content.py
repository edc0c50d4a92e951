"""Requests and replies as spans carry them, for those who ask for it (``telemetry.content``).

Source: OpenTelemetry's semantic conventions for generative AI, the JSON of ``gen_ai.input.messages`` and
``gen_ai.output.messages``.
"""

from __future__ import annotations

import json
from typing import Any, assert_never

from schemas.model import ModelRequest, ModelResponse, Part


def input_messages(request: ModelRequest) -> str:
    """Return what was asked."""
    told = [{"role": message.role, "parts": [_part(part) for part in message.parts]} for message in request.messages]
    return json.dumps(told, ensure_ascii=False)


def output_messages(response: ModelResponse) -> str:
    """Return what was answered."""
    parts = [_part(part) for part in response.parts]
    return json.dumps(
        [{"role": "assistant", "parts": parts, "finish_reason": response.stop_reason}], ensure_ascii=False
    )


def _part(part: Part) -> dict[str, Any]:
    """One part; of an image that stands in the message itself only the media type is told."""
    match part.kind:
        case "text" | "reasoning":
            return {"type": part.kind, "content": part.text}
        case "image":
            shown = part.url.partition(",")[0] if part.url.startswith("data:") else part.url or part.file_id
            return {"type": "uri", "modality": "image", "uri": shown}
        case "file":
            shown = part.url.partition(",")[0] if part.url.startswith("data:") else part.url or part.file_id
            return {"type": "uri", "modality": "file", "uri": shown}
        case "audio":
            return {"type": "uri", "modality": "audio", "uri": f"data:audio/{part.format};base64"}
        case "tool_call":
            return {"type": "tool_call", "id": part.call_id, "name": part.name, "arguments": part.arguments}
        case "tool_result":
            return {"type": "tool_call_response", "id": part.call_id, "response": part.content}
        case _:
            assert_never(part)
