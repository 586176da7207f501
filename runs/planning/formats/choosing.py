"""Which reader a text gets: by the evidence in it, never by its file name alone."""

from collections.abc import Mapping
from dataclasses import replace

from runs.planning.formats.checklist import boxes, read_checklist, with_boxes
from runs.planning.formats.cleaning import clean
from runs.planning.formats.data import read_data, read_front_tasks
from runs.planning.formats.data_text import DataInvalid, parse_data
from runs.planning.formats.document import Paragraph
from runs.planning.formats.freeform import read_freeform
from runs.planning.formats.front_matter import split_front
from runs.planning.formats.markdown import parse
from runs.planning.formats.org import is_org, org_to_markdown
from runs.planning.formats.outline import Outline, criteria_of
from runs.planning.formats.plan_evidence import refusal
from runs.planning.formats.prose import is_letter, read_prose, sentences
from runs.planning.formats.reading import DraftPhase, DraftTask, Evidence, Reading
from runs.planning.formats.rfc import read_rfc
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import STEPS_TO_REPRODUCE
from runs.planning.formats.taskmaster_text import is_taskmaster_text, read_taskmaster_text
from runs.planning.formats.todo_txt import todo_txt_to_markdown
from runs.planning.formats.verbs import is_imperative, is_promise

_NOTHING = (
    "says nothing that could be done: write what to change as a list of tasks or as "
    "sentences that begin with a verb"
)
MAX_PART_CHARS = 500
_DONE_STATUS = frozenset({"done", "complete", "completed", "closed", "finished"})


def read(text: str, file_name: str = "") -> Reading:
    """The plan in a text as people write it. Never raises; what is no plan has `missing` set."""
    cleaned = clean(text)
    if not cleaned.strip():
        return Reading("empty", missing="is empty: write what is to be done")
    try:
        value = parse_data(cleaned, file_name)
    except DataInvalid as error:
        return Reading(
            "json", missing=f"looks like JSON but cannot be read: {error}; mend it there"
        )
    if value is not None:
        found = read_data(value, cleaned)
        missing = "is data without a list of tasks: give 'tasks' or 'phases' with a title each"
        return found or Reading("json", missing=missing)
    if is_taskmaster_text(cleaned):
        return read_taskmaster_text(cleaned)
    front, body = split_front(todo_txt_to_markdown(cleaned))
    is_org_file = is_org(body, file_name)
    outline = Outline.of(parse(org_to_markdown(body) if is_org_file else body))
    reading = _read_outline(outline, front, file_name)
    is_named = is_org_file and bool(reading.phases)
    # Lines of the front matter were blanked for the parser, but they name paths as well.
    document = (
        replace(outline.document, lines=tuple(cleaned.split("\n"))) if front else outline.document
    )
    return replace(reading, format="org" if is_named else reading.format, document=document)


def _read_outline(outline: Outline, front: Mapping[str, object], file_name: str) -> Reading:
    if reading := read_front_tasks(front):
        return _with_front(
            replace(reading, constraints=(), acceptance_criteria=criteria_of(outline)), front
        )
    has_boxes = boxes(outline.document) > 0
    if has_boxes and (reading := read_checklist(outline)):
        return _with_front(reading, front)
    found = read_freeform(outline, file_name)
    if found and found.evidence is Evidence.GUESSED and is_letter(outline):
        # What a letter asks for stands in its sentences as well as in its lists.
        found = None
    if has_boxes and (reading := with_boxes(outline, found)):
        return _with_front(reading, front)
    title = _title_only(outline, front)
    found = found or (title if front else None) or read_rfc(outline) or read_prose(outline) or title
    if found is None:
        return Reading("text", missing=_NOTHING)
    why_not = refusal(outline, found, front)
    if why_not:
        return Reading(found.format, missing=why_not)
    return _with_front(found, front)


def _with_front(reading: Reading, front: Mapping[str, object]) -> Reading:
    title = str(front.get("title") or front.get("name") or "")
    if not front or not title:
        return reading
    known = "id" in front and "status" in front
    is_done = str(front.get("status", "")).lower() in _DONE_STATUS
    phases = tuple(replace(phase, done=phase.done or is_done) for phase in reading.phases)
    goal = "\n\n".join(part for part in (title, reading.goal) if part)
    return replace(
        reading,
        goal=goal,
        phases=phases,
        format="backlog_md" if known else reading.format,
        evidence=Evidence.KNOWN if known else reading.evidence,
    )


def _title_only(outline: Outline, front: Mapping[str, object]) -> Reading | None:
    """A ticket that consists of a title and a description.

    The title is the task; the entries of lists that say what to do are tasks beside it, and a
    description that says what to do is its part.
    """
    title = str(front.get("title") or outline.title or "")
    is_ticket = "status" in front and "id" in front
    if not title or not (is_imperative(title) or is_promise(title) or is_ticket):
        return None
    open_sections = [
        s
        for s in outline.document.sections
        if outline.role(s) in (Role.GOAL, Role.NEUTRAL, Role.CONTEXT)
        and not STEPS_TO_REPRODUCE.search(s.title)
    ]
    said = [b for s in open_sections for b in s.blocks if isinstance(b, Paragraph)]
    parts = [
        DraftTask(" ".join(b.text.split()), b.line)
        for b in said[:1]
        if len(b.text) <= MAX_PART_CHARS and is_imperative(b.text)
    ]
    others = [
        DraftTask(item.text, item.line)
        for s in open_sections
        for item in s.items
        if is_imperative(item.text)
    ]
    details = tuple(sentence for b in said for sentence in sentences(b.text))
    task = DraftTask(title, 1, children=tuple(parts), details=details)
    spans = ((1, len(outline.document.lines)),)
    phase = DraftPhase(title, 1, (task, *others), spans=spans)
    return Reading(
        "ticket",
        Evidence.GUESSED,
        goal=title,
        phases=(phase,),
        acceptance_criteria=criteria_of(outline),
    )
