"""Scopes: which paths a phase may write, and whether two phases could write the same file.

Entries are gitignore-style patterns relative to the root (see `scope_patterns`), read as an
allow-list: the last entry that matches a path decides, `!` takes out, and a folder covers all that
is in it. Unlike in git, an exclusion inside a listed folder counts: `src/`, `!src/keys.py` is all
of src but that file. And `src/*` is the files right in src, `src/**` those further down too.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from runs.planning.plan_paths import path_fault
from runs.planning.plan_types import Scope
from runs.planning.scope_patterns import (
    ANY_FOLDERS,
    ScopePattern,
    pattern_read,
    pattern_regex,
)

MAX_MATCHED_CHARS = 4096  # PATH_MAX; git hands out nothing longer that could be checked out
# Comparing two patterns takes their lengths' product; past this the answer is "overlap". 0.3 s.
MAX_COMPARED = 1_000_000

_EXTENSION = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,20}\Z")
_ONE_CHARACTER = re.compile(r"\[.*\]|\?")
# A name that ends so is a file, so that `*.py` and `src/x.js` are apart: nobody who lists x.js
# means a folder with Python in it. Endings that folders have too (`.d`, `.app`) are not here.
_FILE_ENDING = re.compile(
    r"\.(?:bash|bat|c|cc|cfg|cjs|conf|cpp|cs|css|csv|env|go|gradle|h|hpp|html|ini|ipynb|java|jsx?|json"
    r"|kts?|less|lock|md|mjs|php|proto|ps1|pyi?|rb|rs|rst|scala|scss|sh|sql|svelte|svg|swift|tf|toml"
    r"|tsx?|txt|vue|xml|ya?ml)\Z"
)
_ONE_OR_MORE = ("*", ANY_FOLDERS)


class ScopeMatcher:
    """Tells which paths a list of patterns covers. Linear in the path for each wildcard."""

    __slots__ = ("_groups",)

    def __init__(self, patterns: Sequence[str]) -> None:
        read = [pattern_read(text) for text in patterns]
        # Neighbours of one sign are one expression; the last group that matches decides.
        self._groups: list[tuple[bool, re.Pattern[str]]] = [
            (is_exclusion, re.compile("|".join(map(pattern_regex, group)), re.DOTALL))
            for is_exclusion, group in itertools.groupby(read, lambda entry: entry.is_exclusion)
        ]
        self._groups.reverse()

    def matches(self, path: str) -> bool:
        """Whether `path` (as git writes it: relative, with `/`) is covered."""
        if len(path) > MAX_MATCHED_CHARS:
            return False
        for is_exclusion, regex in self._groups:
            if regex.fullmatch(path):
                return not is_exclusion
        return False


def scopes_overlap(a: Scope, b: Scope, tree: Sequence[str] = ()) -> bool:
    """Whether phases with these scopes could write the same file. In doubt: yes.

    A scope that lists nothing writable writes anywhere. Names that differ in case only, or in how
    an accent is encoded, are the same file (they are on Windows and macOS). Exclusions do not make
    patterns apart. A name with the ending of a source file is no folder. With `tree` (the files of
    the commit that both would start from), what both may only modify is decided by the files that
    are there, exclusions included.
    """
    if _writes_anywhere(a) or _writes_anywhere(b):
        return True
    if not tree:
        return _patterns_meet((*a.modify, *a.create), (*b.modify, *b.create))
    return (
        _patterns_meet(a.create, (*b.modify, *b.create))
        or _patterns_meet(a.modify, b.create)
        or (_patterns_meet(a.modify, b.modify) and _files_meet(a.modify, b.modify, tree))
    )


def deliverable_paths(deliverables: Iterable[str]) -> tuple[str, ...]:
    """The deliverables that are paths, in order, each once, without backticks around them.

    A path has no white space, and a `/` or a file extension. What no plan may name (`../x`,
    `/healthz`, a URL) is prose like the rest. May hold wildcards: compare with `ScopeMatcher`.
    """
    found: dict[str, None] = {}
    for deliverable in deliverables:
        text = deliverable.strip()
        if len(text) > 2 and text[0] == text[-1] == "`":
            text = text[1:-1]
        has_form = "/" in text or _EXTENSION.search(text)
        if has_form and "://" not in text and not re.search(r"\s", text) and not path_fault(text):
            found[text] = None
    return tuple(found)


def _writes_anywhere(scope: Scope) -> bool:
    """Also when it only excludes: no plan gets through with that, so it is doubtful."""
    return all(pattern.startswith("!") for pattern in (*scope.modify, *scope.create))


def _files_meet(a: Sequence[str], b: Sequence[str], tree: Sequence[str]) -> bool:
    """Whether both cover a file of the tree; yes when one covers none (files yet to come?)."""
    files = {_folded(path) for path in tree}
    ours, theirs = (set(filter(_folded_matcher(patterns).matches, files)) for patterns in (a, b))
    return not ours or not theirs or not ours.isdisjoint(theirs)


def _folded_matcher(patterns: Sequence[str]) -> ScopeMatcher:
    return ScopeMatcher([_folded(pattern) for pattern in patterns])


def _patterns_meet(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether some path is covered by a pattern of each, exclusions aside."""
    ours, our_places = _sorted_out(a)
    theirs, their_places = _sorted_out(b)
    if _places_meet(our_places, their_places) or _places_meet(their_places, our_places):
        return True
    left = MAX_COMPARED
    for one, other in itertools.chain(
        itertools.product(ours, [*theirs, *their_places]), itertools.product(our_places, theirs)
    ):
        left -= _size(one) * _size(other)
        if left < 0 or _segments_meet(one, other):
            return True
    return False


