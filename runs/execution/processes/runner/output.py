"""Where a command's output goes: a bounded piece of memory and a bounded file."""

import os


class Sink:
    """Counts output and keeps its first and last bytes, apart; memory is head + 2 * tail."""

    def __init__(self, head_bytes: int, tail_bytes: int) -> None:
        self.total = 0
        self.head = bytearray()
        self.tail = bytearray()
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes

    def feed(self, chunk: bytes) -> None:
        self.total += len(chunk)
        room = self._head_bytes - len(self.head)
        if room > 0:
            self.head += chunk[:room]
            chunk = chunk[room:]
        self.tail += chunk
        if len(self.tail) > 2 * self._tail_bytes:
            self.trim()

    def trim(self) -> None:
        """To be called once more when all is fed."""
        del self.tail[: max(0, len(self.tail) - self._tail_bytes)]


class Log:
    """Appends to a file of at most `max_bytes`. Trouble ends the writing, never the command.

    The limit is the file's: what earlier commands wrote counts too.
    """

    def __init__(self, path: str | None, max_bytes: int) -> None:
        self.error = ""
        self._fd = -1
        self._room = 0
        self._max_bytes = max_bytes
        if path is None:
            return
        # No link is followed (a command could have planted one), and O_NONBLOCK keeps a FIFO
        # that nobody reads from holding us up.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
            flags |= getattr(os, name, 0)
        try:
            self._fd = os.open(path, flags, 0o600)
            self._room = max_bytes - os.fstat(self._fd).st_size
        except (OSError, ValueError) as error:
            self._fail(error)

    def write(self, chunk: bytes) -> None:
        if self._fd < 0 or self._room <= 0:
            return
        part = chunk[: self._room]
        self._room -= len(part)
        if self._room == 0:
            part += b"\n[the log stops here, at its limit of %d bytes]\n" % self._max_bytes
        try:
            while part:
                part = part[os.write(self._fd, part) :]
        except OSError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = getattr(error, "strerror", None) or str(error)
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
