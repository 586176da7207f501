"""approval_decide: answer a question that a run waits for."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from runs.management.edge import EdgeCommand


class Command(EdgeCommand):
    help = """\
Answers an approval that a run waits for. Approved, its phase goes back to the queue; rejected,
the phase fails. Without an id it lists what is open.

Exit code: 0 decided (or listed), 1 decided or expired before, 2 no such approval."""
    examples = """\
examples:
  manage.py approval_decide                                 what is open
  manage.py approval_decide 3 approve
  manage.py approval_decide 3 reject --note "not in this release"
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("approval_id", nargs="?", type=int, metavar="APPROVAL_ID")
        parser.add_argument("decision", nargs="?", choices=("approve", "reject"))
        parser.add_argument("--note", default="", help="Why; kept with the decision.")

    def act(self, options: dict[str, Any]) -> None:
        import psutil

        from runs.models import Approval
        from runs.services import approval_decide

        number, decision = options["approval_id"], options["decision"]
        if number is None:
            self._list()
            return
        approval = Approval.objects.filter(pk=number).select_related("run", "phase").first()
        if approval is None:
            raise CommandError(
                f"There is no approval {number}. Without an id, this command lists what is open.",
                returncode=2,
            )
        if decision is None:
            raise CommandError(f"Say what to do: approval_decide {number} approve (or reject)")
        approval_decide(
            approval,
            approve=decision == "approve",
            decided_by=psutil.Process().username(),
            note=options["note"],
        )
        self.say(
            f"Approval {number} of {approval.run.run_id}: {approval.state}. "
            f"Go on with: manage.py execute_run {approval.run.run_id}"
        )

    def _list(self) -> None:
        from runs.fleet.texts import one_line
        from runs.models import Approval
        from runs.states import ApprovalState

        waiting = Approval.objects.filter(state=ApprovalState.PENDING.value)
        found = list(waiting.select_related("run")[:100])
        for approval in found:
            until = f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"
            question = one_line(approval.question)
            self.say(f"{approval.pk}: {approval.run.run_id}: {question} (until {until})")
        if not found:
            self.say("No approval is open.")
