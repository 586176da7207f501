"""What was found in a text besides its phases: paths, commands and diffs, with their lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runs.planning.command_mentions import (
    CommandMention,
    commands_in_fence,
    commands_in_text,
    indented_commands,
    is_shell,
)
from runs.planning.formats.document import Document, Fence, fences_of
from runs.planning.formats.reading import DraftPhase, DraftTask, Reading
from runs.planning.patches import is_diff
from runs.planning.path_mentions import Mention, MentionFinder


@dataclass(frozen=True, slots=True)
class Findings:
    mentions: tuple[Mention, ...] = ()
    commands: tuple[CommandMention, ...] = ()
    shell_fences: tuple[Fence, ...] = ()
    diffs: tuple[Fence, ...] = ()


def findings_of(reading: Reading, finder: MentionFinder) -> Findings:
    """Everything that the text names, in its order."""
    mentions: list[Mention] = []
    commands: list[CommandMention] = [
        CommandMention(text, line, is_check=True, is_risky=False) for text, line in reading.commands
    ]
    if reading.document is None:
        for text, line in _texts(reading.phases):
            mentions.extend(finder.in_text(text, line))
            commands.extend(commands_in_text(text, line))
        return Findings(tuple(mentions), tuple(commands))
    fences = list(fences_of(reading.document))
    for line, text in _prose_lines(reading.document, fences):
        mentions.extend(finder.in_text(text, line))
        commands.extend(commands_in_text(text, line))
    inside = _inside(fences)
    commands.extend(
        command
        for command in indented_commands(reading.document.lines)
        if command.line not in inside
    )
    shells: list[Fence] = []
    diffs: list[Fence] = []
    for fence in fences:
        if is_diff(fence):
            diffs.append(fence)
        elif is_shell(fence):
            shells.append(fence)
            for command in commands_in_fence(fence):
                commands.append(command)
                if command.is_check:
                    mentions.extend(finder.in_command(command.text, command.line))
        else:
            mentions.extend(finder.in_fence(fence))
    mentions.sort(key=lambda mention: mention.line)
    commands.sort(key=lambda command: command.line)
    return Findings(tuple(mentions), tuple(commands), tuple(shells), tuple(diffs))


def _inside(fences: Sequence[Fence]) -> set[int]:
    """The lines of fences, with those that open and close them."""
    inside: set[int] = set()
    for fence in fences:
        inside.update(range(fence.line, fence.line + fence.content.count("\n") + 2))
    return inside


def _prose_lines(document: Document, fences: Sequence[Fence]) -> Iterator[tuple[int, str]]:
    inside = _inside(fences)
    for number, line in enumerate(document.lines, start=1):
        if number not in inside and line.strip():
            yield number, line


def _texts(phases: Sequence[DraftPhase]) -> Iterator[tuple[str, int]]:
    for phase in phases:
        yield f"{phase.title}\n{phase.body}", phase.line
        stack: list[DraftTask] = list(reversed(phase.tasks))
        while stack:
            task = stack.pop()
            for text in (task.text, *task.details):
                yield text, task.line
            stack.extend(reversed(task.children))
