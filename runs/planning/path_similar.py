"""Paths near one that does not exist: by name first, then by the folders it stands in."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from runs.planning.path_words import key_of, keys_of
from runs.planning.plan_paths import MAX_PATH_CHARS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Of a name that is everywhere (`__init__.py`), those whose folders agree most are looked at.
MOST_COMPARED = 16
MOST_SAME_NAME = 5000
# Of names that begin or end alike, so many are looked at.
MOST_ALIKE = 200
MIN_SCORE = 0.3

# How much a name that is not the same counts, from 0 to 1.
OTHER_SPELLING, RELATED_EXTENSION, ONE_LETTER, OTHER_EXTENSION = 0.9, 0.85, 0.8, 0.5
# The places: same but for case; under a prefix that was left out; with a prefix too many.
SAME_PLACE, PREFIX_MISSING, PREFIX_TOO_MANY = 0.99, 0.97, 0.92
# Elsewhere: between these, by the share of folders that agree in order.
ELSEWHERE_LEAST, ELSEWHERE_MOST = 0.35, 0.9

# Names shorter than this have too many neighbours one letter away, longer ones cost too much.
TYPO_MIN_CHARS, TYPO_MAX_CHARS = 4, 48
# One letter is in one half of a name: what stands at the other end is as it should be.
_END_CHARS = 4

_FAMILIES = (
    "js jsx ts tsx mjs cjs mts cts vue svelte", "py pyi pyx", "md mdx rst txt adoc",
    "yml yaml json toml", "c h cc cpp cxx hpp hh", "html htm jinja j2 njk", "css scss sass less",
    "java kt kts groovy scala", "sh bash zsh", "png jpg jpeg svg gif webp",
)  # fmt: skip
_FAMILY = {ext: number for number, family in enumerate(_FAMILIES) for ext in family.split()}


class SimilarPaths:
    """Files and folders (these end in `/`) by name and by key. Never changes but for what it
    remembers of names that are everywhere."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        """`names`: paths by their last part (folders and their names end in `/`)."""
        by_name: defaultdict[str, list[str]] = defaultdict(list)
        for name, paths in names.items():
            by_name[name.lower().rstrip("/")] += paths
        self._by_name = dict(by_name)
        self._crowds: dict[tuple[str, str], _Crowd] = {}

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        """Lower-case names by the key of their stem."""
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        stems = [name[:at] if (at := name.rfind(".")) > 0 else name for name in self._by_name]
        for name, key in zip(self._by_name, keys_of(stems), strict=True):
            by_key[key].append(name)
        return dict(by_key)

    @cached_property
    def _by_end(self) -> dict[tuple[int, str], list[str]]:
        """Keys by their length and how they begin (`abcd`), and how they end (`-abcd`)."""
        by_end: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
        for key in self._by_key:
            if TYPO_MIN_CHARS <= len(key) <= TYPO_MAX_CHARS + 1:
                for end in _ends(key, len(key)):
                    by_end[len(key), end].append(key)
        return dict(by_end)

    def nearest(self, path: str, limit: int) -> list[tuple[str, float]]:
        """(path, score from 0 to 1), best first. Nothing for a path that climbs out with `..`."""
        wanted = path.strip().replace("\\", "/").lstrip("/")
        parts = [part for part in wanted.lower().split("/") if part not in ("", ".")]
        if not parts or ".." in parts or len(path) > MAX_PATH_CHARS:
            return []
        scores: dict[str, float] = {}
        for name, name_score in self._names_like(parts[-1]):
            for candidate in self._of_name(name, parts, only_folders=wanted.endswith("/")):
                score = name_score * _place(parts, candidate.lower().rstrip("/").split("/"))
                scores[candidate] = max(score, scores.get(candidate, 0.0))
        return _best(scores, limit)

    def _names_like(self, name: str) -> Iterator[tuple[str, float]]:
        """Lower-case names of the tree that `name` may have meant, with how much each counts."""
        if name in self._by_name:
            yield name, 1.0
        stem, extension = _split(name)
        key = key_of(stem)
        for other in self._by_key.get(key, ()) if key else ():
            if other != name:
                yield other, _extension_score(extension, _split(other)[1], OTHER_SPELLING)
        for near in self._one_letter_away(key):
            for other in self._by_key[near]:
                factor = _extension_score(extension, _split(other)[1], ONE_LETTER)
                yield other, min(factor, ONE_LETTER)

    def _one_letter_away(self, key: str) -> list[str]:
        """Keys with one letter more, less, changed, or swapped with the next."""
        if not TYPO_MIN_CHARS <= len(key) <= TYPO_MAX_CHARS:
            return []
        # Wherever the letter is, half of the name is before it or after it; most fail here.
        half = (len(key) - 3) // 2
        head, tail = key[:half], key[len(key) - half :]
        found: dict[str, None] = {}
        for length in (len(key) - 1, len(key), len(key) + 1):
            for end in _ends(key, length):
                for other in self._by_end.get((length, end), ())[:MOST_ALIKE]:
                    may_be = other.startswith(head) or other.endswith(tail)
                    if may_be and _is_one_letter(key, other):
                        found[other] = None
        return list(found)

    def _of_name(self, name: str, parts: Sequence[str], *, only_folders: bool) -> Sequence[str]:
        """The paths of a name that are worth comparing: those that share most folders."""
        kind = "folder" if only_folders else "file" if "." in parts[-1][1:] else ""
        if len(self._by_name[name]) <= MOST_COMPARED:
            return _of_kind(self._by_name[name], kind)
        crowd = self._crowds.get((name, kind))
        if crowd is None:
            paths = self._by_name[name][:MOST_SAME_NAME]
            crowd = self._crowds[name, kind] = _Crowd(_of_kind(paths, kind))
        return crowd.agreeing(parts[:-1])


def _of_kind(paths: Sequence[str], kind: str) -> Sequence[str]:
    """Those that are a "folder", or a "file", or all of them ("")."""
    if not kind:
        return paths
    return [path for path in paths if path.endswith("/") is (kind == "folder")]


class _Crowd:
    """The many paths of one name, in one text: what is searched for is searched in all at once."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        lowered = [f"/{path.lower()}\n" for path in paths]
        self._text = "".join(lowered)
        self._ends = list(accumulate(map(len, lowered)))

    def agreeing(self, folders: Sequence[str]) -> Sequence[str]:
        """A few: those in a folder named like the wanted one, then those below one named like the
        folder above it, and so on."""
        if len(self._paths) <= MOST_COMPARED:
            return self._paths
        chosen: dict[str, None] = {}
        for folder in reversed(folders):
            for number in self._below(f"/{folder}/"):
                chosen[self._paths[number]] = None
                if len(chosen) == MOST_COMPARED:
                    return list(chosen)
        return [*chosen, *self._paths[:MOST_COMPARED]][:MOST_COMPARED]

    def _below(self, folder: str) -> Iterator[int]:
        at = self._text.find(folder) if "\n" not in folder else -1
        while at >= 0:
            number = bisect_right(self._ends, at)
            yield number
            at = self._text.find(folder, self._ends[number])


