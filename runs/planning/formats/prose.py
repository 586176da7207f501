"""Plain prose: sentences that say what to do, promise it or ask for it, in an e-mail too."""

import re

from runs.planning.formats.document import ItemList, Paragraph, Section
from runs.planning.formats.outline import Outline, criteria_of, goal_of, texts_with
from runs.planning.formats.phase_groups import phases_of
from runs.planning.formats.reading import DraftTask, Evidence, Reading
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import STEPS_TO_REPRODUCE
from runs.planning.formats.verbs import is_imperative, is_promise, is_request

_SENTENCE = re.compile(r"(?<=[.!?。！？])[\"')\]]{0,2}(?:\s+|(?<=[。！？]))(?=\S)")
_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|thanks|thank you|cheers|best|regards|kind regards|sincerely|"
    r"hallo|hola|bonjour|salut|ciao|olá|liebe|sehr geehrte|gruß|grüße|viele grüße|"
    r"saludos|привет|здравствуйте|спасибо)\b",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"^(?:from|to|cc|bcc|date|sent|subject|reply-to|betreff|von|an|asunto|de|para)\s?:",
    re.IGNORECASE,
)
MAX_GREETING = 60
OPENING = 24
"""Characters in which a sentence that asks for something begins to do so."""
MIN_BYTES = 12
"""Of a sentence that says something; scripts in which few signs say much take more bytes each."""
_PLACEHOLDER = re.compile(
    r"\W{0,4}(?:a clear and concise description|add any other (?:context|information)|"
    r"if applicable, add|_?no response_?|\(?ex\. i'm always frustrated|"
    r"describe (?:here|your)|please describe)",
    re.IGNORECASE,
)
_DEMANDS = re.compile(
    r"(?:the|each|every|all|both|users?|admins?) (?:[\w-]{1,30} ){0,3}(?:should|must) ",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"\W{0,4}(?:see|note|refer to|look at|consider|(?:please )?(?:let me know|feel free|find "
    r"attached|see attached|advise)|don['’]?t hesitate|have a (?:great|nice|good))\b",
    re.IGNORECASE,
)
_SKIP = frozenset(
    {
        Role.NON_GOALS,
        Role.ACCEPTANCE,
        Role.CONSTRAINTS,
        Role.REPORT,
        Role.REFERENCE,
        Role.DONE,
        Role.IDEAS,
    }
)


def read_prose(outline: Outline) -> Reading | None:
    """None when no sentence of the text says what is to be done."""
    grouped = [
        (section, _section_tasks(section))
        for section in outline.document.sections
        if outline.role(section) not in _SKIP and not STEPS_TO_REPRODUCE.search(section.title)
    ]
    grouped = [(section, tasks) for section, tasks in grouped if tasks]
    if not grouped:
        return None
    is_outline = len(grouped) > 2 and all(outline.role(s) is Role.NEUTRAL for s, _ in grouped)
    phases = phases_of(outline, grouped, any_heading=is_outline)
    return Reading(
        format="prose",
        evidence=Evidence.GUESSED,
        goal=goal_of(outline),
        phases=phases,
        acceptance_criteria=criteria_of(outline),
        non_goals=tuple(t for _, t in texts_with(outline, Role.NON_GOALS)),
        constraints=tuple(t for _, t in texts_with(outline, Role.CONSTRAINTS)),
    )


def sentences(text: str) -> list[str]:
    return [part for part in (" ".join(p.split()) for p in _SENTENCE.split(text)) if part]


def is_placeholder(text: str) -> bool:
    """What a form for issues says where nobody has written anything."""
    return bool(_PLACEHOLDER.match(text))


def is_letter(outline: Outline) -> bool:
    """Whether a text begins like an e-mail."""
    first = next((line for line in outline.document.lines if line.strip()), "").strip()
    return bool(_HEADER.match(first) or (_GREETING.match(first) and len(first) < MAX_GREETING))


def _section_tasks(section: Section) -> list[DraftTask]:
    tasks: list[DraftTask] = []
    for block in section.blocks:
        if isinstance(block, Paragraph):
            tasks.extend(_paragraph(block))
        elif isinstance(block, ItemList):
            told = [
                item for item in block.items if is_imperative(item.text) or is_promise(item.text)
            ]
            # Where most entries are work, the others are as well.
            chosen = block.items if len(told) * 2 >= len(block.items) else told
            tasks.extend(DraftTask(i.text, i.line, number=i.number) for i in chosen if i.text)
    return tasks


def _paragraph(block: Paragraph) -> list[DraftTask]:
    """The sentences that say what to do. After one, those that only comment on it are none."""
    if _HEADER.match(block.text) or (
        _GREETING.match(block.text) and len(block.text) < MAX_GREETING
    ):
        return []
    found: list[DraftTask] = []
    lines = [line.strip() for line in block.text.split("\n") if line.strip()]
    told_lines = sum(map(is_imperative, lines))
    is_even = len({line[:1].isupper() for line in lines}) == 1
    if told_lines > 1 and is_even and told_lines * 4 >= len(lines) * 3:
        # A list without bullets; in wrapped prose few lines begin with a verb.
        return [
            DraftTask(line, block.line + number)
            for number, line in enumerate(lines)
            if is_imperative(line)
        ]
    for sentence in sentences(block.text):
        told = is_imperative(sentence) and not _REFERS.match(sentence)
        asks = is_request(sentence[:OPENING]) or _DEMANDS.match(sentence)
        comments = found and is_imperative(found[-1].text) and not asks
        wanted = told or (is_promise(sentence) and not comments)
        if (
            len(sentence.encode()) >= MIN_BYTES
            and wanted
            and not is_placeholder(sentence)
            and not (sentence.endswith("?") and not is_promise(sentence))
        ):
            found.append(DraftTask(sentence, block.line))
    return found
