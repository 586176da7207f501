"""Words of names and of sentences, cut alike, so that "rate limits" meets `RateLimit.ts`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Underscores part words; letters of every script and digits make them.
_RUNS = re.compile(r"[^\W_]+")
# One class each, so time is linear: a capitalised word, capitals, small letters, digits.
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

MIN_PLURAL_CHARS = 4

# Words of plans that say nothing about where: of grammar, of the work, of code in general, and
# the names that every folder has a file of.
_GRAMMAR = """
    a about above across add added adding after all allow also always an and any are as at avoid
    be been before being between both bug but by call can case change check class clean code
    common correct correctly could create currently define delete depend describe detail
    directory do does done e each either enable ensure ensures etc every everything existing
    extend extract fail feature file final find finish first fix folder follow following for from
    full function g get give given go goal good handle has have helper helpers how i identify if
    implement implementation improve in include index init initial instead integrate into
    introduce is it item its keep last least less let lib like line look main make many may
    method misc missing module more move must name necessary need new next no none not note now
    of off old on once one only optional or other our out over own part per possible prepare
    proper properly provide put read ready reduce refactor remain remove rename replace require
    required requirement return review run s same second section see select set several should
    show similar simple single so some start step stop such support sure t take than that the
    their them then there these they thing third this those through time to together too turn two
    type types under until up update upgrade use used using util utils valid validate verify very
    via want was way we well what when where whether which while who why will with within without
    work working write yet you your
"""
STOP_WORDS = frozenset(_GRAMMAR.split())


def words_cut(text: str) -> list[str]:
    """The words of a name or a sentence in order, lower case, camelCase cut: `HTTPClient2` is
    http, client, 2."""
    found: list[str] = []
    for run in _RUNS.findall(text):
        if run.islower() or run.isupper() or run.isdigit() or not run.isascii():
            found.append(run.lower())
        else:
            found += [hump.lower() for hump in _HUMPS.findall(run)]
    return found


def word_stem(word: str) -> str:
    """The word without a plural's end: `policies` and `policy` are one, as are `tests`, `test`."""
    if len(word) < MIN_PLURAL_CHARS or word[-1] != "s" or word[-2:] in ("ss", "us", "is"):
        return word
    if word.endswith("ies") and len(word) > MIN_PLURAL_CHARS:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


def name_cutter() -> Callable[[str], tuple[str, ...]]:
    """A function that gives the different words of a file's or folder's name, in order, without
    its extension. It remembers parts of names, of which a tree has few, and what stands before
    extensions: files beside each other often differ in these only."""
    known: dict[str, tuple[str, ...]] = {}
    stems: dict[str, tuple[str, ...]] = {}

    def part_words(part: str) -> tuple[str, ...]:
        words = known[part] = tuple(map(word_stem, words_cut(part)))
        return words

    def cut(name: str) -> tuple[str, ...]:
        end = name.find(".", 1)
        stem = name.rstrip("/") if end < 0 else name[:end]
        words = stems.get(stem)
        if words is None:
            words = ()
            for part in stem.replace("-", "_").split("_"):
                words += known.get(part) or part_words(part)
            if len(words) > 1:
                words = tuple(dict.fromkeys(words))
            stems[stem] = words
        return words

    return cut


# What parts the words of names; all else is kept.
PARTING = str.maketrans("", "", " -_./\\()[]{}@+,;:'\"!?#$%&=*~^<>|`")


def key_of(name: str) -> str:
    """The name in lower case without what parts its words: `user-service` and `UserService`
    agree."""
    return name.lower().translate(PARTING)


def keys_of(names: Sequence[str]) -> list[str]:
    """`key_of` of names in lower case. All at once, for a call takes longer than a name."""
    keys = "\n".join(names).translate(PARTING).split("\n")
    return keys if len(keys) == len(names) else [key_of(name) for name in names]
