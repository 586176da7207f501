"""How sure the normalizer is, as a sum of reasons that can be shown one by one."""

from collections.abc import Sequence

from runs.planning.formats.reading import Evidence
from runs.planning.normal_types import Reason, ReasonCode

BASE = 0.45
_FORMAT = {
    Evidence.KNOWN: (ReasonCode.FORMAT_KNOWN, 0.3, "has the marks of a format that a tool writes"),
    Evidence.LISTED: (
        ReasonCode.FORMAT_KNOWN,
        0.22,
        "lists its work under headings or check boxes",
    ),
    Evidence.GUESSED: (ReasonCode.FORMAT_GUESSED, 0.08, "was read by the sense of its sentences"),
}


def confidence_of(reasons: Sequence[Reason]) -> float:
    """From 0 to 1, two decimals."""
    return round(min(1.0, max(0.0, BASE + sum(reason.effect for reason in reasons))), 2)


def format_reason(evidence: Evidence, name: str) -> Reason:
    code, effect, text = _FORMAT[evidence]
    return Reason(code, f"The text ({name}) {text}.", effect)


def task_reason(total: int, still_open: int) -> Reason:
    if not still_open:
        return Reason(ReasonCode.ALL_DONE, "Every task is marked as done: nothing is left.", -0.3)
    if total < 3:
        return Reason(ReasonCode.FEW_TASKS, f"Only {total} task(s) were found.", -0.05)
    return Reason(
        ReasonCode.TASKS_FOUND, f"{total} tasks were found, {still_open} of them open.", 0.1
    )


def path_reasons(existing: int, created: int, missing: int, inferred: int) -> list[Reason]:
    """`created`: to be made, as the text says; `missing`: not there, and not said to be new."""
    named = existing + created + missing
    if not named:
        if inferred:
            message = f"No path is named; {inferred} were inferred from the words of the tasks."
            return [Reason(ReasonCode.PATHS_INFERRED, message, -0.05)]
        return [Reason(ReasonCode.NO_PATHS, "No path is named and none could be inferred.", -0.1)]
    found = []
    known = (existing + created) / named
    if existing + created:
        message = f"{existing} of {named} named paths exist, {created} are to be made."
        found.append(Reason(ReasonCode.PATHS_FOUND, message, round(0.12 * known, 3)))
    if missing:
        message = f"{missing} of {named} named paths do not exist and are not said to be new."
        found.append(Reason(ReasonCode.PATHS_MISSING, message, round(-0.2 * missing / named, 3)))
    return found


def command_reason(from_text: int, detected: int) -> Reason:
    if from_text:
        return Reason(ReasonCode.COMMANDS_FOUND, f"The text names {from_text} check(s).", 0.08)
    if detected:
        message = "No check is named; the tests of the toolchain in the repository are used."
        return Reason(ReasonCode.COMMANDS_DETECTED, message, 0.04)
    return Reason(ReasonCode.NO_COMMANDS, "No check is named and no toolchain was found.", -0.1)
