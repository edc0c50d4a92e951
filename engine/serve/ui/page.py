"""Serves the page: its files read once, told apart by their content, under a policy that lets nothing else in.

Source: https://www.w3.org/TR/CSP3/ (``default-src``), https://www.w3.org/TR/trusted-types/ (no text becomes markup).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import NotFoundError

FOLDER = Path(__file__).parent
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media: str
    etag: str


class Page:
    """The files of the page, by their path below ``/ui/``."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _MEDIA and path.is_file()
        }

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/", self.index, methods=["GET"]),
            Route("/favicon.ico", self.icon, methods=["GET"]),
            Route("/ui/{path:path}", self.file, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """GET /: the page."""
        return self._given(request, "index.html")

    async def icon(self, request: Request) -> Response:
        """GET /favicon.ico: the icon, for what asks without having read the page."""
        return self._given(request, "icon.svg")

    async def file(self, request: Request) -> Response:
        """GET /ui/…: one of its files. Raises NotFoundError: there is none of that name."""
        return self._given(request, str(request.path_params["path"]))

    def _given(self, request: Request, name: str) -> Response:
        found = self._files.get(name)
        if found is None:
            raise NotFoundError(f"the page has no file {name[:80]!r}")
        headers = {**_HEADERS, "etag": found.etag}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.body, headers={**headers, "content-type": found.media})


def _read(path: Path) -> _File:
    body = path.read_bytes()
    return _File(body, _MEDIA[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