_Segments = tuple[str, ...]


def _sorted_out(patterns: Sequence[str]) -> tuple[list[_Segments], list[_Segments]]:
    """Patterns with wildcards, and those that are one place, as folded segments."""
    wild: list[_Segments] = []
    places: list[_Segments] = []
    for text in patterns:
        pattern = pattern_read(_folded(text))
        if pattern.segments and not pattern.is_exclusion:
            (places if pattern.is_literal else wild).append(_covered(pattern))
    return wild, places


def _covered(pattern: ScopePattern) -> _Segments:
    """The segments of all that a pattern covers: what is beneath it, and itself if no folder.

    Classes and `?` count as any text: a class is a plain name too, and one character may be two
    once its case is folded.
    """
    beneath: _Segments = _ONE_OR_MORE if pattern.is_folder else (ANY_FOLDERS,)
    is_file = not pattern.is_folder and _FILE_ENDING.search(pattern.segments[-1])
    if is_file or pattern.is_level:
        beneath = ()
    return (*(_ONE_CHARACTER.sub("*", segment) for segment in pattern.segments), *beneath)


def _places_meet(a: list[_Segments], b: list[_Segments]) -> bool:
    """Whether a place of `b` is one of `a` or above one."""
    names = {tuple(part for part in place if part not in _ONE_OR_MORE) for place in b}
    return any(place[:length] in names for place in a for length in range(1, len(place) + 1))


def _size(segments: _Segments) -> int:
    return sum(map(len, segments)) + len(segments)


def _segments_meet(a: _Segments, b: _Segments) -> bool:
    return _can_meet(a, b, ANY_FOLDERS, _names_meet)


def _names_meet(a: str, b: str) -> bool:
    return _can_meet(a, b, "*", str.__eq__) if "*" in a or "*" in b else a == b


def _can_meet(
    a: Sequence[str], b: Sequence[str], any_run: str, equal: Callable[[str, str], bool]
) -> bool:
    """Whether two sequences, in which `any_run` stands for any run of elements, can be the same.

    Row by row from the end: `row[j]` says whether a[i:] and b[j:] can.
    """
    below: list[bool] = []
    for i in range(len(a), -1, -1):
        row = [False] * (len(b) + 1)
        for j in range(len(b), -1, -1):
            a_runs = i < len(a) and a[i] == any_run
            b_runs = j < len(b) and b[j] == any_run
            if i == len(a) and j == len(b):
                row[j] = True
            elif a_runs or b_runs:
                row[j] = (i < len(a) and below[j]) or (j < len(b) and row[j + 1])
            elif i < len(a) and j < len(b):
                row[j] = below[j + 1] and equal(a[i], b[j])
        below = row
    return below[0]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
