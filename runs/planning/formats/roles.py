"""What a heading says its section is for. Words of many languages, looked up in the title alone."""

import re
from functools import lru_cache

from runs.planning.formats.document import Document, Section
from runs.planning.formats.role_words import WORDS, Role
from runs.planning.formats.verbs import is_imperative

_PATTERNS = tuple((role, re.compile(words, re.IGNORECASE)) for role, words in WORDS)

_MARKS = re.compile(r"[*_`#\[\](){}<>|\"“”]|[^\w\s.,:;/'’&+-]")
_LEADING = re.compile(r"^[\s\d.:)–—-]+")

STEPS_TO_REPRODUCE = re.compile(
    r"\b(?:steps?|how|instructions) to (?:reproduce|replicate)\b|\brepro(?:duction)?\b|"
    r"\bpasos para reproducir\b|复现|再現|재현",
    re.IGNORECASE,
)
MAX_NAME_WORDS = 3
"""A longer heading that begins with a verb says what to do."""
_MATTERS = frozenset({Role.CONTEXT, Role.REFERENCE})
_FIELD = re.compile(
    r"(?:priority|status|severity|estimate|effort|component|type|owner|date|"
    r"version)\s{0,2}:\s{0,3}\S",
    re.I,
)
_CHANGE_KINDS = re.compile(
    r"\b(?:user|system|breaking|behaviou?r|schema|api|database|current|recent) changes?\b", re.I
)

PHASE = re.compile(
    r"(?:^|\b)(?:final\s+|initial\s+)?(?:phase|milestone|sprint|stage|iteration|wave|"
    r"epic|week|day|month|quarter|batch|round|workstream|track|slice|increment|part|"
    r"chunk|"
    r"fase|etapa|étape|schritt|этап|faza|aşama|fáze|block|tier|"
    r"m)\s{0,2}[#:.-]?\s{0,2}(?:\d{1,3}(?:\.\d{1,2})?[a-z]?|[ivx]{1,4}|[a-h])\b"
    r"|\b(?:final|first|last|initial|polish)\s+phase\b"
    r"|(?:阶段|階段|步骤|フェーズ|ステップ|단계|"
    r"里程碑)\s{0,2}[\d一二三四五六七八九十]{1,3}|"
    r"第\s{0,1}[\d一二三四五六七八九十]{1,3}\s{0,1}[阶階段步章期]|\d\s{0,1}(?:단계|阶段)",
    re.IGNORECASE,
)
UNIT = re.compile(
    r"^\W{0,3}(?:task|step|story|item|change|fix|issue|ticket|todo|action|pr|commit|"
    r"feature|bug|user story|tarea|paso|tarefa|passo|tâche|aufgabe|задача|шаг|任务|"
    r"タスク|작업|t|us|feat|story)[\s#:-]{0,3}\d{1,4}(?:\.\d{1,3})?[a-z]?\b",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"^\s*(?:\d{1,3}(?:\.\d{1,3}){0,3}|[A-Z])[.):]?\s+\S")


@lru_cache(maxsize=4096)
def role_of_title(title: str) -> Role:
    """The role that a heading names; NEUTRAL when it is about some matter of its own."""
    text = plain_title(title)[:200]
    if _FIELD.match(text):
        return Role.NEUTRAL
    if STEPS_TO_REPRODUCE.search(text):
        return Role.CONTEXT
    if PHASE.search(text[:40]) or UNIT.match(title[:60]):
        return Role.WORK
    words = len(text.split())
    is_told = words > MAX_NAME_WORDS and is_imperative(text)
    for role, pattern in _PATTERNS:
        match = pattern.search(text)
        # A word in a long heading of some matter ("Fix the requirements parser") is not its role.
        if match and (words <= 5 or match.start() == 0 or match.end() == len(text)):
            if role is Role.WORK and _CHANGE_KINDS.search(text):
                continue
            # "Split storage out of the API" is work on the API and not about it.
            if role in _MATTERS and is_told and match.start() > 0:
                continue
            return role
    return Role.NEUTRAL


def plain_title(title: str) -> str:
    """The words of a heading, without numbers in front, marks and emoji."""
    return " ".join(_LEADING.sub("", _MARKS.sub(" ", title).strip()).split())


def roles(document: Document) -> tuple[Role, ...]:
    """The role of each section; one that says nothing of itself has that of the one above."""
    found: list[Role] = []
    for section in document.sections:
        own = role_of_title(section.title) if section.index else Role.NEUTRAL
        above = found[section.parents[-1]] if section.parents else Role.NEUTRAL
        if (
            section.parents
            and document.sections[section.parents[-1]].level <= 1
            and above in _TITLES
        ):
            # The title of a document says what it is, not what each part of it is.
            above = Role.NEUTRAL
        found.append(_inherited(own, above, section))
    return tuple(found)


_PARTS = re.compile(
    r"\b(?:api|security|performance|data model|environment|logs?|design|architecture|"
    r"metrics|versions?|status|examples?|options?|configuration)\b",
    re.IGNORECASE,
)
_FEATURES = re.compile(
    r"[\s\d.:)]{0,10}(?:[\w-]{1,20} ){0,2}(?:statistics|schedules?|scheduling|history|timeline|"
    r"results?|resources|notes|reports?|search results|ideas|support|contacts?)\s{0,3}",
    re.IGNORECASE,
)
_TITLES = frozenset({Role.WORK, Role.WISH, Role.GOAL, Role.CONTEXT, Role.VALIDATION, Role.FILES})

# Below these, no word of a heading makes work of what is there.
_CLOSED = frozenset(
    {
        Role.NON_GOALS,
        Role.ACCEPTANCE,
        Role.CONSTRAINTS,
        Role.REPORT,
        Role.DONE,
        Role.ORDER,
        Role.IDEAS,
    }
)


def _inherited(own: Role, above: Role, section: Section) -> Role:
    if own is Role.NEUTRAL:
        return Role.NEUTRAL if section.level <= 1 else above
    if above is Role.WORK and (
        own is Role.REFERENCE or (own is Role.CONTEXT and _PARTS.search(section.title))
    ):
        # "API" and "Configuration" below a plan are parts of the work, not a manual.
        return above
    if above is Role.WISH and (_PARTS.search(section.title) or _FEATURES.fullmatch(section.title)):
        # So are "Statistics" and "History" among the features of a product.
        return above
    if above in _CLOSED and own in (
        Role.WORK,
        Role.WISH,
        Role.GOAL,
        Role.CONTEXT,
        Role.VALIDATION,
        Role.FILES,
    ):
        return above
    return own
