"""``fetch_url``: one page of the web as text, or the value of a JSON document.

The address comes from a model, or from a page that a model has read, so it is not trusted: only http and https, only
hosts that resolve to public addresses (checked again on each redirect, and connected to as checked), capped in size
and time. It stands outside ``builtin: all``: an address can carry off what another tool has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from pydantic import Field

from engine.tools.addresses import Reach, read_reach, refused_port
from engine.tools.builtin.pages import read_content
from engine.tools.failures import http_failure
from engine.tools.function import FunctionTool, tool
from engine.tools.http import Order, Reply, exchange
from engine.tools.threads import run_in_thread
from schemas.errors import ToolArgumentsError, ToolFailedError
from schemas.settings import FetchSettings

if TYPE_CHECKING:
    from httpx2 import URL

_ACCEPT = "text/html,application/xhtml+xml,application/json;q=0.9,text/*;q=0.9,application/xml;q=0.8,*/*;q=0.1"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
LONGEST_FETCH_S = 20.0  # redirects included; `timeout_s` of the tool's entry changes it
_LONGEST_URL = 8_000


class Page(TypedDict):
    """What stood at an address; truncated when there was more."""

    url: str
    status: int
    content_type: str
    title: str | None
    text: str | None
    data: Any
    truncated: bool


def fetch_url(settings: FetchSettings) -> FunctionTool[Any, Any]:
    """Return the tool ``fetch_url`` under these settings.

    Raises:
        ConfigError: ``allow`` or ``only`` holds what is no host and no network.
    """
    reach = read_reach(settings.allow, settings.only, "fetch_url")

    @tool(effects="none", kind="builtin", timeout_s=LONGEST_FETCH_S, expected_s=1.0)
    async def fetch_url(
        url: Annotated[str, Field(min_length=1, max_length=_LONGEST_URL)],
        max_chars: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000,
    ) -> Page:
        """Fetch a web page or a JSON document by its URL (GET); a page comes as Markdown text with its links.

        Args:
            url: The address, with http:// or https://.
            max_chars: Most characters of text to return.

        Returns:
            text of a page, or data of a JSON document; url is the address after redirects.
        """
        found, reply = await _follow(url, reach, settings)
        content = await run_in_thread(lambda: read_content(reply, found))
        text = content.text
        cut = text is not None and len(text) > max_chars
        return Page(
            url=found,
            status=reply.status,
            content_type=content.kind,
            title=content.title,
            text=text[:max_chars] if text is not None else None,
            data=content.data,
            truncated=cut or reply.truncated,
        )

    return fetch_url


async def _follow(address: str, reach: Reach, settings: FetchSettings) -> tuple[str, Reply]:
    """Follow redirects, each checked as the first address was, and return the last address with its answer."""

    def check(host: str, resolved: str) -> None:
        refusal = reach.refusal(host, resolved)
        if refusal:
            raise ToolFailedError(
                f"not fetched: {refusal}",
                hint=f"where that is meant, the configuration can say fetch_url: {{allow: [{host}]}}",
                details={"host": host, "address": resolved},
            )

    url = _checked(address)
    for _ in range(settings.max_redirects + 1):
        order = Order("GET", str(url), (("User-Agent", settings.user_agent), ("Accept", _ACCEPT)))
        reply = await exchange(order, max_bytes=settings.max_bytes, check=check)
        target = reply.headers.get("location")
        if reply.status not in _REDIRECTS or target is None:
            break
        url = _checked(target, url)
    else:
        raise ToolFailedError(f"{address[:200]} leads through more than {settings.max_redirects} redirects")
    if reply.status >= 400:
        raise http_failure(f"{str(url)[:200]} answered {reply.status}", reply.status, reply.headers)
    return str(url), reply


def _checked(text: str, base: URL | None = None) -> URL:
    """Return an address that may be asked for; a redirect's is read against the one before.

    Raises:
        ToolArgumentsError: It is no http or https URL, holds a password, or names the port of another protocol.
    """
    from httpx2 import URL, InvalidURL  # an eighth of a second: only when something is fetched

    try:
        url = base.join(text) if base is not None else URL(text.strip())
    except (InvalidURL, ValueError) as exc:
        raise ToolArgumentsError(f"url: '{text[:200]}' is no address: {exc}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ToolArgumentsError(
            f"url: '{str(url)[:200]}' is no web address", hint="begin with https:// or http:// and name a host"
        )
    if "%" in url.host or " " in url.host or not 0 < (url.port or 80) < 65_536:
        raise ToolArgumentsError(f"url: '{str(url)[:200]}' is no address: its host or its port cannot be")
    if url.userinfo:
        raise ToolArgumentsError("url: an address with a user name or password in it is not fetched")
    if url.port is not None and refused_port(url.port):
        raise ToolArgumentsError(f"url: port {url.port} is not one where web servers are", hint="80, 443 or above 1023")
    return url.copy_with(fragment=None)
