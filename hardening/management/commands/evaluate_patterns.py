"""manage.py evaluate_patterns: precision, recall and confusion on a labelled corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from hardening.evaluation import Evaluation, Tally


class Command(BaseCommand):
    help = (
        "Evaluate the enabled patterns on a corpus (JSON Lines with id, text, label, specifics;"
        " a label is a family or none). Shows what a change of patterns does before it is made."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("corpus", metavar="CORPUS.jsonl", help="The labelled samples.")
        parser.add_argument(
            "--predictions", metavar="OUT", help="Write what was said of each sample."
        )
        parser.add_argument(
            "--json", action="store_true", help="The evaluation as one JSON object."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        from hardening.active import matcher_anywhere
        from hardening.evaluation import CorpusInvalid, Evaluation, corpus_read, predict

        evaluation, lines = Evaluation(), []
        try:
            for sample, said in predict(matcher_anywhere(), corpus_read(Path(options["corpus"]))):
                evaluation.add(sample, said)
                lines.append(said.as_line())
            if options["predictions"]:
                Path(options["predictions"]).write_text("".join(lines), encoding="utf-8")
        except CorpusInvalid as error:
            raise CommandError(f"{options['corpus']}: {error}") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        if options["json"]:
            self.stdout.write(json.dumps(evaluation.as_json()))
        else:
            self.stdout.write("\n".join(evaluation_lines(evaluation)))


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    lines = ["families", *_table(evaluation.families), "patterns", *_table(evaluation.patterns)]
    lines.append("confusion")
    lines += [
        f"  {label} said to be {said}: {count}"
        for (label, said), count in evaluation.confusion.most_common()
        if label != said
    ]
    accuracy = evaluation.package_accuracy
    lines.append(
        f"samples {evaluation.samples}  macro F1 {evaluation.macro_f1:.3f}"
        f"  false positives {evaluation.false_positive_rate:.3f} of {evaluation.innocent}"
        f"  package right {'-' if accuracy is None else f'{accuracy:.3f}'} of {evaluation.packages}"
        f"  local installs {evaluation.local_installs}"
    )
    return lines


def _table(tallies: dict[str, Tally]) -> list[str]:
    return [
        f"  {name:28s} right {tally.right:4d}  wrong {tally.wrong:3d}  missed {tally.missed:3d}"
        f"  precision {tally.precision:.3f}  recall {tally.recall:.3f}  F1 {tally.f1:.3f}"
        for name, tally in sorted(tallies.items())
    ]
