"""A log of any size as blocks of bounded memory, each with its place in the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from hardening.expressions import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hardening.types import Output

# A block is large enough that calls cost nothing beside scanning, small enough that looking for
# captures in the one that was hit costs nothing either (above 128 KB each would be mapped anew
# by the allocator). Blocks overlap, so that a message of some
# lines is whole in one of them.
BLOCK_BYTES = 96 << 10
OVERLAP_BYTES = 2 << 10
# Of a log larger than both together, head and tail are read: a cause stands in one of them, and
# reading hours of output would cost more than a diagnosis.
HEAD_BYTES = 8 << 20
TAIL_BYTES = 24 << 20

_ANSI = r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78])"
_LONE_RETURN = r"\r+\n"
# What CI services (a time to the microsecond, in UTC, perhaps with a stream's number) and image
# builds (step and seconds) put before every line of other programs' output.
_PREFIX = (
    r"(?m)^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}Z (?:\d\d[OE][ +])?"
    r"|#\d{1,4} \d{1,6}\.\d{1,3} )"
)
_PREFIX_LIMIT = 48
# Whether a log has such lines is seen at its ends; then it is gone through in pieces.
_ENDS_BYTES = 4 << 10
_PIECE_BYTES = 1 << 20


class Lines:
    """Line numbers of places in one source, counted on demand: most logs have no hit at all."""

    __slots__ = ("_data", "_first", "_line", "_place")

    def __init__(self, data: bytes, first: Callable[[], int]) -> None:
        self._data, self._first = data, first
        self._place, self._line = 0, 0

    def at(self, place: int) -> int:
        """From 1, of a byte of the source's text."""
        if not self._line:
            self._line = self._first()
        if place < self._place:
            return self._line - self._data.count(b"\n", place, self._place)
        self._line += self._data.count(b"\n", self._place, place)
        self._place = place
        return self._line


@dataclass(frozen=True, slots=True)
class Block:
    """`view` begins at byte `start` of its source, which begins at byte `base` of the output.
    What starts before `fresh` (within it) was in the block before; the last block of a source
    has nothing after it."""

    view: memoryview
    base: int
    start: int
    fresh: int
    is_last: bool
    lines: Lines

    @property
    def text(self) -> bytes:
        """A copy: for blocks with hits, which are few."""
        return bytes(self.view)

    def line_at(self, place: int) -> int:
        return self.lines.at(self.start + place)


def blocks(output: Output) -> Iterator[Block]:
    """The whole log where there is a file, else head, failing section and tail. Lines are counted
    per source. Colours and the clock that a runner puts before every line are taken out."""
    if output.path is not None:
        with output.path.open("rb") as file:
            yield from _of_file(file)
        return
    base = 0
    for text in (output.head, output.failing_section, output.tail):
        if text:
            data = text.encode("utf-8", "replace")
            yield from _of_bytes(data, base=base, first=lambda: 1)
            base += len(data) + 1


def _of_file(file: BinaryIO) -> Iterator[Block]:
    size = file.seek(0, 2)
    file.seek(0)
    if size <= HEAD_BYTES + TAIL_BYTES:
        yield from _of_bytes(file.read(), base=0, first=lambda: 1)
        return
    yield from _of_bytes(file.read(HEAD_BYTES), base=0, first=lambda: 1)
    begin = size - TAIL_BYTES
    file.seek(begin)
    yield from _of_bytes(
        file.read(TAIL_BYTES), base=begin, first=lambda: 1 + _newlines(file, begin)
    )


def _newlines(file: BinaryIO, until: int) -> int:
    """Newlines from the file's start to byte `until`."""
    file.seek(0)
    count = 0
    while until > 0:
        chunk = file.read(min(until, 1 << 20))
        if not chunk:
            break
        count += chunk.count(b"\n")
        until -= len(chunk)
    return count


def _of_bytes(data: bytes, *, base: int, first: Callable[[], int]) -> Iterator[Block]:
    plain = without_prefixes(without_colours(data))
    lines, view = Lines(plain, first), memoryview(plain)
    start = fresh = 0
    while True:
        end = _line_end(plain, start + BLOCK_BYTES)
        is_last = end >= len(plain)
        yield Block(view[start:end], base, start, fresh - start, is_last, lines)
        if is_last:
            return
        start, fresh = _line_start(plain, end - OVERLAP_BYTES, start + 1), end


def _line_end(data: bytes, near: int) -> int:
    """After the newline that follows `near`, unless it is far."""
    if near >= len(data):
        return len(data)
    found = data.find(b"\n", near, near + OVERLAP_BYTES)
    return near if found < 0 else found + 1


def _line_start(data: bytes, near: int, at_least: int) -> int:
    found = data.find(b"\n", near, near + OVERLAP_BYTES // 2)
    return max(near if found < 0 else found + 1, at_least)


def without_prefixes(data: bytes) -> bytes:
    prefix = compiled(_PREFIX)
    if not (prefix.search(data[:_ENDS_BYTES]) or prefix.search(data[-_ENDS_BYTES:])):
        return data
    pieces, start = [], 0
    while start < len(data):
        end = _line_end(data, start + _PIECE_BYTES)
        pieces.append(b"\n".join(map(_bare, data[start:end].split(b"\n"))))
        start = end
    return b"".join(pieces)


def _bare(line: bytes) -> bytes:
    if line[10:11] != b"T" and line[:1] != b"#":
        return line
    found = compiled(_PREFIX).match(line[:_PREFIX_LIMIT])
    return line[found.end() :] if found else line


def without_colours(data: bytes) -> bytes:
    if b"\x1b" in data:
        data = compiled(_ANSI).sub(b"", data)
    if b"\r" in data:
        data = compiled(_LONE_RETURN).sub(b"\n", data)
    return data
