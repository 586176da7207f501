"""Requests for comments: what their design states is work."""

import re

from runs.planning.formats.document import Paragraph, Section
from runs.planning.formats.outline import Outline, criteria_of, goal_of, texts_with
from runs.planning.formats.phase_groups import phases_of
from runs.planning.formats.prose import sentences
from runs.planning.formats.reading import DraftTask, Evidence, Reading
from runs.planning.formats.role_words import Role

_PARTS = re.compile(
    r"^\W{0,6}(?:\d{1,2}\W{1,3})?(?:summary|motivation|detailed design|design(?: "
    r"detail)?s?|drawbacks|alternatives(?: considered)?|unresolved questions|open "
    r"questions|adoption strategy|prior art|proposal|rationale|"
    r"guide-level explanation|reference-level explanation|future possibilities|"
    r"backwards compatibility|how we teach this|specification|proposed (?:design|"
    r"solution|change|implementation))\W{0,4}$",
    re.IGNORECASE,
)
_DESIGN = re.compile(
    r"\b(?:detailed design|design|proposal|specification|reference-level|proposed|"
    r"implementation)\b",
    re.IGNORECASE,
)
_SUMMARY = re.compile(r"\b(?:summary|abstract|guide-level)\b", re.IGNORECASE)
MIN_PARTS = 3
MAX_TASKS = 20


def is_rfc(outline: Outline) -> bool:
    return sum(bool(_PARTS.match(s.title)) for s in outline.document.sections) >= MIN_PARTS


def read_rfc(outline: Outline) -> Reading | None:
    """The statements of the design as tasks; None when the text has not the parts of a proposal."""
    if not is_rfc(outline):
        return None
    sections = outline.document.sections
    for pattern in (_DESIGN, _SUMMARY):
        heads = {s.index for s in sections if pattern.search(s.title)}
        grouped = [
            (s, _statements(s)) for s in sections if heads.intersection((s.index, *s.parents))
        ]
        grouped = [(s, tasks) for s, tasks in grouped if tasks]
        if grouped:
            return Reading(
                format="rfc",
                evidence=Evidence.GUESSED,
                goal=goal_of(outline),
                phases=phases_of(outline, grouped[:MAX_TASKS], any_heading=False),
                acceptance_criteria=criteria_of(outline),
                non_goals=tuple(t for _, t in texts_with(outline, Role.NON_GOALS)),
                constraints=tuple(t for _, t in texts_with(outline, Role.CONSTRAINTS)),
            )
    return None


def _statements(section: Section) -> list[DraftTask]:
    """The first sentence of the section, and the entries of its lists."""
    found: list[DraftTask] = []
    for block in section.blocks:
        if isinstance(block, Paragraph) and not found:
            found.extend(DraftTask(sentence, block.line) for sentence in sentences(block.text)[:1])
    found.extend(DraftTask(item.text, item.line) for item in section.items if item.text)
    return found
