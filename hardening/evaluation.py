"""How well patterns name the causes in a labelled corpus: an operator's net before a change.

A corpus line: {"id", "text", "label", "specifics": {"module", "package", ...}}, a label being a
family's name or "none". A predictions line: {"id", "label", "pattern_id", "specifics", "actions"}.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hardening.planning import canonical
from hardening.types import FailureContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hardening.matching import Matcher
    from hardening.types import Verdict

NONE = "none"
# A family with fewer samples says nothing on average.
SUPPORT_FOR_MACRO = 5
_OF_PACKAGES = frozenset({"python_missing_dep", "node_missing_dep"})


class CorpusInvalid(ValueError):
    """A corpus that cannot be read. The message has the line and what it lacks."""


@dataclass(frozen=True, slots=True)
class Sample:
    id: str
    text: str
    label: str
    specifics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was said about a sample; written as a line of the predictions."""

    id: str
    label: str
    pattern_id: str | None
    specifics: dict[str, str]
    actions: list[dict[str, object]]

    @classmethod
    def of(cls, sample_id: str, verdict: Verdict) -> Prediction:
        best = verdict.best
        if best is None:
            return cls(sample_id, NONE, None, {}, [])
        actions = [action.as_json() for action in best.actions]
        return cls(sample_id, str(best.family), best.pattern_id, dict(best.specifics), actions)

    def as_line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


@dataclass(slots=True)
class Tally:
    """Counts of one family or pattern."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else 0.0


@dataclass(slots=True)
class Evaluation:
    """Counts of a whole corpus. `patterns` have no `missed`: a sample names a family only."""

    samples: int = 0
    families: dict[str, Tally] = field(default_factory=dict)
    patterns: dict[str, Tally] = field(default_factory=dict)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    innocent: int = 0
    false_positives: int = 0
    packages: int = 0
    packages_right: int = 0
    local_installs: int = 0

    def add(self, sample: Sample, said: Prediction) -> None:
        self.samples += 1
        self.confusion[sample.label, said.label] += 1
        is_right = sample.label == said.label
        if is_right:
            self._family(sample.label).right += 1
        else:
            self._family(said.label).wrong += 1
            self._family(sample.label).missed += 1
        if said.pattern_id is not None:
            tally = self.patterns.setdefault(said.pattern_id, Tally())
            tally.right += is_right
            tally.wrong += not is_right
        if sample.label == NONE:
            self.innocent += 1
            self.false_positives += not is_right
        self._add_package(sample, said)

    def _family(self, label: str) -> Tally:
        return self.families.setdefault(label, Tally())

    def _add_package(self, sample: Sample, said: Prediction) -> None:
        if sample.label in _OF_PACKAGES and sample.specifics.get("package"):
            accepted = {
                canonical(str(name))
                for key in ("package", "package_alternatives", "modules_also")
                for name in _listed(sample.specifics.get(key))
            }
            self.packages += 1
            self.packages_right += canonical(said.specifics.get("package", "")) in accepted
        if sample.label == "python_local_import":
            self.local_installs += any("install" in str(act["kind"]) for act in said.actions)

    @property
    def macro_f1(self) -> float:
        """Over families with 5 samples or more, "none" left out."""
        scores = [
            tally.f1
            for label, tally in self.families.items()
            if label != NONE and tally.right + tally.missed >= SUPPORT_FOR_MACRO
        ]
        return sum(scores) / len(scores) if scores else 0.0

    @property
    def false_positive_rate(self) -> float:
        return self.false_positives / self.innocent if self.innocent else 0.0

    @property
    def package_accuracy(self) -> float | None:
        return self.packages_right / self.packages if self.packages else None

    def as_json(self) -> dict[str, object]:
        def rows(tallies: dict[str, Tally]) -> dict[str, object]:
            return {
                name: {
                    "right": tally.right, "wrong": tally.wrong, "missed": tally.missed,
                    "precision": tally.precision, "recall": tally.recall, "f1": tally.f1,
                }
                for name, tally in sorted(tallies.items())
            }  # fmt: skip

        return {
            "samples": self.samples,
            "macro_f1": self.macro_f1,
            "false_positive_rate": self.false_positive_rate,
            "package_accuracy": self.package_accuracy,
            "packages": self.packages,
            "local_installs": self.local_installs,
            "families": rows(self.families),
            "patterns": rows(self.patterns),
            "confusion": [
                {"label": label, "said": said, "count": count}
                for (label, said), count in self.confusion.most_common()
                if label != said
            ],
        }


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def corpus_read(path: Path) -> Iterator[Sample]:
    """Raises CorpusInvalid (with the line's number) and OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _sample(line, number)


def _sample(line: str, number: int) -> Sample:
    try:
        row = json.loads(line)
        return Sample(
            str(row["id"]), str(row["text"]), str(row["label"]), row.get("specifics") or {}
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CorpusInvalid(
            f"line {number} is no sample ({error}): each line is an object with id, text and label"
        ) from error


def predict(matcher: Matcher, samples: Iterable[Sample]) -> Iterator[tuple[Sample, Prediction]]:
    for sample in samples:
        yield sample, Prediction.of(sample.id, matcher.match(FailureContext.of_text(sample.text)))
