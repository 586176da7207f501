"""A failed step as hardening wants to see it: its real output and what is known around it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from hardening.project import ProjectListing
from hardening.signatures import failure_signature
from hardening.types import FailureContext, Output
from runs.execution.checks.failing_section import failing_section, normalised_section
from runs.execution.mitigations.declared import declared_lines, declared_names
from runs.execution.mitigations.types import FailedStep
from runs.execution.process import Ending
from runs.execution.processes.command import StartFailure
from runs.execution.session import commit_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runs.execution.bench import Bench
    from runs.execution.mitigations.types import Step
    from runs.execution.process import CommandResult

SIGNATURE_CHARS = 400
COPY_BYTES = 1 << 20
# What the system said when a command could not even be started, as Python puts it: there is no
# output in which it could stand.
_NOT_STARTED = {
    StartFailure.PERMISSION: "PermissionError: [Errno 13] Permission denied: '{0}'",
    StartFailure.NOT_FOUND: "FileNotFoundError: [Errno 2] No such file or directory: '{0}'",
}


def failed_command(bench: Bench, argv: tuple[str, ...], result: CommandResult) -> FailedStep:
    """The failure of a command that ran on `bench` last."""
    text = result.output
    if result.ending is Ending.NOT_STARTED and result.start_failure in _NOT_STARTED:
        said = _NOT_STARTED[result.start_failure].format(argv[0])
        text = f"{text}\nsubprocess: not started\n{said}\n"
    output = Output(head=text)
    if result.omitted_bytes and bench.log_start is not None:
        output = Output(head=result.head, tail=result.tail, path=bench.log_path)
    return FailedStep(
        signature=signature_of(text),
        output=output,
        summary=result.explanation,
        exit_code=result.exit_code,
        timed_out=result.ending in (Ending.TIMED_OUT, Ending.INACTIVE),
        log_start=bench.log_start or 0,
    )


def failed_text(text: str, summary: str, *, out_of_scope: tuple[str, ...] = ()) -> FailedStep:
    """The failure of a step that is no command of the attempt."""
    return FailedStep(
        signature=signature_of(text),
        output=Output(head=text),
        summary=summary,
        exit_code=1,
        out_of_scope=out_of_scope,
    )


def signature_of(text: str) -> str:
    """The same for the same failure. What no line of an error tells apart, the failing section
    does."""
    found = failure_signature(text)
    return found or normalised_section(failing_section(text))[-SIGNATURE_CHARS:]


@contextlib.contextmanager
def context_of(step: Step, failed: FailedStep) -> Iterator[FailureContext]:
    """All that is known of a failure, while the block lasts: a long output is a file as long."""
    trial = step.trial
    session = trial.session
    listing = commit_paths(session.mirror, trial.commit or trial.base)
    declared = declared_names(declared_lines(session.mirror, session.run.base_commit))
    with _whole_output(trial.bench, failed) as output:
        yield FailureContext(
            output=output,
            exit_code=failed.exit_code,
            argv=step.argv,
            cwd=step.cwd,
            toolchains=tuple(dict.fromkeys(d.toolchain for d in trial.detections)),
            project=ProjectListing(listing),
            declared=declared,
            out_of_scope=failed.out_of_scope,
            timed_out=failed.timed_out,
        )


@contextlib.contextmanager
def _whole_output(bench: Bench, failed: FailedStep) -> Iterator[Output]:
    """The output with its part of the attempt's log as a file of its own, if it was cut."""
    if failed.output.path is None:
        yield failed.output
        return
    part = bench.folder / "failed-step.part"
    try:
        _copy(failed.output.path, part, failed.log_start)
        yield Output(failed.output.head, failed.output.tail, path=part)
    finally:
        part.unlink(missing_ok=True)


def _copy(log: Path, part: Path, start: int) -> None:
    with log.open("rb") as source, part.open("wb") as target:
        source.seek(start, os.SEEK_SET)
        while chunk := source.read(COPY_BYTES):
            target.write(chunk)
