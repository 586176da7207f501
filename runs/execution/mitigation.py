"""DOES what hardening decides: the known failures are mitigated before anybody diagnoses them.

A failed step is matched (its real output), an action of the closed list is applied, the step is
run again. Green: fixed. Failed in another way: kept, and the new failure is matched in turn. Failed
as before: undone, and the failure goes on to where it would have gone. Nothing of this exists for
a run without the flag `failure_hardening`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hardening.outcomes import CheckResult, Mitigation, MitigationOutcome
from hardening.services import failure_match, mitigation_record
from hardening.types import ActionKind, Risk
from runs.execution import stages
from runs.execution.asking import PersonNeeded
from runs.execution.environments import EnvironmentFailed
from runs.execution.mitigations import (
    command_actions,
    install_actions,
    machine_actions,
    tree_actions,
)
from runs.execution.mitigations.failures import context_of, failed_command, failed_text
from runs.execution.mitigations.types import NotPossible, Record, Step
from runs.execution.repository.git import GitFailed
from runs.execution.trial import AttemptFailed
from runs.models import Approval
from runs.selectors.doctor import doctor_baseline
from runs.states import ApprovalKind, ApprovalState, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hardening.types import Action, Match
    from runs.execution.bench import BuilderCommand
    from runs.execution.mitigations.types import Applied, FailedStep
    from runs.execution.process import CommandResult
    from runs.execution.trial import Trial
    from runs.execution.validation import Check
    from runs.toolchains.types import Detection

logger = logging.getLogger(__name__)

MOST_MITIGATIONS = 3
# Builders whose commands are the plan's own: an agent that runs tests wants to see them fail.
RECIPES = frozenset({"recipe"})

ACTIONS: dict[ActionKind, Callable[[Step, Mapping[str, str]], Applied]] = {
    ActionKind.INSTALL_PACKAGE: install_actions.install_package,
    ActionKind.INSTALL_FROM_MANIFEST: install_actions.install_from_manifest,
    ActionKind.RUN_IN_FOLDER: command_actions.run_in_folder,
    ActionKind.ADJUST_TEST_COMMAND: command_actions.adjust_test_command,
    ActionKind.SET_EXECUTABLE_BIT: tree_actions.set_executable_bit,
    ActionKind.REVERT_OUT_OF_SCOPE: tree_actions.revert_out_of_scope,
    ActionKind.WAIT_AND_RETRY: machine_actions.wait_and_retry,
    ActionKind.PICK_FREE_PORT: command_actions.pick_free_port,
    ActionKind.REMOVE_GIT_LOCK: machine_actions.remove_git_lock,
    ActionKind.REGENERATE_LOCK_FILE: install_actions.regenerate_lock_file,
    ActionKind.SET_ENVIRONMENT_VARIABLE: command_actions.set_environment_variable,
    ActionKind.PRUNE_CACHES: machine_actions.prune_caches,
    ActionKind.LOWER_PARALLELISM: command_actions.lower_parallelism,
}
# What must hold before people are asked: nobody is to approve what cannot be done.
PRECONDITIONS: dict[ActionKind, Callable[[Step, Mapping[str, str]], object]] = {
    ActionKind.INSTALL_PACKAGE: install_actions.installable,
    ActionKind.ADJUST_TEST_COMMAND: command_actions.argv_for_tests,
}


class Mitigator:
    """The mitigations of one attempt, at most three of them."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.records: list[Record] = []
        self._tried: set[tuple[str, str]] = set()
        self._steps: dict[tuple[str, str], Step] = {}
        self._results: dict[int, CommandResult] = {}
        self._is_open = True
        trial.bench.log_start = 0

    def close(self) -> None:
        """Begin no mitigation any more; those that were applied hold."""
        self._is_open = False

    # --- The steps of an attempt --------------------------------------------------------------

    def check(self, check: Check, label: str) -> CommandResult:
        """Run a check the way its mitigations left it; its first failure is mitigated."""
        key = (check.name, check.cwd)
        step = self._steps.get(key)
        if step is None:
            step = Step(
                self.trial, Stage.VALIDATE, check.name, self._run_check, check.argv, check.cwd,
                dict(check.env),
            )  # fmt: skip
            self._steps[key] = step
        failed = self._run_check(step)
        if failed is not None and label == "check":
            self._heal(step, failed)
        return self._results.pop(id(step))

    def commit(self, given: str) -> str:
        """The candidate: `given`, or what a mitigation made of it."""
        return self.trial.commit or given

    @contextlib.contextmanager
    def at_build(self) -> Iterator[None]:
        """While a builder works: the commands of a recipe are mitigated when they fail."""
        bench = self.trial.bench
        if self.trial.plan.builder.backend in RECIPES:
            bench.heal = self._build_command
        try:
            yield
        finally:
            bench.heal = None

    def installation(
        self, failed: EnvironmentFailed, stage: Stage, give: Callable[[], tuple[Detection, ...]]
    ) -> tuple[Detection, ...]:
        """An environment that could not be prepared. Raises the last failure when it stays so."""
        found: list[tuple[Detection, ...]] = []
        faults = [failed]

        def again(step: Step) -> FailedStep | None:
            del step
            try:
                found.append(give())
            except EnvironmentFailed as fault:
                faults.append(fault)
                return failed_text(fault.output or fault.explanation, fault.explanation)
            return None

        step = Step(self.trial, stage, "the environment", again)
        first = failed_text(failed.output or failed.explanation, failed.explanation)
        if self._heal(step, first) is not None:
            raise faults[-1]
        return found[-1]

    def governance(self, refused: AttemptFailed) -> None:
        """A diff that was refused. Raises the refusal when it stays so."""
        faults = [refused]

        def again(step: Step) -> FailedStep | None:
            del step
            try:
                stages.diff_judge(self.trial)
            except AttemptFailed as fault:
                faults.append(fault)
                return self._refusal(fault)
            return None

        step = Step(self.trial, Stage.GOVERN, "the diff", again)
        if self._heal(step, self._refusal(refused)) is not None:
            raise faults[-1]

    def _refusal(self, fault: AttemptFailed) -> FailedStep:
        verdict = self.trial.verdict
        refused = verdict.files if verdict is not None else ()
        paths = tuple(file.path for file in refused if not file.allowed)
        return failed_text(fault.explanation, fault.explanation, out_of_scope=paths)

    def _build_command(self, failed: BuilderCommand) -> CommandResult:
        bench, argv = self.trial.bench, failed.argv
        last = [failed.result]

        def again(step: Step) -> FailedStep | None:
            last.append(
                bench.command(step.argv, cwd=step.cwd, network=failed.has_network, env=step.env)
            )
            return None if last[-1].ok else failed_command(bench, step.argv, last[-1])

        step = Step(self.trial, Stage.BUILD, " ".join(argv), again, argv, failed.cwd)
        self._heal(step, failed_command(bench, argv, failed.result))
        return last[-1]

    def _run_check(self, step: Step) -> FailedStep | None:
        bench = self.trial.bench
        result = bench.command(
            step.argv, cwd=step.cwd, env=step.env, network=self.trial.plan.limits.network
        )
        self._results[id(step)] = result
        return None if result.ok else failed_command(bench, step.argv, result)

    # --- The loop -----------------------------------------------------------------------------

    def _heal(self, step: Step, failed: FailedStep | None) -> FailedStep | None:
        """The failure that is left, None when the step went green. Raises PersonNeeded."""
        while failed is not None and self._is_open and self._applied < MOST_MITIGATIONS:
            match = self._match(step, failed)
            if match is None:
                break
            failed = self._mitigate(step, failed, match)
        return failed

    @property
    def _applied(self) -> int:
        nothing = (MitigationOutcome.REFUSED, MitigationOutcome.SUGGESTED)
        return sum(record.mitigation.outcome not in nothing for record in self.records)

    def _match(self, step: Step, failed: FailedStep) -> Match | None:
        """The next match of this failure that was not tried; None when the best of those left has
        nothing that could be done."""
        with context_of(step, failed) as context:
            verdict = failure_match(context, project_id=self.trial.session.run.project_id)
        for match in filter(None, (verdict.best, *verdict.alternatives)):
            key = (match.pattern_id, failed.signature)
            if key in self._tried:
                continue
            self._tried.add(key)
            if any(action.risk is not Risk.SUGGEST for action in match.actions):
                return match
            if match.actions:
                self._note(
                    step, failed, match, match.actions[0], outcome=MitigationOutcome.SUGGESTED
                )
            return None
        return None

    def _mitigate(self, step: Step, failed: FailedStep, match: Match) -> FailedStep | None:
        """The first action of a match that can be applied; the failure that is left."""
        for action in match.actions:
            if action.risk is Risk.SUGGEST or action.kind not in ACTIONS:
                continue
            started = time.monotonic()
            try:
                if action.risk is Risk.ASK:
                    if action.kind in PRECONDITIONS:
                        PRECONDITIONS[action.kind](step, action.parameters)
                    if not self._is_approved(step, failed, match, action):
                        continue
                applied = ACTIONS[action.kind](step, action.parameters)
            except (NotPossible, GitFailed, OSError) as problem:
                self._note(
                    step, failed, match, action, outcome=MitigationOutcome.REFUSED,
                    why=str(problem), seconds=time.monotonic() - started,
                )  # fmt: skip
                continue
            return self._prove(step, failed, match, action, applied, started)
        return failed

    def _prove(
        self,
        step: Step,
        failed: FailedStep,
        match: Match,
        action: Action,
        applied: Applied,
        started: float,
    ) -> FailedStep | None:
        """Run the step again; what was applied stays only if that changed something."""
        after: FailedStep | None = failed
        for pause in applied.pauses:
            if pause:
                step.wait(pause)
            self.trial.bench.note(f"--- mitigation: {action.text} ({match.pattern_id})")
            after = step.run(step)
            if after is None or after.signature != failed.signature:
                break
        outcome = MitigationOutcome.FIXED
        if after is not None and after.signature != failed.signature:
            outcome = MitigationOutcome.FAILED_DIFFERENTLY
        elif after is not None:
            outcome = MitigationOutcome.NOT_FIXED
            if applied.undo is not None:
                applied.undo()
                outcome = MitigationOutcome.UNDONE
        self._note(
            step, failed, match, action, outcome=outcome, applied=applied, after=after,
            seconds=time.monotonic() - started,
        )  # fmt: skip
        return after

    def _is_approved(self, step: Step, failed: FailedStep, match: Match, action: Action) -> bool:
        """Whether people allowed exactly this action for this phase; asks those who were not asked
        yet. Raises PersonNeeded."""
        wanted = action_details(match, action, step.name)["action"]
        asked = Approval.objects.filter(
            phase_id=self.trial.phase.pk, kind=ApprovalKind.ACTION.value
        ).order_by("-pk")
        states = [a.state for a in asked if a.details.get("action") == wanted]
        if ApprovalState.APPROVED.value in states[:1]:
            return True
        if not states or states[0] == ApprovalState.PENDING.value:
            self._note(step, failed, match, action, outcome=MitigationOutcome.AWAITING_APPROVAL)
            raise PersonNeeded(
                ApprovalKind.ACTION,
                action.text,
                action_details(match, action, step.name),
                f"{step.name}: {action.text}",
            )
        return False

    # --- What is said of it -------------------------------------------------------------------

    def _note(
        self,
        step: Step,
        failed: FailedStep,
        match: Match,
        action: Action,
        *,
        outcome: MitigationOutcome,
        applied: Applied | None = None,
        after: FailedStep | None = None,
        seconds: float = 0.0,
        why: str = "",
    ) -> None:
        is_fixed = outcome is MitigationOutcome.FIXED
        before = f"{failed.summary}; {applied.before}" if applied else failed.summary
        result = None
        if applied is not None:
            said = after.summary if after is not None else "passed"
            code = after.exit_code if after is not None else 0
            result = CheckResult(code, f"{said}; {applied.after}")
        mitigation = Mitigation(
            match=match,
            action=action,
            check_name=step.name,
            signature=failed.signature,
            outcome=outcome,
            seconds=round(seconds, 3),
            before=CheckResult(failed.exit_code, before),
            after=result,
            baseline=doctor_baseline(self.trial.session.run.pk) if is_fixed else None,
        )
        self.records.append(Record(mitigation, step.stage, str(match.family), why))
        said = f"--- mitigation {outcome.value}: {match.pattern_id}, {action.kind}"
        self.trial.bench.note(f"{said}. {why}".rstrip())

    def events_record(self) -> None:
        """Keep what was done as hardening's events, in transactions of their own. Never raises:
        the attempt has ended, and its report has all of it too."""
        for record in self.records:
            try:
                mitigation_record(
                    record.mitigation,
                    attempt_id=self.trial.attempt.pk,
                    project_id=self.trial.session.run.project_id,
                )
            except Exception:
                logger.exception("A mitigation could not be recorded; the report has it")


def action_details(match: Match, action: Action, step: str) -> dict[str, object]:
    """What an approval of an action keeps: the action itself (its text may change), and why."""
    plain = replace(action, text="").as_json()
    evidence = [each.text for each in match.evidence[:3]]
    return {
        "action": {"kind": plain["kind"], "parameters": plain.get("parameters", {})},
        "text": action.text,
        "pattern": match.pattern_id,
        "step": step,
        "evidence": evidence,
    }
