"""Drives runs through a running server: POST execute, then look at the status until it has ended.

No database is opened: this works on a machine that has none.
"""

from __future__ import annotations

import difflib
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runs.fleet.admission import NEAR_SHOWN, Admitted, FleetRefused
from runs.fleet.remote import Remote, RemoteAway, RemoteRefused, patient_for
from runs.fleet.types import JobEnd, Outcome, Progress
from runs.reports.remote import facts_of_detail, facts_of_status
from runs.states import RUN_RETRIABLE, RUN_TERMINAL, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runs.execution.process import Cancellation
    from runs.reports.types import RunFacts

# Before anything has started, a server that is not there is soon said to be so.
ADMIT_PATIENCE_SECONDS = 5.0
REPORT_PATIENCE_SECONDS = 20.0
# Once a run was asked to end, it is looked at more often.
STOPPING_POLL_SECONDS = 0.5
ASKED_AT_ONCE = 8

OUTCOMES = {
    RunState.SUCCEEDED: Outcome.SUCCEEDED,
    RunState.FAILED: Outcome.FAILED,
    RunState.TIMEOUT: Outcome.FAILED,
    RunState.CANCELLED: Outcome.CANCELLED,
}


@dataclass(slots=True)
class _Followed:
    """A run, and what was last seen of it. `wakes` is set when there is something to do."""

    run_id: str
    wakes: threading.Event = field(default_factory=threading.Event)
    status: dict[str, Any] = field(default_factory=dict)
    tag: str = ""
    is_cancel_wanted: bool = False
    is_cancel_sent: bool = False

    @property
    def state(self) -> RunState | None:
        name = self.status.get("state")
        return RunState(name) if name in set(RunState) else None

    @property
    def explanation(self) -> str:
        return str(self.status.get("explanation", ""))


