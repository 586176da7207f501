"""List items as tasks, and lists that are no tasks: fields, labels, questions."""

import re
from collections.abc import Sequence

from runs.planning.formats.document import Item
from runs.planning.formats.marks import is_marked_done
from runs.planning.formats.outline import label_of, role_of_item, task_of
from runs.planning.formats.reading import DraftTask
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import PHASE
from runs.planning.formats.verbs import is_imperative

_FIELDS = re.compile(
    r"^(?:status|state|date|created|updated|author|owner|assignee|priority|labels?|"
    r"effort|estimat\w*|time|duration|points|complexity|risk|impact|dependenc\w+|"
    r"depends on|"
    r"blocked by|files?|file|location|path|paths|modify|create|test|tests?|commands?|"
    r"run|note|notes|goal|purpose|why|reason|rationale|expected|result|output|input|"
    r"reviewer|version|type|epic|"
    r"sprint|deadline|due|links?|references?|see|example|pros?|cons?|trade-?offs?|"
    r"problem|severity|root cause|current|symptoms?|background|branch|commit)$",
    re.IGNORECASE,
)
_FILE_MARK = re.compile(
    r"^\W{0,4}(?:NEW|MODIFY|MODIFIED|DELETE|CREATE|UPDATE|REMOVE|RENAME|EDIT|"
    r"ADD)\W{1,3}\s{0,3}\W{0,3}(?:[\w.-]{1,80}/|[\w-]{1,80}\.\w{1,8}\b)|"
    r"^\W{0,3}[\w.@-]{1,60}(?:/[\w.@-]{1,80}){1,12}\W{0,3}$|"
    r"^\W{0,3}[\w-]{1,60}\.\w{1,6}\W{0,3}$",
    re.IGNORECASE,
)
_PLEDGE = re.compile(
    r"(?:yes,? )?(?:i(?:'ve|’ve|'m|’m|'d|’d)|i (?:have|am|agree|understand|confirm|searched|read|"
    r"checked|acknowledge|verified|can|would|will|want|checked)|(?:this|it) is not a)\b",
    re.IGNORECASE,
)
_OTHER_ROLES = frozenset(
    {Role.ACCEPTANCE, Role.NON_GOALS, Role.CONSTRAINTS, Role.FILES, Role.VALIDATION}
)


_BOLD_LABEL = re.compile(
    r"(?:\*\*|__)[^*_]{1,80}(?:\*\*|__)\s?[:：]?|(?:\*\*|__)[^*_]{1,80}[:：](?:\*\*|__)"
)


def item_tasks(items: Sequence[Item], *, questions: bool = False) -> list[DraftTask]:
    """A task an item of the outermost level; fields and labels of other things are none.

    With `questions`, entries that end in a question mark are tasks as well.
    """
    found: list[DraftTask] = []
    for item in items:
        if not item.text or role_of_item(item) in _OTHER_ROLES or is_pledge(item):
            continue
        if item.text.rstrip().endswith(("?", "？")) and not questions:
            continue
        label, rest = label_of(item.text)
        if label and rest and _FIELDS.match(label.strip("*_` ")):
            continue
        if _is_bare_label(item):
            found.extend(item_tasks(item.children))
            continue
        # What only names a part of the system has its work below it.
        has_parts = PHASE.search(item.text[:40]) or (
            has_work(item.children, least=1) and not is_imperative(item.text)
        )
        found.append(task_of(item, _is_part if has_parts else _never))
    return found


def is_pledge(item: Item) -> bool:
    """What a form for issues wants confirmed ("I have searched the existing issues")."""
    return item.checked is not None and bool(_PLEDGE.match(item.text))


def _is_bare_label(item: Item) -> bool:
    """ "**At completion**:" names a group of tasks and is none itself."""
    bare = item.text.strip().strip("*_ ")
    is_label = _BOLD_LABEL.fullmatch(item.text.strip()) and len(bare.split()) <= 6
    return bool(item.children and is_label and not is_imperative(bare))


def has_work(items: Sequence[Item], least: int = 2) -> bool:
    """Whether a list of at least so many entries mostly says what to do."""
    texts = [item.text for item in items if item.text]
    working = sum(is_imperative(text) and not is_marked_done(text) for text in texts)
    return len(texts) >= least and working * 2 > len(texts)


def marks_file(title: str) -> bool:
    """Whether a heading names a file to be changed ("[MODIFY] src/x.py") and no task."""
    return bool(_FILE_MARK.match(title[:300]))


def _never(item: Item) -> bool:
    return False


def _is_part(item: Item) -> bool:
    return bool(item.text)
