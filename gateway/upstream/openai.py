"""The official OpenAI SDK's client as an upstream."""

from __future__ import annotations

import openai

from gateway.upstream.sdk import SdkUpstream


def openai_upstream(base_url: str) -> SdkUpstream:
    """Return an upstream over the SDK; key, organization and project come with each request, or not at all."""
    client = openai.AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0)
    names = ("authorization", "openai-organization", "openai-project")
    ours: dict[str, object] = {name: openai.Omit() for name in names}
    return SdkUpstream(client, openai.APIStatusError, openai.APIConnectionError, ours)