def _split(name: str) -> tuple[str, str]:
    """Stem and extension; `.gitignore` has none."""
    at = name.rfind(".")
    return (name[:at], name[at + 1 :]) if at > 0 else (name, "")


def _extension_score(wanted: str, other: str, same: float) -> float:
    if wanted == other:
        return same
    family = _FAMILY.get(wanted)
    is_related = family is not None and family == _FAMILY.get(other)
    return RELATED_EXTENSION if is_related or not wanted else OTHER_EXTENSION


def _ends(key: str, length: int) -> tuple[str, str]:
    """How a key begins and how it ends; of the shorter of two lengths' halves at most."""
    chars = min(_END_CHARS, (length - 1) // 2)
    return key[:chars], f"-{key[-chars:]}"


def _is_one_letter(key: str, other: str) -> bool:
    """Whether one letter is too many, too few, other, or swapped with the next."""
    if key == other:
        return False
    short, long = sorted((key, other), key=len)
    start = 0
    while start < len(short) and short[start] == long[start]:
        start += 1
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    if short[start + 1 :] == long[start + 1 :]:
        return True
    return (
        short[start : start + 2] == long[start : start + 2][::-1]
        and short[start + 2 :] == long[start + 2 :]
    )


def _place(wanted: Sequence[str], found: Sequence[str]) -> float:
    """How well the folders of `found` fit those of `wanted` (lower-case parts, name last)."""
    ours, theirs = wanted[:-1], found[:-1]
    if ours == theirs:
        return SAME_PLACE
    if len(theirs) > len(ours) and theirs[len(theirs) - len(ours) :] == ours:
        return PREFIX_MISSING
    if theirs and ours[len(ours) - len(theirs) :] == theirs:
        return PREFIX_TOO_MANY
    share = 2.0 * _common(ours, theirs) / (len(ours) + len(theirs))
    return ELSEWHERE_LEAST + (ELSEWHERE_MOST - ELSEWHERE_LEAST) * share


def _common(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """Folders that both have in the same order; one that is nearly the same counts for less."""
    row = [0.0] * (len(theirs) + 1)
    for mine in ours:
        start = mine[0]
        same = [_same_folder(mine, other) if other[0] == start else 0.0 for other in theirs]
        if not any(same):
            continue  # the row would be the one before
        before = row
        row = [0.0]
        for at, share in enumerate(same):
            row.append(max(before[at + 1], row[at], before[at] + share))
    return row[-1]


def _same_folder(mine: str, other: str) -> float:
    """Of two that begin alike."""
    if mine == other:
        return 1.0
    ours, theirs = key_of(mine), key_of(other)
    if ours == theirs or ours.rstrip("s") == theirs.rstrip("s"):
        return 0.9
    return 0.0


def _best(scores: dict[str, float], limit: int) -> list[tuple[str, float]]:
    """The best, those that tie marked down: of four equally good ones, each is probably wrong."""
    top = max(scores.values(), default=0.0)
    ties = sum(1 for score in scores.values() if score == top)
    if ties > 1:
        scores = {
            path: score * (0.5 + 0.5 / ties) if score == top else score * 0.5
            for path, score in scores.items()
        }
    found = [(path, round(score, 2)) for path, score in scores.items() if score >= MIN_SCORE]
    found.sort(key=lambda item: (-item[1], item[0].count("/"), len(item[0]), item[0]))
    return found[:limit]
