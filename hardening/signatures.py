"""What makes two failures the same one: their words without what changes from run to run."""

from __future__ import annotations

from hardening.expressions import compiled
from hardening.sources import without_colours

LINES_KEPT = 5
CHARS_KEPT = 400
# Only the end is read: a failing step says last why it failed.
TAIL_BYTES = 64 << 10
LINE_BYTES = 400

_SALIENT = (
    r"(?i)\b(?:error|exception|fatal|failed|failure|panic|denied|refused|not found|cannot|can't"
    r"|unable|missing|no such|timed out|killed|traceback)\b|[a-z]+(?:Error|Exception)\b"
)
# In this order: what holds digits goes before digits themselves.
_CHANGING: tuple[tuple[str, bytes], ...] = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?", b""),
    (r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", b""),
    (r"\b0x[0-9a-fA-F]+\b", b"<hex>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", b"<id>"),
    (r"\b[0-9a-f]{7,64}\b", b"<hex>"),
    (r"https?://[^\s'\")>]+", b"<url>"),
    (r"(?:[A-Za-z]:)?(?:[\\/][\w.@+~-]+){2,}[\\/]?", b"<path>"),
    (r"\b\d+(?:\.\d+)*(?:ms|s|m|h|kB|KB|MB|GB|KiB|MiB|GiB|%)?\b", b"<n>"),
    (r"[ \t]+", b" "),
)


def failure_signature(text: str) -> str:
    """The last few lines that speak of an error, without times, numbers, paths, addresses and hex;
    "" when no line does. Equal for equal failures of different runs; at most 400 characters."""
    data = without_colours(text[-TAIL_BYTES:].encode("utf-8", "replace"))
    kept: list[bytes] = []
    for line in reversed(data.splitlines()):
        short = line[:LINE_BYTES]
        if not compiled(_SALIENT).search(short):
            continue
        plain = _settled(short)
        if plain and plain not in kept:
            kept.append(plain)
        if len(kept) == LINES_KEPT:
            break
    return b" | ".join(reversed(kept)).decode("utf-8", "replace")[:CHARS_KEPT]


def _settled(line: bytes) -> bytes:
    for expression, instead in _CHANGING:
        line = compiled(expression).sub(instead, line)
    plain: bytes = line.strip()
    return plain
