"""Which phase a line of the text belongs to."""

from bisect import bisect_right
from collections.abc import Sequence

from runs.planning.formats.reading import DraftPhase

NO_PHASE = -1


class PhaseLines:
    """Spans of phases, looked up by line in logarithmic time."""

    def __init__(self, phases: Sequence[DraftPhase]) -> None:
        spans = sorted(
            (start, end, n) for n, phase in enumerate(phases) for start, end in phase.spans
        )
        self._starts = [start for start, _, _ in spans]
        self._spans = spans

    def phase_at(self, line: int) -> int:
        """The number of the phase, or `NO_PHASE`."""
        at = bisect_right(self._starts, line) - 1
        if at < 0:
            return NO_PHASE
        _, end, number = self._spans[at]
        return number if line <= end else NO_PHASE
