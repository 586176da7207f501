"""What our commands share: help that teaches, and refusals told as refusals.

Modules of runs are imported inside of methods, so that `--help` and shells stay quick.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.db import DatabaseError, OperationalError, ProgrammingError

from runs.fleet.defaults import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from runs.models import Run

CHECK_TAG = "autopack"


class TeachingFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of options, our own line ends in description and examples."""


class EdgeCommand(BaseCommand):
    """A thin edge: `act` gets the options; what the verbs refuse becomes a CommandError.

    Only our own checks are made, and only by commands that ask for them: all of Django's would
    load every URL and serializer.
    """

    examples: ClassVar[str] = ""
    requires_system_checks: tuple[str, ...] = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=self.examples,
            formatter_class=TeachingFormatter,
            **kwargs,
        )

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            with refusals_told():
                self.act(options)
        except KeyboardInterrupt:
            # Before there was anything to cancel; later, runs.fleet.interrupts sees to it.
            raise SystemExit(EXIT_INTERRUPTED) from None

    def act(self, options: dict[str, Any]) -> None:
        """The command itself. Raises SystemExit for an exit code without a message."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """A line on stdout, at once: whoever follows a pipe sees it when it happens."""
        self.stdout.write(text)
        self.stdout.flush()


@contextmanager
def refusals_told() -> Iterator[None]:
    """What verbs refuse, as CommandError (exit 1); a database without our tables, likewise."""
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        raise database_error(error) from error
    except _refusals() as error:
        raise CommandError(str(error)) from error


def _refusals() -> tuple[type[Exception], ...]:
    """Looked up when something was raised, not before: it loads the engine."""
    from runs.agents.backends import UnknownBackend
    from runs.execution.repository.git import GitFailed, GitMissing
    from runs.execution.repository.sources import RepositoryProblem
    from runs.fleet.admission import FleetRefused
    from runs.planning.identifiers import IdentifierInvalid
    from runs.planning.schema import PlanInvalid
    from runs.plans import NotAPlan
    from runs.reports.files import ReportUnwritable
    from runs.services import BudgetInvalid, NameTaken, RunConflict
    from runs.serving.node import HomeDiffers
    from runs.serving.sockets import PortUnusable

    return (
        BudgetInvalid, FleetRefused, GitFailed, GitMissing, HomeDiffers, IdentifierInvalid,
        NameTaken, NotAPlan, PlanInvalid, PortUnusable, ReportUnwritable, RepositoryProblem,
        RunConflict, UnknownBackend,
    )  # fmt: skip


def database_error(error: DatabaseError) -> CommandError:
    """A CommandError that says what to do; a database fault of another kind is raised again."""
    said = str(error).strip()
    if any(sign in said for sign in ("no such table", "no such column", "does not exist")):
        return CommandError(
            "The database has not (all of) Autopack's tables. Make them with: manage.py migrate"
        )
    if isinstance(error, OperationalError):
        return CommandError(f"The database cannot be used: {said}. Check DATABASE_URL.")
    raise error


def run_find(run_id: str) -> Run:
    """The run called so (case does not count). Raises CommandError with exit code 2 that says
    which are near."""
    from runs import selectors
    from runs.fleet.admission import unknown_explain

    run = selectors.runs_by_id([run_id]).get(run_id)
    if run is None:
        raise CommandError(unknown_explain([run_id]), returncode=2)
    return run


def add_budgets(parser: ArgumentParser) -> None:
    """The options that `budgets_given` reads."""
    group = parser.add_argument_group("budgets (they override those of the plan)")
    group.add_argument("--token-cap", type=positive_int, metavar="N", help="Tokens of all models.")
    group.add_argument("--cost-cap-usd", type=positive_decimal, metavar="X", help="Money, in USD.")
    group.add_argument(
        "--max-duration-minutes",
        type=positive_float,
        metavar="M",
        help="Minutes from start to end, without waiting for people (default: 120).",
    )
    group.add_argument("--max-phases", type=positive_int, metavar="N", help="Phases of the plan.")


def budgets_given(options: dict[str, Any]) -> dict[str, Any]:
    names = ("token_cap", "cost_cap_usd", "max_duration_minutes", "max_phases")
    return {name: options[name] for name in names if options[name] is not None}


def positive_int(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 0 < value < 2**63:
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return value


def positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e12:  # also keeps nan and inf out
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def positive_decimal(text: str) -> Decimal:
    from decimal import Decimal, InvalidOperation

    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or not 0 < value < 10**6:
        raise ArgumentTypeError(f"{text!r} is no amount above 0 (and below a million)")
    return value
