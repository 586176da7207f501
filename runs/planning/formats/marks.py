"""Marks in the text of a task: its number, whether it is done, [P], what it depends on."""

import re

_STRUCK = re.compile(r"^~~.{1,2000}~~\W{0,40}$", re.DOTALL)
_DONE_FRONT = re.compile(
    r"^\W{0,4}(?:✅|☑|✔|✓|\[(?:done|x|completed?|fixed)\]|\((?:done|completed?)\)|"
    r"(?:done|completed?|fixed|erledigt|hecho|feito|已完成|完了)\s{0,2}[:：—–-]\s)",
    re.IGNORECASE,
)
_DONE_END = re.compile(
    r"(?:✅|☑|✔️?|✓|[\[(（*_ ](?:done|completed?|finished|implemented|shipped|已完成|"
    r"完成|完了|erledigt|hecho|feito)[!.]?[\])）*_]{1,4})[\s.!*_]{0,6}$"
    r"|(?:[—–-]{1,2}|:)\s{0,2}\**(?:done|complete|completed|DONE)\b[^\w]{0,4}(?:\([^()]{0,60}\))?$",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"^(?:[-*+] )?[*_`]{0,3}(?:status|state|estado|statut|статус|状态|状態|상태)"
    r"[*_ ]{0,4}[:：][\W_]{0,6}"
    r"(?:done|completed?|finished|implemented|shipped|closed|merged|erledigt|abgeschlossen|"
    r"hecho|completad[oa]|terminad[oa]|conclu[íi]d[oa]|termin[ée]e?|готово|выполнено|已完成|完成|"
    r"完了|완료)(?:[\s*_.!✅]{0,6}$|[*_\s]{0,4}[|(（—–,;-])",
    re.IGNORECASE,
)
_NOT_DONE = re.compile(
    r"\b(?:not|in ?complete|partial(?:ly)?|todo|pending)\b|❌|🚧|⏳|🔄|❓|未完成", re.IGNORECASE
)
_DEPENDS = re.compile(
    r"(?:depends(?: on)?|dependencies|blocked by|requires|after|needs|"
    r"depend)\s{0,2}[:：]?\s{0,2}((?:\(?(?:and |& )?(?:task |phase |step )?#?(?:T|US|"
    r"FR)?\d{1,4}[a-z]?(?:\.\d{1,3}){0,3}\)?(?:\s{0,2}[,.;]\s{0,2}|\s{1,2}|$)){1,20})",
    re.IGNORECASE,
)
_ID = re.compile(r"(?:T|US|FR)?\d{1,4}[a-z]?(?:\.\d{1,3}){0,3}", re.IGNORECASE)
_PARALLEL = re.compile(r"\[P\]|\(parallel\)|\[parallel\]", re.IGNORECASE)


def is_marked_done(text: str) -> bool:
    """Whether the text itself says that the work is finished."""
    text = text.strip()[-300:] if len(text) > 2000 else text.strip()
    if _NOT_DONE.search(text):
        return False
    return bool(_STRUCK.match(text) or _DONE_FRONT.match(text) or _DONE_END.search(text))


def is_status_done(line: str) -> bool:
    """Whether a line is a field that says so: "**Status**: Complete"."""
    return (":" in line or "：" in line) and bool(_STATUS.match(line[:200]))


def is_parallel(text: str) -> bool:
    return bool(_PARALLEL.search(text[:200]))


def dependencies(text: str) -> tuple[str, ...]:
    """Numbers that a text says it comes after: "(depends on T001, T002)", "Dependencies: 1.2"."""
    found: dict[str, None] = {}
    for match in _DEPENDS.finditer(text[:4000]):
        found.update(dict.fromkeys(_ID.findall(match[1])))
    return tuple(found)
