"""Validation commands: read as a shell would, or refused; never run by one."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.planning.commands import CommandInvalid, PlanCommand, command_parse, commands_of


def argv_of(text: str) -> tuple[str, ...]:
    (command,) = command_parse(text)
    return command.argv


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("pytest -q", ("pytest", "-q")),
        ("$ pytest -q", ("pytest", "-q")),
        ("  pytest  ", ("pytest",)),
        ("pytest -k 'a and b'", ("pytest", "-k", "a and b")),
        ("python -c 'print(1); x = 1 | 2'", ("python", "-c", "print(1); x = 1 | 2")),
        ('python -c "a > b && c < d"', ("python", "-c", "a > b && c < d")),
        ("python -c 'a\nb'", ("python", "-c", "a\nb")),
        ("echo '$HOME' '`x`'", ("echo", "$HOME", "`x`")),
        (r'echo "\$HOME"', ("echo", r"\$HOME")),
        ('sed "s/a$/b/"', ("sed", "s/a$/b/")),
        ('grep "a$"', ("grep", "a$")),
        (r"echo a\;b", ("echo", "a;b")),
        ("ls *.py src/?", ("ls", "*.py", "src/?")),
        ("pytest -q  # the fast ones; only", ("pytest", "-q")),
        ("curl http://x/#top", ("curl", "http://x/#top")),
        ("./gradlew test", ("./gradlew", "test")),
    ],
)
def test_words_are_split_as_in_a_shell(text: str, argv: tuple[str, ...]) -> None:
    assert argv_of(text) == argv


def test_assignments_before_a_command_are_its_environment() -> None:
    assert command_parse("CI=1 NAME='a b' npm test X=2") == (
        PlanCommand(argv=("npm", "test", "X=2"), env=(("CI", "1"), ("NAME", "a b"))),
    )


def test_cd_sets_the_folder_of_what_follows() -> None:
    assert command_parse(
        "make && cd web && npm ci && cd ./sub/../app/ && npm test && cd ../.. && x"
    ) == (
        PlanCommand(argv=("make",)),
        PlanCommand(argv=("npm", "ci"), cwd="web"),
        PlanCommand(argv=("npm", "test"), cwd="web/app"),
        PlanCommand(argv=("x",)),
    )


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("a; b", "write '&&'"),
        ("a | b", "script in the repository"),
        ("a || b", "script in the repository"),
        ("a > out", "script in the repository"),
        ("a 2>&1", "script in the repository"),
        ("a < in", "script in the repository"),
        ("a &", "script in the repository"),
        ("echo `id`", "script in the repository"),
        ("echo $(id)", "script in the repository"),
        ("echo $HOME", "single quotes"),
        ('echo "$HOME"', "single quotes"),
        ('echo "`id`"', "single quotes"),
        ("echo ${X}", "single quotes"),
        ("echo $'x'", "single quotes"),
        ("a\nb", "one line"),
        ("a \\\n b", "one line"),
        ("a # x\nb", "one line"),
        ("(a)", "script in the repository"),
        ("echo 'x", "close it"),
        ('echo "x\\"', "close it"),
        ("echo x\\", "check its quotes"),
        ("", "write a command"),
        ("$ ", "write a command"),
        ("a &&", "fill it"),
        ("&& a", "fill it"),
        ("'' x", "program's name"),
        ("X=1", "before the command"),
        ("cd web", "add '&& COMMAND'"),
        ("cd && a", "exactly one folder"),
        ("cd a b && c", "exactly one folder"),
        ("cd .. && a", "below its root"),
        ("cd a/../.. && a", "below its root"),
        ("cd /etc && a", "relative to the repository's root"),
        ("cd - && a", "relative to the repository's root"),
        ("cd .git && a", "git's own folder"),
        ("source venv/bin/activate", "part of a shell"),
        ("export A=1 && b", "part of a shell"),
        ("a\0b", "NUL"),
        ("x" * 10_001, "script in the repository"),
        (" && ".join(["a"] * 51), "script in the repository"),
    ],
)
def test_what_needs_a_shell_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(CommandInvalid) as caught:
        command_parse(text)
    assert advice in caught.value.reason


def test_a_plan_may_mix_lines_and_argvs() -> None:
    assert commands_of(["a && b", ("c", "x | y")]) == (
        PlanCommand(argv=("a",)),
        PlanCommand(argv=("b",)),
        PlanCommand(argv=("c", "x | y")),
    )


@pytest.mark.parametrize("argv", [(), ("",), ("a", "b\0c")])
def test_an_argv_names_a_program(argv: tuple[str, ...]) -> None:
    with pytest.raises(CommandInvalid):
        commands_of([argv])


@settings(database=None, max_examples=400)
@given(st.text(alphabet="ab '\"\\&|;$`#=\n(", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        commands = command_parse(text)
    except CommandInvalid as error:
        commands = (PlanCommand(argv=(error.reason,)),)
    assert all(command.argv and command.argv[0] for command in commands)


@pytest.mark.skipif(shutil.which("sh") is None, reason="compares with a POSIX shell")
def test_a_shell_splits_accepted_words_in_the_same_way(tmp_path: Path) -> None:
    """A real shell prints the words it sees; ours are the same."""
    lines = [
        "printf '%s\\n' a 'b c' \"d  e\" f\\ g",
        "printf '%s\\n' 'a && b' \"c;d|e\" 'x'\"y\"z",
        "printf '%s\\n' a#b '#' # a comment",
        "printf '%s\\n' '$HOME' \"a$\" \"it's\"",
    ]
    for line in lines:
        theirs = subprocess.run(["sh", "-c", line], capture_output=True, cwd=tmp_path, check=True)
        ours = subprocess.run(argv_of(line), capture_output=True, cwd=tmp_path, check=True)
        assert ours.stdout == theirs.stdout
