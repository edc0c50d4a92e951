"""Ports: opened with one clear line when they cannot be, and named as clients reach them."""

from __future__ import annotations

import socket

from schemas.errors import ConfigError

_BACKLOG = 2048


def listen(host: str, port: int, *, hint: str = "choose another --port or --host") -> socket.socket:
    """Return a socket that listens.

    Args:
        host: A name or an address of this machine.
        port: 0 takes a free one.
        hint: What to do when it cannot be had.

    Raises:
        ConfigError: The port is in use, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.strip("[]"), port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as exc:
        listening.close()
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from None
    return listening


def address(listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
