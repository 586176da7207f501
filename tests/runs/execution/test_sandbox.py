"""What bubblewrap keeps a command from, tried with the real one."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from runs.execution import sandbox
from runs.execution.process import Command, CommandResult, Ending, RunnerDied, StartFailure, run
from runs.execution.sandbox import (
    SandboxMode,
    SandboxPolicy,
    SandboxUnavailable,
    sandbox_resolve,
    sandbox_wrap,
    worktree_policy,
)
from tests.runs.execution.processes import ENV, ROOT, eventually, is_alive, pid_in, shell

needs_bubblewrap = pytest.mark.skipif(
    sandbox_resolve("auto") is SandboxMode.NONE,
    reason=f"bubblewrap cannot be used here: {sandbox._bubblewrap_trouble()}",
)


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """As git makes one: a `.git` file that points at a bare repository beside it."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "HEAD").write_text("ref: refs/heads/main\n")
    folder = tmp_path / "worktree"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {tmp_path}/bare\n")
    return folder


def policy_for(worktree: Path, *, network: bool = False) -> SandboxPolicy:
    return worktree_policy(worktree, [worktree.parent / "bare"], network=network)


def inside(worktree: Path, script: str, policy: SandboxPolicy | None = None) -> CommandResult:
    policy = policy or policy_for(worktree)
    return run(sandbox_wrap(shell(script, cwd=worktree), policy, SandboxMode.BUBBLEWRAP))


@needs_bubblewrap
def test_the_worktree_is_writable_and_the_command_is_told_of_by_its_own_name(worktree):
    result = inside(worktree, "pwd; echo new > file; exit 3")
    assert (result.ending, result.exit_code, result.output) == (Ending.EXITED, 3, f"{worktree}\n")
    assert result.argv[0] == "sh"
    assert result.explanation == "sh: exited with 3"
    assert (worktree / "file").read_text() == "new\n"


@needs_bubblewrap
def test_files_outside_of_the_policy_are_not_there(worktree):
    secret = worktree.parent / "secret"
    secret.write_text("key")
    for path in (secret, Path("/etc/shadow"), Path("/etc/ssl/certs"), ROOT, Path("/var/log")):
        assert path.exists()
        result = inside(worktree, f"ls -d {path}")
        assert not result.ok
        assert "No such file" in result.output


@needs_bubblewrap
@pytest.mark.parametrize(
    "attack",
    [
        "echo gitdir: /tmp/evil > .git",
        "rm -f .git",
        "mv .git away",
        "echo gitdir: /tmp/evil > fake && mv -f fake .git",
        "ln -sf /tmp/evil .git",
        "chmod 777 .git",
        "umount .git",
        "mount --bind /tmp .git",
        "mv ../worktree ../away",
    ],
)
def test_the_git_pointer_cannot_be_swapped(worktree, attack):
    before = (worktree / ".git").read_bytes()
    result = inside(worktree, attack)
    assert not result.ok
    assert (worktree / ".git").read_bytes() == before
    assert not (worktree / ".git").is_symlink()


@needs_bubblewrap
def test_the_bare_repository_can_be_read_and_not_written(worktree):
    result = inside(worktree, "cat ../bare/HEAD; echo x > ../bare/HEAD || touch ../bare/new")
    assert result.output.startswith("ref: refs/heads/main\n")
    assert not result.ok
    assert os.listdir(worktree.parent / "bare") == ["HEAD"]  # noqa: PTH208 -- names are wanted


@needs_bubblewrap
def test_network_is_off_unless_granted(worktree):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connect = f"bash -c 'echo > /dev/tcp/127.0.0.1/{listener.getsockname()[1]}'"
        assert not inside(worktree, connect).ok
        assert inside(worktree, connect, policy_for(worktree, network=True)).ok


