"""Correlation of log lines: whatever logs inside a run, a phase or an attempt says which."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

lifecycle = logging.getLogger("autopack.lifecycle")

_run: ContextVar[str] = ContextVar("run", default="-")
_phase: ContextVar[str] = ContextVar("phase", default="-")
_attempt: ContextVar[str] = ContextVar("attempt", default="-")


class CorrelationFilter(logging.Filter):
    """Adds `run`, `phase` and `attempt` to every record ("-" outside of one)."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.run = _run.get()
        record.phase = _phase.get()
        record.attempt = _attempt.get()
        return True


@contextmanager
def log_context(*, run: str, phase: str = "-", attempt: int | str = "-") -> Iterator[None]:
    """Name the run (and phase and attempt) that the lines logged inside belong to."""
    tokens = (_run.set(run), _phase.set(phase), _attempt.set(str(attempt)))
    try:
        yield
    finally:
        for variable, token in zip((_run, _phase, _attempt), tokens, strict=True):
            variable.reset(token)
