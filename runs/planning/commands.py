"""Validation commands as people write them, turned into argv. No shell runs them, ever.

What a shell would do to a line and we do as well: quotes, `NAME=value` before a command, `&&`,
`cd DIR &&`, a `#` comment, the `$ ` of a copied prompt. Everything else that a shell would give a
meaning is refused with what to do about it, because passing it on as text would run a different
command from the one that was written. Wildcards are the exception: `*` and `?` reach the program
as they are (test runners and linters expand them themselves). As in a shell, a backslash outside
quotes escapes the next character: paths are written with `/`, on Windows too.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from runs.planning.plan_paths import path_fault

MAX_COMMAND_CHARS = 10_000
MAX_CHAINED_COMMANDS = 50

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_EXPANSION = re.compile(r"\$[A-Za-z0-9_({?!@*#$-]")
_EXPANSION_UNQUOTED = re.compile(r"\$[A-Za-z0-9_({?!@*#$'\"-]")
_SCRIPT = "put it in a script in the repository and run that"

# What stands outside quotes and means more than text. `&&` is taken before `&` is looked at.
_REFUSED = {
    ";": "';' goes on after a failure; write '&&', or list the commands one by one",
    "|": f"pipes and '||' need a shell; {_SCRIPT}",
    ">": f"redirections need a shell; {_SCRIPT} (output is kept anyway)",
    "<": f"redirections need a shell; {_SCRIPT}",
    "&": f"commands in the background need a shell; {_SCRIPT}",
    "`": f"command substitution needs a shell; {_SCRIPT}",
    "(": f"'(' needs a shell; {_SCRIPT}, or quote it when it is meant as text",
    ")": f"')' needs a shell; {_SCRIPT}, or quote it when it is meant as text",
    "\n": f"a command is one line; list several one by one, or {_SCRIPT}",
    "\r": f"a command is one line; list several one by one, or {_SCRIPT}",
}
_EXPANDS = f"a shell would expand it; {_SCRIPT}, or use single quotes when it is meant as text"
_SHELL_WORDS = frozenset(
    ("!", ".", "[[", "{", "alias", "case", "eval", "exec", "exit", "export", "for", "function")
) | frozenset(("if", "popd", "pushd", "set", "shopt", "source", "trap", "unset", "until", "while"))


class CommandInvalid(ValueError):
    """The text is no command that can be run without a shell; `reason` says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PlanCommand:
    """One process: `argv` (never empty), variables added to its environment, and its folder.

    `cwd` is relative to the root of the repository, with `/`; "." is the root.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "."


def command_parse(text: str) -> tuple[PlanCommand, ...]:
    """The processes that `text` asks for, to be run in order up to the first that fails.

    Raises `CommandInvalid`. Linear in the text; `MAX_COMMAND_CHARS` long at most.
    """
    if len(text) > MAX_COMMAND_CHARS:
        raise CommandInvalid(f"is longer than {MAX_COMMAND_CHARS} characters; {_SCRIPT}")
    parts = _split_at_and(text.lstrip().removeprefix("$ ").strip())
    if len(parts) > MAX_CHAINED_COMMANDS:
        raise CommandInvalid(f"chains more than {MAX_CHAINED_COMMANDS} commands; {_SCRIPT}")
    commands: list[PlanCommand] = []
    cwd, ends_in_cd = ".", False
    for part in parts:
        env, argv = _words(part, is_only=len(parts) == 1)
        ends_in_cd = argv[0] == "cd"
        if ends_in_cd:
            cwd = _changed_folder(cwd, argv)
        else:
            commands.append(PlanCommand(argv=argv, env=env, cwd=cwd))
    if ends_in_cd:
        raise CommandInvalid("ends in 'cd', which does nothing on its own; add '&& COMMAND'")
    return tuple(commands)


def commands_of(commands: Iterable[str | tuple[str, ...]]) -> tuple[PlanCommand, ...]:
    """All processes of a plan's `validation_commands`, in order.

    A string is parsed (`CommandInvalid`), a tuple is an argv already and runs at the root.
    """
    parsed: list[PlanCommand] = []
    for command in commands:
        if isinstance(command, str):
            parsed.extend(command_parse(command))
        else:
            argv_check(command)
            parsed.append(PlanCommand(argv=command))
    return tuple(parsed)


def argv_check(argv: Iterable[str]) -> None:
    """Raise `CommandInvalid` unless `argv` names a program and holds no NUL."""
    words = tuple(argv)
    if not words or not words[0].strip():
        raise CommandInvalid("names no program; put the program's name first")
    if any("\0" in word for word in words):
        raise CommandInvalid("holds a NUL character; take it out")


def _split_at_and(text: str) -> list[str]:
    """`text` cut at each `&&` outside quotes; `CommandInvalid` for anything only a shell can do."""
    parts: list[str] = []
    start = position = 0
    while position < len(text):
        char = text[position]
        if char in "'\"":
            position = _after_quotes(text, position)
        elif char == "\\":
            _refuse(text, position + 1, _EXPANSION_UNQUOTED, only="\r\n")
            position += 2
        elif text.startswith("&&", position):
            parts.append(text[start:position])
            start = position = position + 2
        elif char == "#" and (position == start or text[position - 1] in " \t"):
            # A comment runs to the end of the line; a command has one line only.
            if "\n" in text[position:] or "\r" in text[position:]:
                raise CommandInvalid(_REFUSED["\n"])
            text = text[:position]
        else:
            _refuse(text, position, _EXPANSION_UNQUOTED)
            position += 1
    parts.append(text[start:])
    return parts


def _after_quotes(text: str, opened: int) -> int:
    """The position after the quotes opened at `opened`; double ones still expand in a shell."""
    quote = text[opened]
    position = opened + 1
    while position < len(text):
        char = text[position]
        if char == quote:
            return position + 1
        if quote == '"':
            if char == "\\":
                position += 2
                continue
            _refuse(text, position, _EXPANSION, only="`$")
        position += 1
    raise CommandInvalid(f"has a quote ({quote}) that is never closed; close it")


def _refuse(text: str, position: int, expansion: re.Pattern[str], only: str = "") -> None:
    char = text[position : position + 1]
    if only and char not in only:
        return
    if char == "$" and expansion.match(text, position):
        raise CommandInvalid(f"holds {text[position : position + 20]!r}: {_EXPANDS}")
    if char == "`":
        raise CommandInvalid(f"holds a backtick: {_EXPANDS}")
    if char in _REFUSED:
        raise CommandInvalid(_REFUSED[char])
    if char == "\0":
        raise CommandInvalid("holds a NUL character; take it out")


def _words(part: str, *, is_only: bool) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The leading assignments and the argv of one command."""
    try:
        words = shlex.split(part, posix=True)
    except ValueError as error:
        raise CommandInvalid(f"cannot be split into words ({error}); check its quotes") from error
    env: list[tuple[str, str]] = []
    while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
        env.append((assignment[1], assignment[2]))
        words = words[1:]
    if env and not words:
        raise CommandInvalid("only sets variables; write them before the command that needs them")
    if not words:
        raise CommandInvalid(
            "is empty; write a command" if is_only else "has nothing on one side of '&&'; fill it"
        )
    argv_check(words)
    if words[0] in _SHELL_WORDS:
        raise CommandInvalid(
            f"{words[0]!r} is part of a shell, no program; {_SCRIPT}"
            " (NAME=value before a command sets a variable for it)"
        )
    return tuple(env), tuple(words)


def _changed_folder(cwd: str, argv: tuple[str, ...]) -> str:
    """The folder after `cd`; never above the root of the repository."""
    if len(argv) != 2:
        raise CommandInvalid("'cd' takes exactly one folder; quote a name that has spaces")
    if argv[1] == "-" or argv[1].startswith("/"):
        raise CommandInvalid("cannot 'cd' there; name a folder relative to the repository's root")
    segments = [] if cwd == "." else cwd.split("/")
    for segment in argv[1].split("/"):
        if segment == "..":
            if not segments:
                raise CommandInvalid("'cd' leaves the repository; stay below its root")
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    folder = "/".join(segments) or "."
    fault = None if folder == "." else path_fault(folder)
    if fault:
        raise CommandInvalid(f"cannot 'cd' there: it {fault}")
    return folder
