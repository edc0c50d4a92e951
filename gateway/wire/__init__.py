"""Wire formats: what clients and providers write, to and from the neutral ``schemas.model``."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.wire.base import ClientFormat
from schemas.gateway import WireFormat

CLIENT_FORMATS: Mapping[WireFormat, ClientFormat] = {}
"""How clients may write their calls."""