@needs_bubblewrap
def test_a_test_suite_can_listen_on_localhost_without_network(worktree):
    source = "import socket; s = socket.create_server(('localhost', 0)); print(s.getsockname()[0])"
    command = Command((sys._base_executable, "-c", source), worktree, ENV)  # type: ignore[attr-defined]  # typeshed lacks it
    result = run(sandbox_wrap(command, policy_for(worktree), SandboxMode.BUBBLEWRAP))
    assert result.output == "127.0.0.1\n"


@needs_bubblewrap
def test_the_environment_is_the_one_given_and_not_on_any_command_line(worktree):
    env = {"PATH": "/usr/bin:/bin", "TOKEN": "s3cret", "LD_PRELOAD": "/inside/only.so"}
    command = Command(("env", "-0"), worktree, env)
    wrapped = sandbox_wrap(command, policy_for(worktree), SandboxMode.BUBBLEWRAP)
    assert not any("s3cret" in word for word in wrapped.argv)
    assert "LD_PRELOAD" not in wrapped.env  # it would act on bubblewrap, outside
    lines = run(wrapped).output.split("\ufffd")[:-1]
    shown = {line for line in lines if "=" in line and "ERROR" not in line}
    assert "TOKEN=s3cret" in shown
    names = {line.partition("=")[0] for line in shown}
    assert names <= {"PATH", "TOKEN", "PWD", "LD_PRELOAD"}


@needs_bubblewrap
def test_home_is_fresh_and_private(worktree):
    command = replace(
        shell('echo x > "$HOME/new" && ls -A "$HOME"', cwd=worktree),
        env={**ENV, "HOME": str(worktree.parent / "home")},
    )
    (worktree.parent / "home").mkdir()
    (worktree.parent / "home" / "old").touch()
    result = run(sandbox_wrap(command, policy_for(worktree), SandboxMode.BUBBLEWRAP))
    assert result.output == "new\n"
    assert not (worktree.parent / "home" / "new").exists()


