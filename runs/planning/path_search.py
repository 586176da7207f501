"""Files that the words of a sentence point to: rare words of names, whole names, definitions.

Words are weighed by rarity (1 for one that a single file has, towards 0 for one that all have). A
file's score grows with the weight of what the sentence says of its name and folders, and with how
much of its name is said. Nothing is learned and nothing is random.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import defaultdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from runs.planning.path_words import STOP_WORDS, key_of, name_cutter, word_stem, words_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

MAX_PHRASE_CHARS = 2000
MAX_WORDS = 48
# Files that are scored for a phrase at most; the best words choose them.
MAX_SCORED = 400
# Names that are said less than this share of the best one cannot stand out.
WORTH_SCORING = 0.4
MIN_SCORE = 0.35
# What is shown must come near the best.
SHARE_OF_BEST = 0.6

# A word of a folder says less than one of the file's own name.
FOLDER_WEIGHT = 0.5
# `auth` for `authentication`, `throttling` for `throttle`.
BEGINNING_WEIGHT = 0.65
MIN_BEGINNING_CHARS = 4
# Weight at which the evidence is half of what it can be.
HALF_EVIDENCE = 0.8
WHOLE_NAME, DEFINITION = 0.8, 0.85
FOLDER_ITSELF = 0.9
MAX_FOLDER_FILES = 60
# So many words in a row may be one name.
MAX_NAME_WORDS = 5
MIN_KEY_CHARS = 6

_CODE = re.compile(r"[^\W\d]\w*")

# Kinds of files that sentences mean only when they say so: (words of the path, words that say so,
# factor).
_KINDS = (
    (frozenset({"test", "spec", "mock", "fixture", "snapshot", "testdata"}),
     frozenset({"test", "spec", "mock", "fixture", "snapshot", "coverage"}), 0.7),
    (frozenset({"doc", "documentation", "example", "sample", "demo", "changelog", "release"}),
     frozenset({"doc", "documentation", "example", "sample", "demo", "changelog", "readme",
                "guide", "release"}), 0.75),
    (frozenset({"vendor", "node", "locale", "translation", "min", "dist", "generated", "lock",
                "third", "legacy"}),
     frozenset({"vendor", "locale", "translation", "language", "generated", "lock", "legacy"}),
     0.5),
)  # fmt: skip


class PhraseSearch:
    """Searches one tree. Never changes but for what it remembers of words."""

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        folders: Mapping[str, int],
        symbols: Callable[[], Mapping[str, Sequence[str]]],
    ) -> None:
        """`names`: paths by their last part (folders and their names end in `/`). `folders`: with
        the number of files directly in each. `symbols` gives names that files define, by path."""
        self._named, self._folders, self._symbols = names, folders, symbols
        self._scale = 1.0 / math.log(2 + sum(map(len, names.values())))
        cut = name_cutter()
        self._words_of_name = {name: cut(name) for name in names}
        postings: defaultdict[str, list[str]] = defaultdict(list)
        for name, words in self._words_of_name.items():
            for word in words:
                postings[word].append(name)
        self._postings = dict(postings)
        self._vocabulary = sorted(postings)
        self._rarity = lru_cache(maxsize=65536)(self._word_rarity)
        self._said = lru_cache(maxsize=4096)(self._words_like)
        self._above = lru_cache(maxsize=65536)(self._folder_words)

    def prepare(self) -> None:
        """Build now what is otherwise built at the first question, but for the symbols."""
        len(self._names_by_key)

    def find(self, phrase: str, limit: int) -> list[tuple[str, float]]:
        """(path, score from 0 to 1), best first; folders end in `/`."""
        words = words_cut(phrase[:MAX_PHRASE_CHARS])[:MAX_WORDS]
        weights: dict[str, float] = {}
        stems = frozenset(word_stem(word) for word in words)
        for word in sorted({word_stem(word) for word in words if word not in STOP_WORDS}):
            for known, weight in self._said(word):
                weights[known] = max(weight, weights.get(known, 0.0))
        whole = self._whole_names(words)
        defining = self._definitions(phrase[:MAX_PHRASE_CHARS], words)
        scores = {}
        for path in self._candidates(weights, whole, defining):
            score = self._score(path, weights, whole, defining)
            if score < MIN_SCORE:
                continue  # its kind only makes it less
            score *= self._kind_factor(path, stems)
            if score >= MIN_SCORE:
                scores[path] = round(score, 2)
        return _standing_out(scores, limit)

    def _word_rarity(self, word: str) -> float:
        count = sum(len(self._named[name]) for name in self._postings[word])
        return 1.0 - math.log(1 + count) * self._scale

    def _words_like(self, word: str) -> tuple[tuple[str, float], ...]:
        """Words of the tree that `word` says, each with its weight."""
        found = []
        if word in self._postings:
            found.append((word, self._rarity(word)))
        if len(word) >= MIN_BEGINNING_CHARS:
            start = word[:MIN_BEGINNING_CHARS]
            for at in range(bisect_left(self._vocabulary, start), len(self._vocabulary)):
                known = self._vocabulary[at]
                if not known.startswith(start):
                    break
                if known != word and _same_beginning(word, known):
                    found.append((known, self._rarity(known) * BEGINNING_WEIGHT))
        return tuple(found[:50])

    def _candidates(
        self, weights: Mapping[str, float], whole: Iterable[str], defining: Iterable[str]
    ) -> list[str]:
        evidence: defaultdict[str, float] = defaultdict(float)
        for word, weight in weights.items():
            for name in self._postings[word]:
                evidence[name] += weight
        found = list(defining)
        for name in whole:
            found += self._named[name][:MAX_SCORED]
        least = WORTH_SCORING * max(evidence.values(), default=0.0)
        likely = sorted(name for name, weight in evidence.items() if weight >= least)
        likely.sort(key=evidence.__getitem__, reverse=True)
        for name in likely:
            if len(found) >= MAX_SCORED:
                break
            found += self._named[name][:MAX_SCORED]
        return list(dict.fromkeys(found))

    def _score(
        self,
        path: str,
        weights: Mapping[str, float],
        whole: Mapping[str, float],
        defining: Mapping[str, float],
    ) -> float:
        is_folder = path.endswith("/")
        if is_folder and self._folders[path[:-1]] > MAX_FOLDER_FILES:
            return 0.0
        above, _, name = path.rstrip("/").rpartition("/")
        name = f"{name}/" if is_folder else name
        own = self._words_of_name[name]
        said = sum(weights.get(word, 0.0) for word in own)
        total = sum(max(self._rarity(word), weights.get(word, 0.0)) for word in own)
        around = sum(
            weights[word] for word in self._above(above) if word in weights and word not in own
        )
        evidence = said + FOLDER_WEIGHT * around
        coverage = said / total if total else 0.0
        by_name = evidence / (evidence + HALF_EVIDENCE) * (0.4 + 0.6 * coverage) if said else 0.0
        if name in whole:
            by_name = max(by_name, whole[name] + (1 - whole[name]) * 0.3 * min(1.0, around))
        score = 1.0 - (1.0 - by_name) * (1.0 - defining.get(path, 0.0))
        return score * FOLDER_ITSELF if is_folder else score

    def _folder_words(self, folder: str) -> frozenset[str]:
        if not folder:
            return frozenset()
        above, _, name = folder.rpartition("/")
        return self._above(above).union(self._words_of_name[f"{name}/"])

    def _kind_factor(self, path: str, stems: frozenset[str]) -> float:
        factor = 1.0
        above, _, name = path.rstrip("/").rpartition("/")
        words = self._above(above).union(word_stem(part) for part in words_cut(name))
        for kind, said, lowered in _KINDS:
            if not kind.isdisjoint(words) and said.isdisjoint(stems):
                factor *= lowered
        return factor

    # --- Whole names and definitions ----------------------------------------------------------

    @cached_property
    def _names_by_key(self) -> dict[str, list[str]]:
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for name, words in self._words_of_name.items():
            if len(words) > 1 or (words and len(words[0]) >= MIN_KEY_CHARS):
                by_key["".join(words)].append(name)
        return dict(by_key)

    @cached_property
    def _paths_by_symbol(self) -> dict[str, list[str]]:
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for path, names in self._symbols().items():
            for key in {name.replace("_", "").lower() for name in names}:
                by_key[key].append(path)
        return dict(by_key)

    def _whole_names(self, words: Sequence[str]) -> dict[str, float]:
        """Names of several words that stand in the phrase word by word, with their scores."""
        found: dict[str, float] = {}
        for key in _keys_in([word_stem(word) for word in words]):
            names = self._names_by_key.get(key, ())
            count = sum(len(self._named[name]) for name in names)
            for name in names:
                found[name] = WHOLE_NAME / math.sqrt(count)
        return found

    def _definitions(self, phrase: str, words: Sequence[str]) -> dict[str, float]:
        """Files that define what the phrase names, with their scores."""
        keys = set(_keys_in(words))
        # In the singular too: "rate limiters" are what RateLimiter makes.
        keys |= {word_stem(key) for key in keys}
        # One word is a name only when it is written like code, which plain English is not.
        keys |= {key_of(word) for word in _CODE.findall(phrase) if _is_code(word)}
        found: dict[str, float] = {}
        for key in sorted(keys):
            paths = self._paths_by_symbol.get(key, ())
            for path in paths[:MAX_SCORED]:
                found[path] = max(found.get(path, 0.0), DEFINITION / math.sqrt(len(paths)))
        return found


def _keys_in(words: Sequence[str]) -> Iterator[str]:
    """All that two and more words in a row may name."""
    for start in range(len(words) - 1):
        key = words[start]
        for word in words[start + 1 : start + MAX_NAME_WORDS]:
            key += word
            if len(key) >= MIN_KEY_CHARS:
                yield key


def _is_code(word: str) -> bool:
    return "_" in word.strip("_") or (word[1:] != word[1:].lower() and not word.isupper())


def _same_beginning(word: str, known: str) -> bool:
    """Whether one is the other cut short, or both are forms of one word."""
    short, long = sorted((word, known), key=len)
    if long.startswith(short):
        return True
    shared = len(short)
    while not long.startswith(short[:shared]):
        shared -= 1
    return shared >= 5 and shared >= 0.7 * len(long)


def _standing_out(scores: Mapping[str, float], limit: int) -> list[tuple[str, float]]:
    best = max(scores.values(), default=0.0)
    found = [(path, score) for path, score in scores.items() if score >= best * SHARE_OF_BEST]
    found.sort(key=lambda item: (-item[1], item[0].count("/"), len(item[0]), item[0]))
    return found[:limit]
