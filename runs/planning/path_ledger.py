"""The paths of one plan: each is grounded once, told once, and counted."""

from dataclasses import dataclass, field

from runs.planning.normal_types import DecisionCode, WarningCode
from runs.planning.path_grounding import GroundedPath, Place, ground
from runs.planning.path_index import PathIndex
from runs.planning.path_mentions import Intent, Mention
from runs.planning.plan_notes import Notes

MAX_GUESSED = 500
"""Paths that do not exist for which the nearest ones are looked up: some milliseconds each."""


@dataclass(slots=True)
class PathLedger:
    index: PathIndex
    notes: Notes
    existing: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    _grounded: dict[tuple[str, Intent], GroundedPath] = field(default_factory=dict)

    def enter(
        self, mention: Mention, phase_id: str, *, default: Intent = Intent.UNKNOWN
    ) -> GroundedPath | None:
        """The mention against the tree; None when it lies outside of the repository."""
        intent = mention.intent if mention.intent is not Intent.UNKNOWN else default
        key = (mention.path, intent)
        if key not in self._grounded:
            may_guess = len(self.missing) + len(self.created) < MAX_GUESSED
            self._grounded[key] = ground(mention, self.index, default=default, may_guess=may_guess)
        path = self._grounded[key]
        if path.place is Place.OUTSIDE:
            self._tell_outside(mention, path, phase_id)
            return None
        self._tell(mention, path, phase_id)
        return path

    def _tell_outside(self, mention: Mention, path: GroundedPath, phase_id: str) -> None:
        if mention.path not in self.outside:
            self.outside.add(mention.path)
            self.notes.warn(
                WarningCode.PATH_OUTSIDE,
                "The path is not in the repository, so it is left out; write it relative to the "
                "root if it should be.",
                phase_id,
                path=mention.path[:300],
                line=mention.line,
                suggestions=path.suggestions,
            )

    def _tell(self, mention: Mention, path: GroundedPath, phase_id: str) -> None:
        if path.path in self.existing or path.path in self.created:
            return
        where = {"path": path.path, "line": mention.line}
        if path.exists:
            self.existing.add(path.path)
            self._tell_existing(path, phase_id, where)
        elif mention.intent is Intent.CREATE:
            self.missing.discard(path.path)
            self.created.add(path.path)
            message = "It does not exist yet, and the text says to make it."
            self.notes.decide(DecisionCode.PATH_CREATE, message, phase_id, **where)
        elif path.path not in self.missing:
            self.missing.add(path.path)
            self.notes.warn(
                WarningCode.PATH_NOT_FOUND,
                "The path does not exist in the repository; where the plan may write, it is taken "
                "as one to make.",
                phase_id,
                suggestions=path.suggestions,
                **where,
            )

    def _tell_existing(self, path: GroundedPath, phase_id: str, where: dict[str, object]) -> None:
        if path.score < 1:
            message = f"Written as {path.written[:200]!r}; this is the one path that fits."
            self.notes.decide(
                DecisionCode.PATH_RESOLVED, message, phase_id, score=round(path.score, 3), **where
            )
            return
        is_context = path.place is Place.CONTEXT
        code = DecisionCode.PATH_CONTEXT if is_context else DecisionCode.PATH_MODIFY
        self.notes.decide(code, "The text names it, and it exists.", phase_id, **where)
