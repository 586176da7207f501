"""Faults of a plan: where each one is and what to do about it."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_FAULTS = 100
# Faults are counted up to here; a plan with more of them is not looked at any further.
MAX_COUNTED = 1000
MAX_SHOWN_CHARS = 80

PathPart = str | int

# Keys come from the document too; others are quoted, so that no control character gets out.
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$-]{1,80}")


@dataclass(frozen=True, slots=True)
class Fault:
    """`path` is like `phases[2].depends_on[0]`, or "" for the plan as a whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class PlanInvalid(Exception):
    """The document is no plan. `faults`: up to `MAX_FAULTS`, then one that says how many more."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(slots=True)
class FaultList:
    """Collects faults, one a place: the first one found there is the one to mend first."""

    found: dict[str, Fault] = field(default_factory=dict)

    def add(self, where: Iterable[PathPart], message: str) -> None:
        path = path_text(where)
        # Faults of the plan as a whole have no place to tell them apart.
        key = path or f"\0{message}"
        if len(self.found) < MAX_COUNTED:
            self.found.setdefault(key, Fault(path, message))

    def add_unknown(
        self, where: Iterable[PathPart], what: str, given: str, known: Iterable[str]
    ) -> None:
        """A name that is not among the known ones; offers the nearest of them."""
        offer = ""
        # Looking for near names is the dear part, so not for faults that nobody will see.
        if len(self.found) < MAX_FAULTS:
            offer = nearest(given, known)
        self.add(where, f"{what} {shown(given)} is not known; {offer or 'take it out'}")

    @property
    def is_full(self) -> bool:
        return len(self.found) >= MAX_COUNTED

    def raise_any(self) -> None:
        """Raise `PlanInvalid` with all that was found, if anything was."""
        faults = tuple(self.found.values())
        if not faults:
            return
        more = len(faults) - MAX_FAULTS
        if more > 0:
            at_least = "at least " if self.is_full else ""
            faults = (*faults[:MAX_FAULTS], Fault("", f"and {at_least}{more} more"))
        raise PlanInvalid(faults)


def path_text(where: Iterable[PathPart]) -> str:
    """`phases[2].depends_on[0]` for ("phases", 2, "depends_on", 0)."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text


def shown(value: object) -> str:
    """A value in quotes, cut to what a message can bear."""
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_SHOWN_CHARS else value[:MAX_SHOWN_CHARS] + "...")
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    return str(value)[:MAX_SHOWN_CHARS]


def nearest(given: str, known: Iterable[str]) -> str:
    """ "did you mean 'x'?", or the known names when there are few, or ""."""
    names = {name[:MAX_SHOWN_CHARS].lower(): name for name in known}
    close = difflib.get_close_matches(given[:MAX_SHOWN_CHARS].lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {shown(names[close[0]])}?"
    if names and len(names) <= 16:
        return f"known are {', '.join(shown(name) for name in sorted(names.values()))}"
    return ""
