"""Whatever people write becomes a structured plan: without a model, the same every time.

The readers in `formats` say what the text says; here it is checked against the repository's tree,
sized, and put into the shape of `schema`. Pure: no ORM, no processes, no file system.
"""

from collections.abc import Sequence

from runs.planning.confidence import (
    command_reason,
    confidence_of,
    format_reason,
    path_reasons,
    task_reason,
)
from runs.planning.formats.choosing import read
from runs.planning.formats.cleaning import MAX_TEXT_CHARS
from runs.planning.formats.reading import DraftPhase, Reading
from runs.planning.normal_types import (
    CONFIRMATION_BELOW,
    Decision,
    DecisionCode,
    NormalizedPlan,
    PlanWarning,
    Reason,
    ReasonCode,
    WarningCode,
)
from runs.planning.path_forms import PathForms
from runs.planning.path_index import PathIndex
from runs.planning.path_ledger import PathLedger
from runs.planning.path_mentions import MentionFinder
from runs.planning.phase_splitting import MAX_PLAN_TASKS, count_tasks, is_done, split_phases
from runs.planning.plan_build import build_plan
from runs.planning.plan_drafting import Drafting
from runs.planning.plan_findings import Findings, findings_of
from runs.planning.plan_notes import Notes
from runs.planning.schema import PlanInvalid, StepKind, StructuredPlan, plan_parse
from runs.toolchains.types import Detection


def normalize(
    text: str, *, index: PathIndex, toolchains: Sequence[Detection] = (), file_name: str = ""
) -> NormalizedPlan:
    """The structured plan in `text`, or why there is none. Never raises; near-linear in the text.

    `index`: the files of the repository. `toolchains`: what was detected in it, for the checks of a
    text that names none. `file_name` helps to tell formats apart and may be empty.
    """
    if len(text) > MAX_TEXT_CHARS:
        message = f"The text is longer than {MAX_TEXT_CHARS:,} characters; split the plan."
        return _refused("text", message, WarningCode.TOO_LARGE)
    reading = read(text, file_name)
    if reading.structured is not None:
        return _structured(reading.structured)
    if reading.missing or not reading.phases:
        return _refused(
            reading.format, f"The text is no plan: it {reading.missing}.", WarningCode.NOT_A_PLAN
        )
    total = sum(count_tasks(phase.tasks) for phase in reading.phases)
    if total > MAX_PLAN_TASKS:
        message = (
            f"The text has {total:,} tasks, more than the {MAX_PLAN_TASKS:,} of one plan; split it."
        )
        return _refused(reading.format, message, WarningCode.TOO_LARGE)
    return _normalized(reading, index, toolchains)


def _normalized(
    reading: Reading, index: PathIndex, toolchains: Sequence[Detection]
) -> NormalizedPlan:
    notes = Notes()
    message = f"Read as {reading.format}, with {len(reading.phases)} group(s) of tasks."
    notes.decide(DecisionCode.READER, message)
    phases = _sized(reading.phases, notes)
    finder = MentionFinder(PathForms(index))
    findings = findings_of(reading, finder)
    ledger = PathLedger(index, notes)
    drafting = Drafting(reading, phases, findings, finder, ledger, notes, toolchains)
    document = drafting.document()
    _warn_of_commands(findings, notes)
    for question, line in reading.questions:
        notes.warn(WarningCode.OPEN_QUESTION, question[:500], line=line)
    # Everything in it is in the schema's bounds by how it was made (the tests hold that with
    # plan_parse), and checking it again would take as long as reading the text did.
    plan = build_plan(document)
    reasons = _reasons(reading, drafting)
    confidence = confidence_of(reasons)
    return NormalizedPlan(
        ok=True,
        error="",
        format=reading.format,
        confidence=confidence,
        confidence_reasons=tuple(reasons),
        warnings=tuple(notes.warnings),
        requires_confirmation=confidence < CONFIRMATION_BELOW or notes.needs_confirmation,
        decisions=tuple(notes.decisions),
        structured_plan=plan,
    )


def _sized(phases: tuple[DraftPhase, ...], notes: Notes) -> tuple[DraftPhase, ...]:
    sized = split_phases(phases)
    if len(sized) > len(phases):
        message = f"Phases with very many tasks were split: {len(phases)} became {len(sized)}."
        notes.warn(WarningCode.PHASE_SPLIT, message)
    elif len(sized) < len(phases):
        message = (
            f"{len(phases)} groups are more than a plan may have; neighbours were put together."
        )
        notes.warn(WarningCode.PHASES_MERGED, message)
    return sized


def _reasons(reading: Reading, drafting: Drafting) -> list[Reason]:
    ledger = drafting.ledger
    tasks = [task for phase in drafting.phases for task in phase.tasks]
    return [
        format_reason(reading.evidence, reading.format),
        task_reason(count_tasks(tasks), sum(not is_done(task) for task in tasks)),
        *path_reasons(
            len(ledger.existing), len(ledger.created), len(ledger.missing), drafting.inferred
        ),
        command_reason(drafting.checks, drafting.detected),
    ]


def _warn_of_commands(findings: Findings, notes: Notes) -> None:
    for fence in findings.shell_fences:
        first = fence.content.strip().split("\n", 1)[0][:120]
        message = f"Commands in a block ({first!r}...) are not run by themselves; confirm them."
        notes.warn(WarningCode.COMMAND_BLOCK, message, line=fence.line, needs_confirmation=True)


def _structured(document: dict[str, object]) -> NormalizedPlan:
    """A plan that is structured already: taken as it is, or refused with its faults."""
    try:
        plan = plan_parse(document)
    except PlanInvalid as error:
        return _refused(
            "structured_plan", f"The structured plan has faults: {error}", WarningCode.NOT_A_PLAN
        )
    warnings = _run_steps(plan)
    reason = Reason(ReasonCode.FORMAT_KNOWN, "The text is a structured plan already.", 0.55)
    return NormalizedPlan(
        ok=True,
        error="",
        format="structured_plan",
        confidence=1.0,
        confidence_reasons=(reason,),
        warnings=warnings,
        requires_confirmation=bool(warnings),
        decisions=(
            Decision(DecisionCode.READER, "Read as a structured plan; nothing was changed."),
        ),
        structured_plan=plan,
    )


def _run_steps(plan: StructuredPlan) -> tuple[PlanWarning, ...]:
    return tuple(
        PlanWarning(
            WarningCode.COMMAND_BLOCK,
            f"The phase runs {' '.join(step.argv)[:200]!r}.",
            phase_id=phase.id,
            needs_confirmation=True,
        )
        for phase in plan.phases
        for step in phase.builder.steps
        if step.kind is StepKind.RUN
    )


def _refused(kind: str, error: str, code: WarningCode) -> NormalizedPlan:
    return NormalizedPlan(
        ok=False,
        error=error,
        format=kind,
        confidence=0.0,
        confidence_reasons=(Reason(ReasonCode.NOT_A_PLAN, error[:2000]),),
        warnings=(PlanWarning(code, error[:2000]),),
        requires_confirmation=True,
        decisions=(),
        structured_plan=None,
    )
