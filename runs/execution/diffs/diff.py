"""What an attempt changed, read from the output of one git process. Pure: bytes in, values out.

`git diff-index --cached <DIFF_FLAGS> <base>` (or `git diff-tree -r <DIFF_FLAGS> <base> <commit>`)
prints three blocks, the first two of which are separated by NULs and quote nothing:

    :<mode> <mode> <oid> <oid> M\\0<path>\\0     one a file; two paths after R<score>
    <added>\\t<deleted>\\t<path>\\0               one a file; `\\0<old>\\0<new>\\0` of a rename
    \\0diff --git ...                          a part a file, two when its type changed

Paths and kinds come from the raw block only; the patch is cut at its headers, which no line of a
file's content can imitate (content always starts with a space, `+`, `-` or base 85).
"""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

# --binary: a part can be applied again. --ignore-submodules=none: a `.gitmodules` written by the
# builder could hide a submodule otherwise. The rest keeps configuration, filters and other
# programs out of the format.
DIFF_FLAGS: tuple[str, ...] = (
    "-M",
    "--raw",
    "--numstat",
    "-p",
    "-z",
    "--binary",
    "--full-index",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)

# Larger than any change that a person could review; far below what would hurt a worker.
MAX_DIFF_BYTES = 32 * 1024 * 1024

_HEADER = b"diff --git "
_SYMLINK = "120000"
_SUBMODULE = "160000"
_ABSENT = "000000"


class DiffTooLarge(ValueError):
    """The diff has more bytes than may be read into memory."""


class DiffMalformed(ValueError):
    """The bytes are not what git prints for `DIFF_FLAGS`."""


class ChangeKind(StrEnum):
    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    TYPE_CHANGED = "type_changed"


