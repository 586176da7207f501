"""Whether a port can be had, before anything is started for it."""

from __future__ import annotations

import socket
import sys


class PortUnusable(Exception):
    """The server cannot listen there; the message says what to do."""


def port_check(host: str, port: int) -> None:
    """Raises PortUnusable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise PortUnusable(f"{host!r} is no address of this machine: {error}.") from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        if sys.platform != "win32":
            # What was closed a moment ago is free for a server, as uvicorn sees it too.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise PortUnusable(
                f"Port {port} of {host} cannot be had ({error.strerror}). Is another server "
                "running there? Stop it, or choose another one with --port."
            ) from error