@needs_bubblewrap
def test_a_toolchain_of_the_home_is_there_without_its_credentials(worktree, monkeypatch):
    home = worktree.parent / "home"
    (home / ".cargo" / "bin").mkdir(parents=True)
    (home / ".cargo" / "credentials.toml").write_text("token")
    (home / ".gradle" / "init.d").mkdir(parents=True)
    (home / ".gradle" / "init.d" / "keys").write_text("token")
    (home / ".netrc").write_text("token")
    tool = home / ".cargo" / "bin" / "tool"
    tool.write_text(
        "#!/bin/sh\necho works; wc -c < ~/.cargo/credentials.toml; find ~/.gradle ~/.n*"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    env = {"PATH": f"{home}/.cargo/bin:/usr/bin:/bin", "HOME": str(home)}
    command = Command(("tool",), worktree, env)
    result = run(sandbox_wrap(command, policy_for(worktree), SandboxMode.BUBBLEWRAP))
    assert result.output.splitlines()[:2] == ["works", "0"]
    assert "keys" not in result.output
    assert ".netrc" not in result.output


@needs_bubblewrap
def test_what_is_hidden_is_empty_even_inside_the_worktree(worktree):
    (worktree / ".env").write_text("KEY=1")
    (worktree / "private").mkdir()
    (worktree / "private" / "file").touch()
    policy = worktree_policy(worktree, [], hidden=[worktree / ".env", worktree / "private"])
    result = inside(worktree, "cat .env; ls -A private; echo x > private/file", policy)
    assert result.output.startswith("sh: ")
    assert "Read-only" in result.output
    assert sandbox._EMPTY_FILE.read_bytes() == b""


@needs_bubblewrap
def test_a_worktree_that_is_reached_through_a_link_works_under_both_names(worktree):
    link = worktree.parent / "link"
    link.symlink_to(worktree)
    result = inside(link, f"echo x > {link}/a && cat {worktree}/a", worktree_policy(link, []))
    assert result.output == "x\n"


@needs_bubblewrap
def test_nothing_of_the_system_is_writable_and_no_capability_is_left(worktree):
    result = inside(worktree, "touch /x; touch /etc/x; touch /usr/x; grep Cap /proc/self/status")
    assert result.output.count("Read-only") == 3
    assert {line.split()[1] for line in result.output.splitlines() if line.startswith("Cap")} == {
        "0" * 16
    }


@needs_bubblewrap
def test_the_interpreter_that_runs_us_is_there(worktree):
    command = Command((sys._base_executable, "-c", "print(6 * 7)"), worktree, ENV)  # type: ignore[attr-defined]  # typeshed lacks it
    result = run(sandbox_wrap(command, policy_for(worktree), SandboxMode.BUBBLEWRAP))
    assert result.output == "42\n"


@needs_bubblewrap
def test_the_sandbox_failing_is_not_the_command_failing(worktree):
    mode = SandboxMode.BUBBLEWRAP
    missing = SandboxPolicy((worktree,), (worktree / "gone",))
    result = run(sandbox_wrap(shell("true", cwd=worktree), missing, mode))
    assert (result.ending, result.start_failure) == (Ending.NOT_STARTED, StartFailure.SANDBOX)
    assert "gone" in result.explanation
    lookalike = inside(worktree, "echo 'bwrap: execvp sh: No such file or directory'; exit 1")
    assert (lookalike.ending, lookalike.exit_code) == (Ending.EXITED, 1)


@needs_bubblewrap
def test_a_command_that_the_sandbox_does_not_show_is_not_found(worktree):
    mode = SandboxMode.BUBBLEWRAP
    (worktree / "plain").touch()
    for argv, failure in (
        (("no-such-program",), StartFailure.NOT_FOUND),
        ((sys.executable,), StartFailure.NOT_FOUND),  # a virtual environment outside of the policy
        (("./plain",), StartFailure.PERMISSION),
    ):
        result = run(sandbox_wrap(Command(argv, worktree, ENV), policy_for(worktree), mode))
        assert (result.ending, result.start_failure) == (Ending.NOT_STARTED, failure)
        assert "bwrap" not in result.explanation
    gone = run(sandbox_wrap(shell("true", cwd=worktree / "gone"), policy_for(worktree), mode))
    assert gone.start_failure is StartFailure.BAD_CWD


@needs_bubblewrap
def test_a_signal_inside_is_guessed_from_the_exit_code(worktree):
    result = inside(worktree, "kill -KILL $$")
    assert result.exit_code == 137
    assert result.explanation == "sh: exited with 137 (perhaps ended by SIGKILL)"


POLITE = """
import signal, sys, time
def leave(*_):
    time.sleep(0.2)
    print("bye")
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""


@needs_bubblewrap
def test_the_grace_holds_inside_too(worktree):
    command = Command((sys._base_executable, "-c", POLITE), worktree, ENV)  # type: ignore[attr-defined]  # typeshed lacks it
    command = replace(command, limits=replace(command.limits, wall_seconds=0.5))
    result = run(sandbox_wrap(command, policy_for(worktree), SandboxMode.BUBBLEWRAP))
    assert (result.ending, result.output) == (Ending.TIMED_OUT, "ready\nbye\n")


def sleepers(mark: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]


@pytest.fixture
def mark(worktree: Path) -> Iterator[str]:
    """An argument of sleep that no other process has."""
    seconds = f"60.{os.getpid()}{abs(hash(worktree)) % 10**6}"
    yield seconds
    for pid in sleepers(seconds):
        os.kill(pid, signal.SIGKILL)


@needs_bubblewrap
def test_a_daemon_inside_is_dead_afterwards(worktree, mark):
    assert inside(worktree, f"setsid -f sleep {mark}; echo started").output == "started\n"
    assert sleepers(mark) == []


@needs_bubblewrap
def test_a_killed_runner_takes_even_daemons_of_the_sandbox_with_it(worktree, mark):
    script = f"setsid -f sleep {mark}; touch started; sleep {mark}"
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(inside, worktree, script)
        assert eventually(lambda: len(sleepers(mark)) == 2)
        [bwrap] = [p for p in psutil.process_iter(["name"]) if is_ours(p, worktree)]
        os.kill(bwrap.ppid(), signal.SIGKILL)
        with pytest.raises(RunnerDied):
            future.result(10)
    assert eventually(lambda: not sleepers(mark))


def is_ours(process: psutil.Process, worktree: Path) -> bool:
    """Whether it is the outer bubblewrap of a command of ours; others' come and go meanwhile."""
    if process.info["name"] != "bwrap":
        return False
    try:
        parent = process.parent()
        is_outer = parent is not None and parent.name() != "bwrap"
        return is_outer and str(worktree) in process.cmdline()
    except psutil.NoSuchProcess:
        return False


PARENT = f"""
import json, os, sys
sys.path[:0] = [{str(ROOT)!r}]
from pathlib import Path
from runs.execution.process import Command, run
from runs.execution.sandbox import SandboxMode, SandboxPolicy, sandbox_wrap
argv, worktree = json.loads(sys.argv[1]), Path(sys.argv[2])
command = Command(tuple(argv), worktree, {{"PATH": "/usr/bin:/bin"}})
run(sandbox_wrap(command, SandboxPolicy((worktree,), ()), SandboxMode.BUBBLEWRAP))
"""


@needs_bubblewrap
def test_the_tree_dies_with_a_parent_that_was_sigkilled(worktree, mark):
    script = f"setsid -f sleep {mark}; echo 1 > started; sleep {mark}"
    argv = json.dumps(["sh", "-c", script])
    with subprocess.Popen([sys.executable, "-c", PARENT, argv, str(worktree)], env=os.environ) as p:
        pid_in(worktree / "started")
        assert eventually(lambda: len(sleepers(mark)) == 2)
        pids = sleepers(mark)
        p.kill()
        assert eventually(lambda: not any(map(is_alive, pids)), 5)


def test_the_setting_is_resolved_or_refused(monkeypatch):
    assert sandbox_resolve("none") is SandboxMode.NONE
    with pytest.raises(ValueError, match="use auto, bubblewrap or none"):
        sandbox_resolve("docker")
    caches = (sandbox._bubblewrap, sandbox._bubblewrap_trouble)
    monkeypatch.setenv("PATH", "/nowhere")
    try:
        for cached in caches:
            cached.cache_clear()
        assert sandbox_resolve("auto") is SandboxMode.NONE
        with pytest.raises(SandboxUnavailable, match=r"no bwrap on PATH.*Install bubblewrap"):
            sandbox_resolve("bubblewrap")
    finally:
        for cached in caches:
            cached.cache_clear()


def test_a_bwrap_that_does_not_work_counts_as_none(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    caches = (sandbox._bubblewrap, sandbox._bubblewrap_trouble)
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        for cached in caches:
            cached.cache_clear()
        assert sandbox_resolve("auto") is SandboxMode.NONE
        with pytest.raises(SandboxUnavailable, match="No permissions to create new namespace"):
            sandbox_resolve("bubblewrap")
    finally:
        for cached in caches:
            cached.cache_clear()


def test_without_a_sandbox_the_command_is_as_it_was(worktree):
    command = shell("true")
    assert sandbox_wrap(command, policy_for(worktree), SandboxMode.NONE) is command


def test_relative_paths_are_refused(worktree):
    with pytest.raises(ValueError, match="absolute"):
        sandbox_wrap(shell("true"), SandboxPolicy((Path("x"),), ()), SandboxMode.BUBBLEWRAP)


def test_of_opt_only_what_is_on_path_is_shown():
    assert list(
        sandbox._opt_folders("/usr/bin:/opt/node/bin:/opt/tool:/opt:/opt/bin:relative")
    ) == [
        Path("/opt/node"),
        Path("/opt/tool"),
        Path("/opt/bin"),
    ]


@pytest.mark.parametrize("home", ["", "/", "relative", "/usr/home", "/etc"])
def test_no_home_hides_the_system(worktree, home):
    command = Command(("true",), worktree, {"HOME": home})
    assert sandbox._private_home(command) == []
