"""The official Anthropic SDK's client as an upstream."""

from __future__ import annotations

import anthropic

from gateway.upstream.sdk import SdkUpstream

_NO_SPANS = anthropic.OpenTelemetryOptions(traces=False)


def anthropic_upstream(base_url: str) -> SdkUpstream:
    """Return an upstream over the SDK; the key comes with each request, or not at all."""
    client = anthropic.AsyncAnthropic(api_key="none", base_url=base_url, max_retries=0, open_telemetry=_NO_SPANS)
    ours: dict[str, object] = {name: anthropic.Omit() for name in ("authorization", "x-api-key")}
    return SdkUpstream(client, anthropic.APIStatusError, anthropic.APIConnectionError, ours)
