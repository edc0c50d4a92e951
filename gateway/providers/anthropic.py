"""Anthropic's Messages API over the official SDK, and servers that speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2

from gateway.providers.base import Dialect, Provider, error_inside, one_line
from gateway.providers.failures import Failure, classify, describe
from gateway.providers.sdk import SdkProvider
from gateway.wire.messages.replies import MessageBuilder, read_message
from gateway.wire.messages.requests import messages_body
from schemas.errors import ModelError, ModelOutputError, ModelTimeoutError, ModelUnavailableError
from schemas.model import ModelRequest, ModelResponse
from schemas.settings import ModelProvider, ProviderKind

_OFFICIAL = "https://api.anthropic.com"
_NO_SPANS = anthropic.OpenTelemetryOptions(traces=False)


class AnthropicProvider(SdkProvider):
    """One provider of kind ``anthropic``."""

    kind: ProviderKind = "anthropic"
    dialect: Dialect = "anthropic"
    status_error = anthropic.APIStatusError

    def __init__(self, settings: ModelProvider, environ: Mapping[str, str]) -> None:
        super().__init__(settings, environ)
        self._client: anthropic.AsyncAnthropic | None = None
        self._key: str | None = None

    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return the request in the Messages format."""
        return messages_body(model, request, stream=stream)

    async def send(self, body: dict[str, Any], timeout_s: float) -> Any:
        """Send it. ``temperature`` travels as an extra: the SDK has no argument for it any more."""
        messages: Any = self._connected().messages
        arguments = dict(body)
        if "temperature" in arguments:
            arguments["extra_body"] = {"temperature": arguments.pop("temperature")}
        if body["stream"]:
            return await messages.create(**arguments, timeout=timeout_s)
        return (await messages.with_raw_response.create(**arguments, timeout=timeout_s)).http_response

    def builder(self, model: str) -> MessageBuilder:
        """Return a builder for one streamed message."""
        return MessageBuilder(self.name, model)

    def read(self, model: str, content: bytes, headers: Mapping[str, str]) -> ModelResponse:
        """Return the message in a body.

        Raises:
            ModelError: An error inside it.
            ValidationError: It is not a message.
        """
        error = error_inside(content)
        if error is not None:
            raise classify(describe(f"{self.name}/{model}", 200, error, headers, self._key))
        return read_message(content, provider=self.name)

    def failure(self, model: str, exc: Exception) -> Failure:
        """Return the facts of a status error; one in mid-stream has the status 200."""
        assert isinstance(exc, anthropic.APIStatusError)
        body = exc.body or exc.message
        return describe(f"{self.name}/{model}", exc.status_code, body, exc.response.headers, self._key)

    def translate(self, where: str, exc: Exception) -> ModelError | None:
        """Return our error for a failure of the connection or of reading the stream."""
        details = {"model": where}
        match exc:
            case anthropic.APITimeoutError() | httpx2.TimeoutException():
                return ModelTimeoutError(f"{where} did not answer in time", details=details)
            case anthropic.APIConnectionError() | httpx2.HTTPError() | httpx2.StreamError():
                said = one_line(exc.__cause__ or exc)
                return ModelUnavailableError(f"{where} can't be reached or broke off: {said}", details=details)
            case anthropic.APIError() | ValueError():
                return ModelOutputError(f"{where} sent what can't be read: {one_line(exc)}", details=details)
            case _:
                return None

    async def close_client(self) -> None:
        """Close the SDK's client, if it was made."""
        if self._client is not None:
            await self._client.close()

    def _connected(self) -> anthropic.AsyncAnthropic:
        """Return the client, made on the first call: only then is the key looked up.

        Raises:
            ConfigError: The key is missing, or the base URL is none.
        """
        if self._client is None:
            base_url, self._key = self.address(_OFFICIAL, "ANTHROPIC")
            headers: dict[str, Any] = dict(self.secrets.headers())
            if self._key is None:
                headers = {"Authorization": anthropic.Omit(), **headers}
            self._client = anthropic.AsyncAnthropic(
                api_key=self._key or "none",
                base_url=base_url,
                max_retries=0,
                default_headers=headers,
                open_telemetry=_NO_SPANS,
            )
        return self._client


def make_anthropic(settings: ModelProvider, environ: Mapping[str, str]) -> Provider:
    """Return a provider of kind ``anthropic``."""
    return AnthropicProvider(settings, environ)