class ApiExecutor:
    """One thread a run asks every `poll_seconds`; what they see is the progress."""

    def __init__(self, remote: Remote, poll_seconds: float) -> None:
        self._remote = remote
        self._poll_seconds = poll_seconds
        self._runs: dict[str, _Followed] = {}

    # --- Before -------------------------------------------------------------------------------

    def admit(self, run_ids: Sequence[str], source_repo: str) -> Admitted:
        """Look all ids up. Raises FleetRefused, as admission does for runs of this machine."""
        if not self._remote.key:
            raise FleetRefused(
                "AUTOPACK_API_KEY is not set. On the server, manage.py create_api_key --name NAME "
                "makes a key. To execute the runs on this machine instead: --executor cli"
            )
        pause = patient_for(ADMIT_PATIENCE_SECONDS)
        try:
            with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
                found = list(pool.map(lambda run_id: self._status(run_id, pause), run_ids))
        except (RemoteAway, RemoteRefused) as error:
            raise FleetRefused(str(error)) from error
        unknown = [each for each, run in zip(run_ids, found, strict=True) if run is None]
        if unknown:
            raise FleetRefused(self._unknown(unknown, pause))
        runs = [run for run in found if run is not None]
        faults = [said for run in runs if (said := self._fault(run, source_repo))]
        if faults:
            raise FleetRefused("\n".join(faults))
        for run in runs:
            self._runs[run["run_id"]] = _Followed(run["run_id"], status=run)
        succeeded = {r["run_id"] for r in runs if r["state"] == RunState.SUCCEEDED.value}
        return Admitted(tuple(run["run_id"] for run in runs), frozenset(succeeded))

    def _status(self, run_id: str, pause: Callable[[float], bool]) -> dict[str, Any] | None:
        try:
            found = self._remote.json("GET", f"/runs/{quote(run_id)}/status", pause=pause)
        except RemoteRefused as refused:
            if refused.status == 404 and refused.code == "not_found":
                return None
            raise
        if not isinstance(found.get("run_id"), str) or "state" not in found:
            raise RemoteRefused(200, "", f"{self._remote.url} gives no status. Is it Autopack?")
        return found

    def _fault(self, run: Mapping[str, Any], source_repo: str) -> str:
        run_id, project = run["run_id"], str(run.get("project", ""))
        if run["state"] in {state.value for state in RUN_RETRIABLE}:
            return (
                f"Run {run_id} is {run['state']} already. To take it up again: manage.py run_retry "
                f"{run_id} on the server, or POST {self._remote.url}/runs/{run_id}/retry"
            )
        names = {project.lower(), str(run.get("source", "")).lower()}
        if source_repo and source_repo.lower() not in names:
            return (
                f"Run {run_id} belongs to project {project}, not to {source_repo!r}. Leave it out, "
                "or change --source-repo (or SOURCE_REPO)."
            )
        return ""

    def _unknown(self, unknown: Sequence[str], pause: Callable[[float], bool]) -> str:
        try:
            latest = self._remote.json("GET", "/runs?limit=200", pause=pause).get("results", [])
        except (RemoteAway, RemoteRefused):
            latest = []
        known = {str(run["run_id"]).lower(): str(run["run_id"]) for run in latest}
        lines = []
        for run_id in unknown:
            near = difflib.get_close_matches(run_id.lower(), known, n=NEAR_SHOWN, cutoff=0.6)
            hint = ", ".join(repr(known[name]) for name in near)
            lines.append(
                f"There is no run {run_id!r} on {self._remote.url}."
                + (f" Did you mean {hint}?" if hint else "")
            )
        return "\n".join(lines)

    # --- While they run -----------------------------------------------------------------------

    def execute(self, run_id: str, cancellation: Cancellation) -> JobEnd:
        run = self._runs[run_id]

        def pause(seconds: float) -> bool:
            """Wait, or less when there is something to do; True when there is no more time."""
            run.wakes.wait(seconds)
            run.wakes.clear()
            return cancellation.is_requested

        with cancellation.notifies(run.wakes.set):
            try:
                return self._driven(run, pause)
            except RemoteRefused as refused:
                return self._refused(run, refused)
            except RemoteAway as away:
                return JobEnd(
                    Outcome.LOST,
                    f"{away} What became of {run_id} is not known here; the same command goes on.",
                )

    def _driven(self, run: _Followed, pause: Callable[[float], bool]) -> JobEnd:
        self._ask(run, "execute", pause)
        while True:
            if run.is_cancel_wanted and not run.is_cancel_sent:
                self._ask(run, "cancel", pause)
                run.is_cancel_sent = True
            self._look(run, pause)
            if run.state in RUN_TERMINAL:
                return JobEnd(OUTCOMES[run.state], run.explanation)
            is_stopping = run.is_cancel_sent
            if pause(STOPPING_POLL_SECONDS if is_stopping else self._poll_seconds):
                return JobEnd(
                    Outcome.LOST,
                    f"The server was asked to cancel {run.run_id}, which was {run.state} when it "
                    f"was last looked at. {run.explanation}",
                )

    def _ask(self, run: _Followed, verb: str, pause: Callable[[float], bool]) -> None:
        """POST a verb. That the run has ended in the meantime is seen by looking at it."""
        try:
            self._remote.call("POST", f"/runs/{quote(run.run_id)}/{verb}", pause=pause)
        except RemoteRefused as refused:
            if refused.code != "conflict":
                raise

    def _look(self, run: _Followed, pause: Callable[[float], bool]) -> None:
        headers = {"If-None-Match": run.tag} if run.tag else None
        path = f"/runs/{quote(run.run_id)}/status"
        answer = self._remote.call("GET", path, pause=pause, headers=headers)
        if answer.status != 304:
            run.status = self._remote.object_of(answer)
            run.tag = answer.header("ETag")

    def _refused(self, run: _Followed, refused: RemoteRefused) -> JobEnd:
        if refused.code == "confirmation_required":
            return JobEnd(Outcome.AWAITING_APPROVAL, str(refused))
        if run.state in (None, RunState.PENDING):
            return JobEnd(Outcome.NOT_STARTED, str(refused))
        return JobEnd(Outcome.LOST, str(refused))

    def progress(self, run_ids: Iterable[str]) -> Mapping[str, Progress]:
        """What the threads saw last: nothing is asked for it."""
        return {
            run_id: _progress(run.status)
            for run_id in run_ids
            if (run := self._runs.get(run_id)) is not None and run.status
        }

    def cancel(self, run_id: str) -> None:
        run = self._runs[run_id]
        run.is_cancel_wanted = True
        run.wakes.set()

    # --- After --------------------------------------------------------------------------------

    def facts(self, run_ids: Sequence[str]) -> dict[str, RunFacts]:
        """What the report says of each; of a run that cannot be asked about, what was last seen."""
        pause = patient_for(REPORT_PATIENCE_SECONDS)
        away: deque[str] = deque()

        def ask(run_id: str) -> RunFacts:
            try:
                if not away:
                    detail = self._remote.json("GET", f"/runs/{quote(run_id)}", pause=pause)
                    return facts_of_detail(detail)
            except (RemoteAway, RemoteRefused) as error:
                away.append(str(error))
            return facts_of_status(run_id, self._runs[run_id].status)

        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            return dict(zip(run_ids, pool.map(ask, run_ids), strict=True))


def _progress(status: Mapping[str, Any]) -> Progress:
    phases = [phase for phase in status.get("phases", ()) if isinstance(phase, dict)]
    running = [phase for phase in phases if phase.get("state") == "RUNNING"]
    first = running[0] if running else {}
    told = [str(phase.get("explanation", "")) for phase in running if phase.get("tries")]
    return Progress(
        state=str(status.get("state", "")),
        phases_done=sum(phase.get("state") == "COMPLETE" for phase in phases),
        phases_total=len(phases),
        phase=str(first.get("id", "")),
        attempt=int(first.get("attempt") or 0),
        others=max(0, len(running) - 1),
        message=(told or [str(status.get("explanation", ""))])[0],
    )
