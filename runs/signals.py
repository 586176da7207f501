"""The one signal of runs."""

from django.dispatch import Signal

# Sent after an attempt's outcome is committed, with `run_pk`, `phase_pk`, `attempt_pk` and
# `report` (an AttemptReport). Receivers cannot fail a run: it is sent robustly.
attempt_finished = Signal()
