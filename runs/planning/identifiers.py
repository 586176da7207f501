"""Identifiers that become branch names, folder names and parts of URLs.

One rule for run ids, phase ids and project names, because each ends up in all three places: as the
last part of a git ref (`autopack/<run_id>`), as a file name on Windows, and in a path of the API.
"""

import hashlib
import re
import unicodedata

MAX_ID_CHARS = 64

# POST /runs/normalize is a page of its own, so no run may be called that.
_RESERVED_RUN_IDS = frozenset({"normalize"})

_SLUG = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_ID_CHARS - 1}}}")
_NOT_SLUG = re.compile(r"[^a-z0-9_]+")

# Windows opens the device whatever follows the first dot: `nul.txt` is `nul`.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"com{digit}" for digit in range(10)}
    | {f"lpt{digit}" for digit in range(10)}
)


class IdentifierInvalid(ValueError):
    """The text cannot be an identifier; `reason` says why and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def run_id_check(text: str) -> None:
    """Raise `IdentifierInvalid` unless `text` can name a run (and its branch)."""
    _check(text)
    if text.lower() in _RESERVED_RUN_IDS:
        raise IdentifierInvalid(f"{text!r} is taken by the API; choose another name for the run")


def phase_id_check(text: str) -> None:
    """Raise `IdentifierInvalid` unless `text` can name a phase."""
    _check(text)


def project_name_check(text: str) -> None:
    """Raise `IdentifierInvalid` unless `text` can name a project."""
    _check(text)


def slugify_id(text: str) -> str:
    """An identifier made of `text` that passes every check here; the same text gives the same one.

    Lower case letters, digits, `-` and `_`. A text without a single usable character (a title in
    Chinese, say) gets a digest of itself, so that two such titles do not become one id. Long texts
    are cut, so two of them can meet: the caller makes ids unique.
    """
    folded = unicodedata.normalize("NFKD", text[:1000]).encode("ascii", "ignore").decode()
    slug = _NOT_SLUG.sub("-", folded.lower()).strip("-_")[:MAX_ID_CHARS].rstrip("-_")
    if not slug:
        digest = hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=4).hexdigest()
        return f"id-{digest}"
    if slug in _DEVICES or slug in _RESERVED_RUN_IDS:
        return f"id-{slug}"
    return slug


def _check(text: str) -> None:
    shown = repr(text[:80])
    if not _SLUG.fullmatch(text):
        raise IdentifierInvalid(
            f"{shown} is no identifier; use 1 to {MAX_ID_CHARS} of the characters A-Z a-z 0-9 . _ -"
            " and begin with a letter or a digit"
        )
    if ".." in text or text.endswith("."):
        raise IdentifierInvalid(
            f"{shown} is no part of a branch name; take out '..' and the dot at the end"
        )
    if text.lower().endswith(".lock"):
        raise IdentifierInvalid(f"{shown} ends in '.lock', which git keeps for itself; rename it")
    if text.lower().partition(".")[0] in _DEVICES:
        raise IdentifierInvalid(f"{shown} is the name of a device on Windows; rename it")
