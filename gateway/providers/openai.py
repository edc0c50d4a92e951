"""Chat completions over the official OpenAI SDK: OpenAI, and any server that speaks the format (vLLM, Ollama, …)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from gateway.providers.base import Dialect, Provider, error_inside, one_line
from gateway.providers.failures import Failure, classify, describe
from gateway.providers.sdk import SdkProvider
from gateway.wire.chat.replies import CompletionBuilder, read_completion
from gateway.wire.chat.requests import chat_body
from schemas.errors import ModelError, ModelOutputError, ModelTimeoutError, ModelUnavailableError
from schemas.model import ModelRequest, ModelResponse
from schemas.settings import ModelProvider, ProviderKind

_OFFICIAL = "https://api.openai.com/v1"


class OpenAIProvider(SdkProvider):
    """One provider of kind ``openai``."""

    kind: ProviderKind = "openai"
    status_error = openai.APIStatusError

    def __init__(self, settings: ModelProvider, environ: Mapping[str, str]) -> None:
        super().__init__(settings, environ)
        self._client: openai.AsyncOpenAI | None = None
        self._key: str | None = None
        self._call_headers: dict[str, Any] = {}
        url = settings.base_url or environ.get("OPENAI_BASE_URL") or _OFFICIAL
        self.dialect: Dialect = "openai" if _is_official(url) else "unions"

    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return the request in the chat completions format."""
        return chat_body(model, request, stream=stream, official=_is_official(str(self._connected().base_url)))

    async def send(self, body: dict[str, Any], timeout_s: float) -> Any:
        """Send it."""
        completions: Any = self._connected().chat.completions
        arguments = {**body, "timeout": timeout_s, "extra_headers": self._call_headers}
        if body["stream"]:
            return await completions.create(**arguments)
        return (await completions.with_raw_response.create(**arguments)).http_response

    def builder(self, model: str) -> CompletionBuilder:
        """Return a builder for one streamed completion."""
        return CompletionBuilder(self.name, model)

    def read(self, model: str, content: bytes, headers: Mapping[str, str]) -> ModelResponse:
        """Return the completion in a body.

        Raises:
            ModelError: An error inside it.
            ValidationError: It is no completion.
        """
        error = error_inside(content)
        if error is not None:
            raise classify(describe(f"{self.name}/{model}", 200, error, headers, self._key))
        return read_completion(content, provider=self.name, model=model)

    def failure(self, model: str, exc: Exception) -> Failure:
        """Return the facts of a status error."""
        assert isinstance(exc, openai.APIStatusError)
        body = exc.body or exc.message
        return describe(f"{self.name}/{model}", exc.status_code, body, exc.response.headers, self._key)

    def translate(self, where: str, exc: Exception) -> ModelError | None:
        """Return our error for a failure of the connection, of reading the stream, or told inside it."""
        details = {"model": where}
        match exc:
            case openai.APITimeoutError() | httpx2.TimeoutException():
                return ModelTimeoutError(f"{where} did not answer in time", details=details)
            case openai.APIConnectionError() | httpx2.HTTPError() | httpx2.StreamError():
                said = one_line(exc.__cause__ or exc)
                return ModelUnavailableError(f"{where} can't be reached or broke off: {said}", details=details)
            case openai.APIError():
                return classify(describe(where, 200, exc.body or exc.message, {}, self._key))
            case ValueError():
                return ModelOutputError(f"{where} sent what can't be read: {one_line(exc)}", details=details)
            case _:
                return None

    async def close_client(self) -> None:
        """Close the SDK's client, if it was made."""
        if self._client is not None:
            await self._client.close()

    def _connected(self) -> openai.AsyncOpenAI:
        """Return the client, made on the first call: only then is the key looked up.

        Another server than OpenAI's is sent neither its organization and project nor, without a key, any key.

        Raises:
            ConfigError: The key is missing, or the base URL is none.
        """
        if self._client is None:
            base_url, self._key = self.address(_OFFICIAL, "OPENAI")
            headers: dict[str, Any] = {}
            configured = self.secrets.headers()
            if not _is_official(base_url):
                headers |= {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
            if self._key is None and "authorization" not in map(str.lower, configured):
                self._call_headers["Authorization"] = openai.Omit()
            self._client = openai.AsyncOpenAI(
                api_key=self._key or "none",
                base_url=base_url,
                max_retries=0,
                default_headers=headers | configured,
            )
        return self._client


def _is_official(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def make_openai(settings: ModelProvider, environ: Mapping[str, str]) -> Provider:
    """Return a provider of kind ``openai``."""
    return OpenAIProvider(settings, environ)
