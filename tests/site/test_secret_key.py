"""The secret key is made once, is nobody else's to read, and is the same for all processes."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management.utils import get_random_secret_key

from autopack_site import secret_key
from autopack_site.secret_key import read_or_make_secret_key

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from autopack_site.secret_key import read_or_make_secret_key
sys.stdin.read()
print(read_or_make_secret_key(Path(sys.argv[1])))
"""


def test_a_key_is_made_once_and_read_afterwards(tmp_path: Path) -> None:
    key = read_or_make_secret_key(tmp_path / "home")
    assert len(key) >= 50
    assert read_or_make_secret_key(tmp_path / "home") == key
    assert read_or_make_secret_key(tmp_path / "another") != key


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    read_or_make_secret_key(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home" / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_who_comes_second_takes_the_key_of_who_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[str] = []

    def another_is_quicker() -> str:
        monkeypatch.undo()
        first.append(read_or_make_secret_key(tmp_path))
        return get_random_secret_key()

    monkeypatch.setattr(secret_key, "get_random_secret_key", another_is_quicker)
    assert [read_or_make_secret_key(tmp_path)] == first
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_processes_that_start_at_once_agree_on_it_and_leave_no_draft(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "home")],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    # All wait for the end of their input before they look for the key.
    for process in processes:
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(keys) == 1
    assert keys != {""}
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret_key"]
