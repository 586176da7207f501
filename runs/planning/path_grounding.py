"""Mentions of paths against the repository's tree: what is changed, made, read, or not there."""

from dataclasses import dataclass
from enum import StrEnum

from runs.planning.path_forms import is_outside
from runs.planning.path_index import PathIndex
from runs.planning.path_mentions import Intent, Mention
from runs.planning.plan_paths import path_fault

SURE_SCORE = 0.9
"""From this score on the index has one answer only, which is then taken."""


class Place(StrEnum):
    MODIFY = "modify"
    CREATE = "create"
    CONTEXT = "context"
    OUTSIDE = "outside"
    """Not in the repository: a home, a folder of the system. Never in a plan."""


@dataclass(frozen=True, slots=True)
class GroundedPath:
    """`path` is what the plan names (valid by `path_fault`), `written` what the author wrote."""

    path: str
    written: str
    line: int
    place: Place
    exists: bool
    score: float = 1.0
    suggestions: tuple[str, ...] = ()


def ground(
    mention: Mention,
    index: PathIndex,
    *,
    default: Intent = Intent.UNKNOWN,
    may_guess: bool = True,
) -> GroundedPath:
    """Where a mention belongs. `default`: what is meant when the words around it say nothing.

    `may_guess` False: paths that do not exist are not looked for elsewhere.
    """
    intent = mention.intent if mention.intent is not Intent.UNKNOWN else default
    path = _plain(mention.path)
    # What the index has is without fault: it leaves out all else.
    if path and (index.has_file(path) or index.has_folder(path)):
        place = Place.CONTEXT if intent is Intent.READ else Place.MODIFY
        return GroundedPath(path, mention.path, mention.line, place, exists=True)
    guesses = index.nearest(path) if may_guess and path and "*" not in path else ()
    best = guesses[0] if guesses else None
    if best and best.score >= SURE_SCORE and not (intent is Intent.CREATE and "/" in path):
        place = Place.CONTEXT if intent is Intent.READ else Place.MODIFY
        return GroundedPath(
            best.path, mention.path, mention.line, place, exists=True, score=best.score
        )
    suggestions = tuple(guess.path for guess in guesses)
    climbs = mention.path.startswith("..")
    if not path or path_fault(path) or climbs or is_outside(mention.path):
        return GroundedPath(
            path, mention.path, mention.line, Place.OUTSIDE, exists=False, suggestions=suggestions
        )
    place = Place.CONTEXT if intent is Intent.READ else Place.CREATE
    return GroundedPath(
        path, mention.path, mention.line, place, exists=False, suggestions=suggestions
    )


def _plain(path: str) -> str:
    """Relative to the root: without `file://`, `./`, `/` in front; `../` counts from somewhere."""
    path = path.strip().removeprefix("file://").replace("\\", "/")
    while path.startswith(("./", "../", "/")):
        path = path.removeprefix("./").removeprefix("../").removeprefix("/")
    while "//" in path:
        path = path.replace("//", "/")
    parts = [part for part in path.split("/") if part not in (".",)]
    return "/".join(parts) if ".." not in parts else ""
