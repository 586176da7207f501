"""Which commands of a text check its work, and what is said of the others."""

import shlex
from collections.abc import Sequence

from runs.planning.command_mentions import CommandMention
from runs.planning.commands import CommandInvalid, command_parse
from runs.planning.normal_types import DecisionCode, WarningCode
from runs.planning.plan_notes import Notes
from runs.planning.plan_schema_parts import MAX_LIST_ENTRIES
from runs.toolchains.detection import test_commands
from runs.toolchains.types import Detection, ToolCommand


def checks_of(commands: Sequence[CommandMention], phase_id: str, notes: Notes) -> list[str]:
    """The checks that can be run without a shell, as written, each once."""
    found: dict[str, None] = {}
    for command in commands:
        if command.is_risky:
            message = (
                f"The text names {command.text[:200]!r}, which reaches out of the worktree or"
                " destroys work. It is not run; look whether the plan counts on it."
            )
            notes.warn(
                WarningCode.COMMAND_RISKY,
                message,
                phase_id,
                line=command.line,
                needs_confirmation=True,
            )
        elif command.is_check and command.text not in found and len(found) < MAX_LIST_ENTRIES:
            try:
                command_parse(command.text)
            except CommandInvalid as error:
                message = f"The check {command.text[:200]!r} is left out: it {error.reason}."
                notes.warn(WarningCode.COMMAND_INVALID, message, phase_id, line=command.line)
            else:
                found[command.text] = None
                message = f"The text names the check {command.text[:200]!r}."
                notes.decide(
                    DecisionCode.VALIDATION_FROM_TEXT, message, phase_id, line=command.line
                )
    return list(found)


def detected_checks(toolchains: Sequence[Detection], notes: Notes) -> list[str]:
    """What the toolchains of the repository are tested with, for a text that names no check."""
    found: dict[str, None] = {}
    for command in test_commands(tuple(toolchains)):
        text = _shown(command)
        try:
            command_parse(text)
        except CommandInvalid:
            continue
        if text not in found:
            found[text] = None
            message = f"No check is named; the repository's toolchain has {text[:200]!r}."
            notes.decide(DecisionCode.VALIDATION_DETECTED, message)
    return list(found)[:MAX_LIST_ENTRIES]


def _shown(command: ToolCommand) -> str:
    """A command line that `command_parse` turns into the same process."""
    words = [f"{name}={shlex.quote(value)}" for name, value in command.env]
    words += [shlex.quote(word) for word in command.argv]
    line = " ".join(words)
    return line if command.cwd == "." else f"cd {shlex.quote(command.cwd)} && {line}"
