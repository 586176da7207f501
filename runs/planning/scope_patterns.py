"""One scope pattern: what it is made of, and the regular expression that matches it.

The semantics are gitignore's. The translation is our own because the usual one backtracks: `*`
four times over a name of 250 characters took the pathspec library 2.2 s, and both patterns and
names are untrusted. Here everything before the last wildcard sits in atomic groups, which take the
first fit and never come back to it: for wildcards the first fit is as good as any other.
"""

import itertools
import re
from dataclasses import dataclass

ANY_FOLDERS = "**"
_WILDCARDS = frozenset("*?[")
_NEVER = "(?!)"


@dataclass(frozen=True, slots=True)
class ScopePattern:
    """`segments` between the slashes, where `**` is any number of folders.

    A pattern covers what it matches and everything beneath; with `is_folder` only what is beneath.
    One that ends in `/*` covers no more than the names right there. That is how pathspec reads it
    and what people mean by it; git itself would go on into the folders that `*` matches.
    """

    segments: tuple[str, ...]
    is_folder: bool
    is_exclusion: bool

    @property
    def is_literal(self) -> bool:
        """Whether it names one place: no wildcards, tied to the root."""
        return not any(_WILDCARDS & set(segment) for segment in self.segments)

    @property
    def is_level(self) -> bool:
        """Whether it is the files of one folder and no deeper ones, like `src/*`."""
        return not self.is_folder and self.segments[-1:] == ("*",)


def pattern_read(text: str) -> ScopePattern:
    """The parts of one entry of a scope.

    As in gitignore: `!` excludes, a `/` at the end means a folder, and a name without any other
    `/` is looked for in every folder (`./name` or `/name`: only at the root). Unlike there,
    `#` is text and a backslash too. What names nothing (an empty entry) covers nothing.
    """
    is_exclusion = text.startswith("!")
    body = text[1:] if is_exclusion else text
    is_folder = body.endswith("/")
    is_anchored = "/" in body.rstrip("/")
    segments = [part for part in body.split("/") if part not in ("", ".")]
    if segments and not is_anchored:
        segments.insert(0, ANY_FOLDERS)
    # `a/**` is everything in a, which is what `a/` says. `**` alone stays: it is everything.
    while len(segments) > 1 and segments[-1] == ANY_FOLDERS:
        segments.pop()
        is_folder = segments != [ANY_FOLDERS]
    merged = [
        part
        for number, part in enumerate(segments)
        if part != ANY_FOLDERS or number == 0 or segments[number - 1] != ANY_FOLDERS
    ]
    return ScopePattern(tuple(merged), is_folder=is_folder, is_exclusion=is_exclusion)


def pattern_regex(pattern: ScopePattern) -> str:
    """Source of a regular expression for `fullmatch` with DOTALL; linear for each wildcard.

    A name in brackets is a character class and a plain name as well: web frameworks have folders
    called `[id]`, and people mean those.
    """
    if not pattern.segments:
        return _NEVER
    if pattern.segments == (ANY_FOLDERS,):
        return ".+"
    # A block that is followed by more ends where a slash comes or the path ends.
    end, beneath = r"(?=/|\Z)", "(?:/.+)?"
    if pattern.is_folder:
        beneath = "/.+"
    elif pattern.is_level:
        end, beneath = r"\Z", ""
    expressions = [_segments_regex(pattern.segments, end, is_class=True)]
    if any("[" in segment for segment in pattern.segments):
        expressions.append(_segments_regex(pattern.segments, end, is_class=False))
    return f"(?:{'|'.join(expressions)}){beneath}"


def _segments_regex(segments: tuple[str, ...], end: str, *, is_class: bool) -> str:
    """What stands between two `**` is a block, which takes the first place where it fits.

    `end` is what the last block has to be followed by.
    """
    grouped = itertools.groupby(segments, ANY_FOLDERS.__eq__)
    blocks = [list(names) for is_any, names in grouped if not is_any]
    expressions: list[str] = []
    for number, block in enumerate(blocks):
        lead = "(?:[^/]+/)*?" if number or segments[0] == ANY_FOLDERS else ""
        names = "/".join(_segment_regex(segment, is_class=is_class) for segment in block)
        expressions.append(f"(?>{lead}{names}{end if block is blocks[-1] else '(?=/)'})")
    return "/".join(expressions)


def _segment_regex(segment: str, *, is_class: bool) -> str:
    """One name. Pieces between stars take the first fit, the last one has to end the name."""
    first, *others = _pieces(segment, is_class=is_class)
    if not others:
        return first
    *middle, last = others
    skipped = "".join(f"(?>[^/]*?{piece})" for piece in middle if piece)
    return f"(?>{first}{skipped}[^/]*{last}(?=/|\\Z))"


def _pieces(segment: str, *, is_class: bool) -> list[str]:
    """Regular expressions of what stands between the stars, each of a fixed length."""
    pieces = [""]
    position = 0
    while position < len(segment):
        char = segment[position]
        end = _class_end(segment, position) if char == "[" and is_class else 0
        if end:
            pieces[-1] += _class_regex(segment[position + 1 : end])
            position = end
        elif char == "*":
            pieces.append("")
        else:
            pieces[-1] += "[^/]" if char == "?" else re.escape(char)
        position += 1
    return pieces


def _class_end(segment: str, opened: int) -> int:
    """Where the class that opens there closes, or 0: then the bracket is text."""
    start = opened + 1
    if segment[start : start + 1] in ("!", "^"):
        start += 1
    # A bracket that comes first is a member.
    return max(segment.find("]", start + 1), 0)


def _class_regex(body: str) -> str:
    is_negated = body[0] in "!^"
    members = body[1:] if is_negated else body
    inside = ""
    position = 0
    while position < len(members):
        low, dash, high = members[position], members[position + 1 : position + 2], ""
        if dash == "-":
            high = members[position + 2 : position + 3]
        if not high:
            inside += re.escape(low)
        elif low <= high:
            inside += f"{re.escape(low)}-{re.escape(high)}"
        position += 3 if high else 1
    if is_negated:
        return f"[^/{inside}]"
    return f"(?!/)[{inside}]" if inside else _NEVER
