"""Each misconfiguration is found, has an id of its own, and a hint that says what to do."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.core.checks import run_checks
from django.db import connection

from runs import checks
from runs.execution import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import Settings

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a script stands for the program")


class Found(NamedTuple):
    said: str
    hint: str


def found(*, deploy: bool = False) -> dict[str, Found]:
    """What the registered checks of ours say, by id."""
    messages = run_checks(tags=[checks.TAG], include_deployment_checks=deploy)
    assert all(message.hint for message in messages)
    return {str(each.id): Found(each.msg, each.hint or "") for each in messages}


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _sandbox_chosen(settings: Settings) -> None:
    # A machine without bubblewrap is told so by every check.
    settings.AUTOPACK_SANDBOX = "none"


@pytest.fixture
def only_here(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A PATH of one folder, empty at first, and nothing remembered of another one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    settings.AUTOPACK_CHILD_ENVIRONMENT = {
        **settings.AUTOPACK_CHILD_ENVIRONMENT, "PATH": str(folder)
    }  # fmt: skip
    remembered = (sandbox._bubblewrap, sandbox._bubblewrap_trouble)
    for cached in remembered:
        cached.cache_clear()
    yield folder
    for cached in remembered:
        cached.cache_clear()


def test_an_installation_as_it_comes_has_nothing_to_complain_of() -> None:
    assert found(deploy=True) == {}


def test_every_id_of_the_module_is_tested_here() -> None:
    pattern = re.compile(r"\b[EW]\d{3}\b")
    assert set(pattern.findall(Path(checks.__file__).read_text())) <= set(
        pattern.findall(Path(__file__).read_text().split("import annotations", 1)[1])
    )


# --- Programs ---------------------------------------------------------------------------------


def test_a_missing_git_is_an_error(only_here: Path) -> None:
    del only_here
    assert "apt install git" in found()["autopack.E001"].hint
    assert "autopack.E002" not in found(deploy=True)


@posix_only
@pytest.mark.parametrize(
    ("said", "is_too_old"),
    [
        ("git version 2.37.9", True),
        ("git version 1.99", True),
        ("no version at all", True),
        ("git version 2.38.0", False),
        ("git version 3.0.1.windows.2", False),
    ],
)
def test_git_must_be_able_to_merge_without_a_worktree(
    only_here: Path, *, said: str, is_too_old: bool
) -> None:
    program(only_here, "git", f"echo '{said}'")
    assert ("autopack.E002" in found(deploy=True)) is is_too_old
    assert "autopack.E002" not in found(), "it starts a program, so it is not for every command"


def test_an_unknown_word_for_the_sandbox_is_an_error(settings: Settings) -> None:
    settings.AUTOPACK_SANDBOX = "docker"
    assert "auto, bubblewrap or none" in found(deploy=True)["autopack.E003"].hint


def test_bubblewrap_that_is_asked_for_and_missing_is_an_error(
    only_here: Path, settings: Settings
) -> None:
    program(only_here, "git", "echo git version 2.40.0")
    settings.AUTOPACK_SANDBOX = "bubblewrap"
    assert set(found()) == {"autopack.E004"}
    settings.AUTOPACK_SANDBOX = "none"
    assert found() == {}


def test_no_sandbox_where_one_would_be_taken_is_a_warning_with_the_way_to_get_it(
    only_here: Path, settings: Settings
) -> None:
    program(only_here, "git", "echo git version 2.40.0")
    settings.AUTOPACK_SANDBOX = "auto"
    assert set(found()) == {"autopack.W001"}
    assert "Install bubblewrap" in found()["autopack.W001"].hint


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap exists on Linux only")
@pytest.mark.parametrize(
    ("word", "expected"), [("bubblewrap", "autopack.E004"), ("auto", "autopack.W001")]
)
def test_bubblewrap_that_is_there_and_does_not_work_is_found_when_it_is_tried(
    only_here: Path, settings: Settings, word: str, expected: str
) -> None:
    program(only_here, "git", "echo git version 2.40.0")
    program(only_here, "bwrap", "echo No permissions to create a new namespace; exit 1")
    settings.AUTOPACK_SANDBOX = word
    assert found() == {}
    assert set(found(deploy=True)) == {expected}
    assert "new namespace" in found(deploy=True)[expected].said


# --- Folders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "number"), [("AUTOPACK_HOME", "E005"), ("AUTOPACK_WORKTREE_BASE", "E006")]
)
def test_a_folder_that_cannot_be_made_is_an_error(
    settings: Settings, tmp_path: Path, setting: str, number: str
) -> None:
    (tmp_path / "file").touch()
    setattr(settings, setting, tmp_path / "file" / "folder")
    assert setting in found()[f"autopack.{number}"].hint


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_of_others_is_an_error(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o500)
    settings.AUTOPACK_HOME = tmp_path / "theirs" / "home"
    assert "autopack.E005" in found()


@pytest.mark.parametrize("below", ["repositories", "repositories/x/y", "runs", "cache"])
def test_worktrees_among_the_repositories_are_an_error(settings: Settings, below: str) -> None:
    settings.AUTOPACK_WORKTREE_BASE = settings.AUTOPACK_HOME / below
    assert "autopack.E007" in found()


def test_a_home_among_the_worktrees_is_an_error(settings: Settings, tmp_path: Path) -> None:
    settings.AUTOPACK_WORKTREE_BASE = tmp_path
    settings.AUTOPACK_HOME = tmp_path / "home"
    assert "autopack.E007" in found()


def test_folders_inside_a_checkout_are_warned_of(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "checkout" / ".git").mkdir(parents=True)
    settings.AUTOPACK_WORKTREE_BASE = tmp_path / "checkout" / "deep" / "worktrees"
    assert set(found()) == {"autopack.W002"}
    settings.AUTOPACK_HOME = tmp_path / "checkout" / "home"
    assert set(found()) == {"autopack.W002", "autopack.W003"}


def test_the_folder_beside_manage_py_is_ignored_by_git_and_so_no_fault(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    settings.BASE_DIR = tmp_path
    settings.AUTOPACK_HOME = tmp_path / ".autopack"
    assert found() == {}


# --- Database ---------------------------------------------------------------------------------


def test_a_transaction_around_every_request_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", value=True)
    assert set(found()) == {"autopack.E008"}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"transaction_mode": "IMMEDIATE"},
        {"init_command": "PRAGMA journal_mode=WAL;"},
        {"transaction_mode": "DEFERRED", "init_command": "PRAGMA journal_mode=WAL;"},
        {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WALRUS;"},
    ],
)
def test_sqlite_without_write_ahead_log_or_early_locks_is_an_error(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert set(found()) == {"autopack.E009"}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite")
@pytest.mark.parametrize(("kind", "is_warned_of"), [("nfs4", True), ("ext4", False)])
def test_sqlite_on_a_network_file_system_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, kind: str, is_warned_of: bool
) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "proc /proc proc rw 0 0\n/dev/x / ext4 rw 0 0\nserver:/y /srv/not/on/the/way nfs4 rw 0 0\n"
        f"server:/x /mnt/the\\040share {kind} rw 0 0\n"
    )
    monkeypatch.setattr(checks, "MOUNTS", table)
    monkeypatch.setitem(connection.settings_dict, "NAME", Path("/mnt/the share/home/db.sqlite3"))
    assert ("autopack.W004" in found()) is is_warned_of


def test_a_machine_without_a_mount_table_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "MOUNTS", tmp_path / "none")
    assert found() == {}


# --- Numbers and the web ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lease", "beat", "grace", "is_wrong"),
    [
        (60.0, 15.0, 30.0, False),
        (6.0, 1.5, 2.0, False),
        (60.0, 30.0, 30.0, True),
        (60.0, 0.0, 30.0, True),
        (-1.0, -2.0, 30.0, True),
        (60.0, 15.0, -1.0, True),
    ],
)
def test_a_beat_must_fit_twice_into_a_lease(
    settings: Settings, *, lease: float, beat: float, grace: float, is_wrong: bool
) -> None:
    settings.AUTOPACK_LEASE_SECONDS = lease
    settings.AUTOPACK_BEAT_SECONDS = beat
    settings.AUTOPACK_GRACE_SECONDS = grace
    assert ("autopack.E010" in found()) is is_wrong


@pytest.mark.parametrize(
    ("recovery", "drain", "said"),
    [
        (10.0, 120.0, set()),
        (0.5, 0.0, set()),
        (0.0, 120.0, {"autopack.E013"}),
        (float("nan"), 120.0, {"autopack.E013"}),
        (10.0, -1.0, {"autopack.E013"}),
        (10.0, float("inf"), {"autopack.E013"}),
        (61.0, 120.0, {"autopack.W006"}),
    ],
)
def test_recovery_looks_within_a_lease_and_a_drain_ends(
    settings: Settings, *, recovery: float, drain: float, said: set[str]
) -> None:
    settings.AUTOPACK_LEASE_SECONDS = 60.0
    settings.AUTOPACK_RECOVERY_SECONDS = recovery
    settings.AUTOPACK_DRAIN_SECONDS = drain
    assert {each for each in found() if each in ("autopack.E013", "autopack.W006")} == said


@pytest.mark.parametrize(
    ("url", "is_wrong"),
    [
        ("", False),
        ("redis://localhost:6379/0", False),
        ("rediss://user:s3cret@redis.example:6380/1", False),
        ("unix:///run/redis.sock", False),
        ("localhost:6379", True),
        ("redis:///0", True),
        ("http://s3cret@localhost:6379", True),
        ("redis://localhost:port/0", True),
        ("redis://[::1/0", True),
    ],
)
def test_redis_has_an_address_and_its_password_is_not_shown(
    settings: Settings, *, url: str, is_wrong: bool
) -> None:
    settings.REDIS_URL = url
    said = found()
    assert ("autopack.E014" in said) is is_wrong
    assert "s3cret" not in str(said)


@pytest.mark.parametrize(
    ("changed", "is_wrong"),
    [
        ({}, False),
        # 100 * (1 + ceil((1 + 1) / 4)) = 200, which must be exceeded.
        ({"timeout": 100, "retry": 201}, False),
        ({"timeout": 100, "retry": 200}, True),
        ({"timeout": 100, "retry": 300, "workers": 1, "queue_limit": 4}, True),
        ({"timeout": None}, True),
        ({"ALT_CLUSTERS": {"control": {"timeout": 60, "retry": 300}}}, False),
        ({"ALT_CLUSTERS": {"control": {"timeout": 60, "retry": 61}}}, True),
    ],
)
def test_the_queue_must_not_take_a_waiting_message_for_a_lost_one(
    settings: Settings, *, changed: dict[str, Any], is_wrong: bool
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **changed}
    assert ("autopack.E011" in found()) is is_wrong


def test_a_negative_retention_is_an_error(settings: Settings) -> None:
    settings.AUTOPACK_RETENTION_DAYS = -1
    assert set(found()) == {"autopack.E012"}


def test_debugging_in_the_open_is_warned_of(settings: Settings) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    assert found() == {}
    settings.ALLOWED_HOSTS = ["localhost", "autopack.example"]
    assert "autopack.example" in found()["autopack.W005"].said
