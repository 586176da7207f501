"""What a path or a pattern of a plan may look like. Text only: nothing here touches a disk."""

import re
import unicodedata

MAX_PATH_CHARS = 1024
MAX_SEGMENT_BYTES = 255  # NAME_MAX of the usual file systems

_DRIVE = re.compile(r"[A-Za-z]:")
_RELATIVE = "write it relative to the root of the repository"


def path_fault(text: str, *, pattern: bool = False) -> str | None:
    """What is wrong with a path of the repository and what to do, or None.

    Paths are relative, with `/`, at most `MAX_PATH_CHARS` long, never in `.git`. A folder may end
    in `/`. With `pattern`, the text is an entry of a scope: `!` in front excludes, and `./` in
    front ties it to the root (as gitignore's leading `/` would, which is refused as absolute).
    """
    fault = _text_fault(text)
    if fault:
        return fault
    is_exclusion = text.startswith("!")
    if is_exclusion and not pattern:
        return "begins with '!', which excludes and belongs in a scope only; take it out"
    body = text[1:] if pattern and is_exclusion else text
    if pattern:
        body = body.removeprefix("./")
    return _place_fault(body) or _segments_fault(body, is_exclusion=is_exclusion)


def step_path_fault(text: str) -> str | None:
    """As `path_fault`, for the one file that a step writes: no folder and no wildcards."""
    if text.endswith("/"):
        return "is a folder; name the file"
    if "*" in text or "?" in text:
        return "is a pattern; name the one file to write"
    return path_fault(text)


def has_control(text: str) -> bool:
    """Whether the text holds line breaks or other control characters (emoji and the like: no)."""
    return any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)


def _text_fault(text: str) -> str | None:
    if not text.strip():
        return "is empty; name a path or take the entry out"
    if text != text.strip():
        return "has white space around it; take it out"
    if len(text) > MAX_PATH_CHARS:
        return f"is longer than {MAX_PATH_CHARS} characters; shorten it"
    if has_control(text):
        return "holds a control character; take it out"
    if "\\" in text:
        return "holds a backslash; write '/' between folders"
    return None


def _place_fault(body: str) -> str | None:
    if body.startswith("/"):
        return f"is absolute; {_RELATIVE}"
    if _DRIVE.match(body):
        return f"begins with a drive letter; {_RELATIVE}"
    if body.startswith("~/") or body == "~":
        return f"points at a home folder; {_RELATIVE}"
    return None


def _segments_fault(body: str, *, is_exclusion: bool) -> str | None:
    for segment in body.removesuffix("/").split("/"):
        if segment == "..":
            return f"climbs with '..'; {_RELATIVE}"
        if segment == ".":
            return "has '.' for a folder; leave it out"
        if not segment:
            return "has an empty folder name; write one '/' between folders"
        if len(segment.encode("utf-8", "replace")) > MAX_SEGMENT_BYTES:
            return f"has a name longer than {MAX_SEGMENT_BYTES} bytes; shorten it"
        if not is_exclusion and _is_git_folder(segment):
            return "is in git's own folder, which no plan may touch; take it out"
    return None


def _is_git_folder(segment: str) -> bool:
    """Whether a file system would take the name for `.git`.

    Windows drops dots and spaces at the end, has a short name for it, and a stream after a colon;
    macOS drops code points that are not shown. Git guards against the same spellings.
    """
    shown = "".join(char for char in segment if unicodedata.category(char) != "Cf")
    name = shown.partition(":")[0].rstrip(" .").lower()
    return name in (".git", "git~1")
