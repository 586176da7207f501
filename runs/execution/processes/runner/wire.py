"""What the runner and its parent say to each other over their socket.

A frame is two lengths (network order, 32 bits each), a JSON object and a blob of bytes. Strings
carry undecodable bytes as surrogate escapes. Parent to runner: a command (the blob is its stdin),
or {"cancel": SERIAL} for the command of that serial number. Runner to parent: the process id of
the command (32 bits; 0 when it was not started), then a frame with how it ended (the blob is what
was kept of its output). The length in front rules, so nothing in the data can be taken for framing.
"""

import json
import socket
import struct
from typing import Any

HEADER = struct.Struct("!II")
STARTED = struct.Struct("!I")

Message = dict[str, Any]


def frame(message: Message, blob: bytes | bytearray = b"") -> bytes:
    text = json.dumps(message).encode("ascii")
    return b"".join((HEADER.pack(len(text), len(blob)), text, blob))


def receive_exactly(sock: socket.socket, size: int) -> bytearray:
    """`size` bytes, or fewer when the other end is gone."""
    data = bytearray(size)
    got = 0
    with memoryview(data) as view:
        while got < size:
            count = sock.recv_into(view[got:], size - got, socket.MSG_WAITALL)
            if not count:
                break
            got += count
    del data[got:]
    return data


def receive_frame(sock: socket.socket) -> tuple[Message, bytearray] | None:
    """The next message and its blob; None when the other end is gone."""
    header = receive_exactly(sock, HEADER.size)
    if len(header) < HEADER.size:
        return None
    text_bytes, blob_bytes = HEADER.unpack(header)
    text = receive_exactly(sock, text_bytes)
    blob = receive_exactly(sock, blob_bytes)
    if len(text) + len(blob) < text_bytes + blob_bytes:
        return None
    message: Message = json.loads(text)
    return message, blob
