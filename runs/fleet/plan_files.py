"""Plan files as commands are given them: structured plans, and whatever else people write."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from runs.fleet.admission import FleetRefused
from runs.planning.schema import MAX_DOCUMENT_BYTES, PlanInvalid, plan_dump, plan_loads

if TYPE_CHECKING:
    from typing import Any

MAX_FAULTS_SHOWN = 50
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as it was written: `structured` (JSON, checked), or else `text` to be normalized.

    `name` is the file's, "" for stdin.
    """

    name: str
    structured: dict[str, Any] | None
    text: str = ""


def plan_file_read(name: str, stdin: IO[bytes]) -> PlanFile:
    """The plan in a file (- for stdin). Raises FleetRefused, with a structured plan's faults on a
    line each."""
    data = bytes_read(name, stdin)
    shown = "" if name == "-" else name
    if not _is_structured(data):
        return PlanFile(shown, None, text_decode(data, name))
    try:
        return PlanFile(shown, plan_dump(plan_loads(data)))
    except PlanInvalid as invalid:
        where = shown or "stdin"
        faults = [f"{where}: {fault}" for fault in invalid.faults[:MAX_FAULTS_SHOWN]]
        more = len(invalid.faults) - MAX_FAULTS_SHOWN
        if more > 0:
            faults.append(f"{where}: and {more} more")
        raise FleetRefused("\n".join(faults)) from invalid


def text_read(name: str, stdin: IO[bytes]) -> str:
    """The text of a file (- for stdin): UTF-8, or UTF-16 with its mark. Raises FleetRefused."""
    return text_decode(bytes_read(name, stdin), name)


def bytes_read(name: str, stdin: IO[bytes]) -> bytes:
    """The start of a file (- for stdin): one byte more than a plan may have, so that the parser
    says that it is too large. Raises FleetRefused."""
    most = MAX_DOCUMENT_BYTES + 1
    if name == "-":
        return stdin.read(most)
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise FleetRefused(
            f"{name} cannot be read: {error.strerror}. Name a plan file, or - for stdin."
        ) from error


def text_decode(data: bytes, name: str) -> str:
    """The text in `data`. Raises FleetRefused, naming the file, for what is none."""
    where = "stdin" if name == "-" else name
    encoding = next((each for mark, each in _MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FleetRefused(
            f"{where} is not UTF-8 (at byte {error.start}); save it as UTF-8."
        ) from error
    if "\0" in text:
        raise FleetRefused(f"{where} is no text: it holds zero bytes. Give the plan as text.")
    return text


def _is_structured(data: bytes) -> bool:
    """Whether it is meant as a structured plan. Other JSON (a task list of a tool) is a format
    like any other; JSON that does not parse is told its fault, not read as prose."""
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return b'"schema_version"' in data or b'"phases"' in data
    return isinstance(document, dict) and ("schema_version" in document or "phases" in document)
