"""Stands between a store and its server and does what networks and poolers do. It speaks the real wire format.

Source: PostgreSQL documentation, "Frontend/Backend Protocol", message formats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


@dataclass
class Proxy:
    """A proxy to one server.

    Attributes:
        url: To connect to instead of the server.
        swallow: Kinds of the server's messages that never arrive (``A``: notifications, as of a pooler in transaction
            mode).
        cut_before: The connection breaks before the first message of this kind arrives (``C``: a statement is done).
        cuts: How often that happened.
    """

    url: str
    swallow: bytes = b""
    cut_before: bytes = b""
    cuts: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])


@asynccontextmanager
async def between(url: str) -> AsyncGenerator[Proxy]:
    """A proxy to the server of a URL."""
    parts = urlsplit(url)
    proxy = Proxy("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(parts.hostname, parts.port)
        proxy._writers += [writer, ours]
        there = asyncio.create_task(_forward(reader, ours))
        try:
            await _answers(proxy, theirs, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            there.cancel()
            writer.close()
            ours.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = parts.netloc.rsplit("@", 1)[0]
    place = parts._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable&gssencmode=disable")
    proxy.url = urlunsplit(place)
    try:
        yield proxy
    finally:
        server.close()
        for writer in proxy._writers:
            writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def _answers(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        if proxy.cut_before and head[:1] in proxy.cut_before:
            proxy.cut_before = b""
            proxy.cuts += 1
            writer.transport.abort()
            return
        if head[:1] not in proxy.swallow:
            writer.write(head + body)
            await writer.drain()
