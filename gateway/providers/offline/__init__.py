"""The offline model: a provider like any other, made of rules, for a start without a key, for tests and for outages.

    read → plan (clauses → choose → arguments → sketch) · fill · turn · answer → provider

It reads the tools out of the schema it is sent and holds no word of any tool's own domain: general language only.
"""

from gateway.providers.offline.provider import OfflineProvider

__all__ = ["OfflineProvider"]