_KINDS = {
    "A": ChangeKind.ADDED,
    "M": ChangeKind.MODIFIED,
    "D": ChangeKind.DELETED,
    "R": ChangeKind.RENAMED,
    "T": ChangeKind.TYPE_CHANGED,
}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff.

    `path` is where the file is now (where it was, when it was deleted), as git names it: `/`
    between components, bytes that are no UTF-8 as surrogates (use `os.fsencode` to get them back).
    `old_path` is set for a rename only. Modes are git's octal text, `000000` for "not there".
    `added_lines` and `deleted_lines` are 0 for a binary file. `patch` is this file's part of the
    diff: parts of several files joined in order are a patch that `git apply` takes.
    """

    path: str
    old_path: str | None
    kind: ChangeKind
    old_mode: str
    new_mode: str
    added_lines: int
    deleted_lines: int
    is_binary: bool
    patch: bytes

    @property
    def is_symlink(self) -> bool:
        """Whether the path is a symbolic link after the change."""
        return self.new_mode == _SYMLINK

    @property
    def is_submodule(self) -> bool:
        """Whether the path is a submodule before or after the change."""
        return _SUBMODULE in (self.old_mode, self.new_mode)

    @property
    def old_paths(self) -> tuple[str, ...]:
        """The path that this change takes away from the tree, if it does."""
        if self.kind is ChangeKind.DELETED:
            return (self.path,)
        return (self.old_path,) if self.old_path is not None else ()


class AddedLine(NamedTuple):
    number: int
    """Line number in the new file, from 1; 0 when the change is binary."""
    text: bytes


class _RawEntry(NamedTuple):
    old_mode: str
    new_mode: str
    kind: ChangeKind
    old_path: str | None
    path: str

    @property
    def parts(self) -> int:
        """How many parts of the patch belong to it: a changed type is a deletion and a creation."""
        return 2 if self.kind is ChangeKind.TYPE_CHANGED else 1


def diff_parse(raw: bytes, *, max_bytes: int = MAX_DIFF_BYTES) -> tuple[FileChange, ...]:
    """The files of a diff, in git's order. Raises DiffTooLarge, DiffMalformed.

    `raw` is the whole output of git with `DIFF_FLAGS`; empty means that nothing changed.
    """
    if len(raw) > max_bytes:
        raise DiffTooLarge(
            f"the diff has {len(raw)} bytes and at most {max_bytes} are read: "
            "split the work into smaller phases, or keep generated files out of the repository"
        )
    if not raw:
        return ()
    try:
        entries, position = _read_raw(raw)
        counts, position = _read_numstat(raw, position, len(entries))
    except (ValueError, IndexError) as error:
        raise DiffMalformed(
            f"git's output could not be read ({error}): run git with the flags of DIFF_FLAGS"
        ) from error
    parts = _split_patch(raw, position)
    if not entries or len(parts) != sum(entry.parts for entry in entries):
        raise DiffMalformed(
            f"git listed {len(entries)} files and printed {len(parts)} patches: "
            "run git with the flags of DIFF_FLAGS, on an index without conflicts"
        )
    return tuple(_changes(entries, counts, parts))


def added_text(change: FileChange, *, max_bytes: int = MAX_DIFF_BYTES) -> Iterator[AddedLine]:
    """The lines that a change adds, without their line ends, of the first `max_bytes` of its patch.

    A file that git calls binary can be text that an attribute declared so: what its binary patch
    holds is unpacked (up to `max_bytes`) and given with line number 0.
    """
    if change.is_binary:
        for text in _unpack_binary(change.patch, max_bytes).split(b"\n"):
            yield AddedLine(0, text)
        return
    in_hunk, number = False, 0
    for line in change.patch[:max_bytes].split(b"\n"):
        if line.startswith(b"@@ "):
            in_hunk, number = True, _hunk_start(line)
        elif line.startswith(_HEADER):
            in_hunk = False
        elif in_hunk and line.startswith(b"+"):
            yield AddedLine(number, line[1:])
            number += 1
        elif line[:1] in (b" ", b""):  # git can be configured to print blank context lines bare
            number += 1


def removed_text(change: FileChange, *, max_bytes: int = MAX_DIFF_BYTES) -> Iterator[bytes]:
    """The lines that a change takes away, in order; none of a binary file."""
    in_hunk = False
    for line in change.patch[:max_bytes].split(b"\n"):
        if line.startswith(b"@@ "):
            in_hunk = True
        elif line.startswith(_HEADER):
            in_hunk = False
        elif in_hunk and line.startswith(b"-"):
            yield line[1:]


def binary_bytes(change: FileChange) -> int:
    """Size in bytes of what a binary patch says it unpacks to (a whole file, or a delta)."""
    start = change.patch.rfind(b"\nGIT binary patch\n")
    if start < 0:
        return 0
    words = change.patch[start + 18 : start + 60].split(b"\n", 1)[0].split(b" ")
    return int(words[1]) if len(words) == 2 and words[1].isdigit() else 0


def _read_raw(raw: bytes) -> tuple[list[_RawEntry], int]:
    entries: list[_RawEntry] = []
    position = 0
    while raw[position : position + 1] == b":":
        end = raw.index(b"\0", position)
        old_mode, new_mode, _, _, status = raw[position + 1 : end].decode("ascii").split(" ")
        kind = _KINDS.get(status[:1])
        if kind is None:
            raise ValueError(f"status {status}")
        old_path = None
        path, position = _read_path(raw, end + 1)
        if kind is ChangeKind.RENAMED:
            old_path = path
            path, position = _read_path(raw, position)
        entries.append(_RawEntry(old_mode, new_mode, kind, old_path, path))
    return entries, position


def _read_path(raw: bytes, position: int) -> tuple[str, int]:
    end = raw.index(b"\0", position)
    return raw[position:end].decode("utf-8", "surrogateescape"), end + 1


def _read_numstat(raw: bytes, position: int, files: int) -> tuple[list[tuple[int, int, bool]], int]:
    """(added, deleted, is binary) of each file, in the order of the raw block."""
    counts: list[tuple[int, int, bool]] = []
    for _ in range(files):
        end = raw.index(b"\0", position)
        added, deleted, path = raw[position:end].split(b"\t", 2)
        position = end + 1
        if not path:
            position = raw.index(b"\0", raw.index(b"\0", position) + 1) + 1
        if added == b"-":
            counts.append((0, 0, True))
        else:
            counts.append((int(added), int(deleted), False))
    return counts, position


def _split_patch(raw: bytes, position: int) -> list[bytes]:
    start = position + 1  # the NUL between the blocks
    if raw[position:start] != b"\0" or not raw.startswith(_HEADER, start):
        return []
    parts: list[bytes] = []
    while True:
        following = raw.find(b"\n" + _HEADER, start)
        if following < 0:
            parts.append(raw[start:])
            return parts
        parts.append(raw[start : following + 1])
        start = following + 1


def _changes(
    entries: list[_RawEntry], counts: list[tuple[int, int, bool]], parts: list[bytes]
) -> Iterator[FileChange]:
    at = 0
    for entry, (added, deleted, is_binary) in zip(entries, counts, strict=True):
        patch = parts[at] if entry.parts == 1 else b"".join(parts[at : at + 2])
        at += entry.parts
        yield FileChange(
            path=entry.path,
            old_path=entry.old_path,
            kind=entry.kind,
            old_mode=entry.old_mode,
            new_mode=entry.new_mode,
            added_lines=added,
            deleted_lines=deleted,
            is_binary=is_binary,
            patch=patch,
        )


def _hunk_start(line: bytes) -> int:
    """The first line of the new file that `@@ -a,b +c,d @@` is about."""
    words = line.split(b" ", 3)
    start = words[2][1:].split(b",", 1)[0] if len(words) > 2 else b""
    return int(start) if start.isdigit() else 0


def _unpack_binary(patch: bytes, max_bytes: int) -> bytes:
    """What the forward half of a binary patch adds: the file, or a delta's new pieces and noise."""
    start = patch.rfind(b"\nGIT binary patch\n")
    if start < 0:
        return b""
    packed = bytearray()
    for line in patch[start + 18 :].split(b"\n")[1:]:
        if not line:
            break
        first = line[0]
        size = first - 64 if first <= 90 else first - 70  # A..Z is 1 to 26, a..z is 27 to 52
        try:
            packed += base64.b85decode(line[1:])[:size]
        except ValueError:
            break
    try:
        return zlib.decompressobj().decompress(bytes(packed), max_bytes)
    except zlib.error:
        return b""
