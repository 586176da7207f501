"""Runs that fail for real: once with failure hardening, once without."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from runs.agents.types import Diagnosis, NullDoctor
from runs.models import Attempt
from runs.states import RunState
from tests.runs.execution.driving import drive

if TYPE_CHECKING:
    from pathlib import Path

    from runs.models import Run
    from runs.types import AttemptReport
    from tests.conftest import MakeRun

ONCE = {"max_attempts": 1}


@dataclass
class Watch:
    """What the Doctor's seam was asked: it goes on to the null one as ever."""

    asked: list[str] = field(default_factory=list)


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    really = NullDoctor.diagnose

    def diagnose(self: NullDoctor, request: Any, section: str, bench: Any) -> Diagnosis:
        watch.asked.append(section)
        return really(self, request, section, bench)

    monkeypatch.setattr(NullDoctor, "diagnose", diagnose)
    return watch


@dataclass
class Hardened:
    """Makes the same plan into runs with hardening and without."""

    make_run: MakeRun
    doctor: Watch

    def run(self, *phases: dict[str, Any], name: str = "on", **plan: Any) -> Run:
        return self.make_run(*phases, run_id=name, flags={"failure_hardening": True}, **plan)

    def heals(
        self, *phases: dict[str, Any], pattern: str, action: str, again: Any = None, **plan: Any
    ) -> AttemptReport:
        """Without hardening the plan fails; with it, it succeeds in one attempt, by this pattern
        and this action, and nobody asks the Doctor. `again` sets the scene anew in between."""
        off = self.make_run(*phases, run_id="off", **plan)
        before = drive(off)
        assert off.state == RunState.FAILED, "it succeeds without hardening: nothing is shown"
        assert all(not report.mitigations for report in before)
        if again is not None:
            again()
        self.doctor.asked.clear()
        on = self.run(*phases, **plan)
        reports = drive(on)
        assert on.state == RunState.SUCCEEDED, (on.explanation, told(reports))
        assert self.doctor.asked == []
        fixed = [m for report in reports for m in report.mitigations if m["outcome"] == "fixed"]
        assert [(m["pattern"], m["action"]) for m in fixed] == [(pattern, action)], told(reports)
        assert fixed[0]["doctor_skipped"]
        assert fixed[0]["tokens_saved_estimate"] > 0
        return next(report for report in reports if report.mitigations)

    def undoes(self, *phases: dict[str, Any], action: str, **plan: Any) -> AttemptReport:
        """With hardening the plan fails as it would without: the action was applied, did not help
        and was taken back."""
        on = self.run(*phases, **plan)
        report = drive(on)[-1]
        assert on.state == RunState.FAILED
        undone = [m["action"] for m in report.mitigations if m["outcome"] == "undone"]
        assert undone == [action], told([report])
        return report


@pytest.fixture
def hardened(make_run: MakeRun, doctor: Watch) -> Hardened:
    return Hardened(make_run, doctor)


def told(reports: list[AttemptReport]) -> list[Any]:
    """For the message of an assertion: what was tried, and why not."""
    return [
        (report.explanation, [(m["pattern"], m["action"], m["outcome"], m["why"], m["after"])
                              for m in report.mitigations])
        for report in reports
    ]  # fmt: skip


def log_of(run: Run, phase: str, home: Path) -> str:
    number = Attempt.objects.filter(phase__run=run, phase__key=phase).latest("number").number
    return (home / "runs" / run.run_id / phase / str(number) / "attempt.log").read_text()


def wheel_make(folder: Path, name: str, *, says: str = "here", script: str = "") -> Path:
    """A tiny wheel with one module (and one console script, if named) that has a `word()`."""
    module = name.replace("-", "_")
    files = {
        f"{module}.py": f"def word():\n    return {says!r}\n\n\ndef main():\n    print(word())\n"
    }
    info = f"{module}-1.0.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if script:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script} = {module}:main\n"
    record = f"{info}/RECORD"
    files[record] = "".join(f"{path},,\n" for path in [*files, record])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel
