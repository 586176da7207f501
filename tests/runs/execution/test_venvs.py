"""Templates: one builder at a time, none half-built, however a builder ends."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from runs.execution.environment.install_types import EnvironmentFailed
from runs.execution.environment.venvs import (
    template_ensure,
    template_find,
    templates_prune,
    venv_bin,
)
from runs.execution.process import Cancellation


def build(folder: Path) -> None:
    venv_bin(folder / "venv").mkdir(parents=True)
    (folder / "venv" / "content").write_text("whole")


def must_not_build(folder: Path) -> None:
    raise AssertionError(f"built again in {folder}")


def test_a_template_is_built_once(tmp_path: Path) -> None:
    template, cached = template_ensure(tmp_path, "k", build)
    assert not cached
    assert template.files == 1
    again, cached = template_ensure(tmp_path, "k", must_not_build)
    assert cached
    assert again == template


def test_two_builders_of_one_key_build_once(tmp_path: Path) -> None:
    is_building, may_finish = threading.Event(), threading.Event()
    built: list[Path] = []
    results: list[bool] = []

    def slowly(folder: Path) -> None:
        built.append(folder)
        is_building.set()
        assert may_finish.wait(20)
        build(folder)

    def ensure() -> None:
        results.append(template_ensure(tmp_path, "k", slowly)[1])

    threads = [threading.Thread(target=ensure) for _ in range(3)]
    threads[0].start()
    assert is_building.wait(20)
    for thread in threads[1:]:
        thread.start()
    may_finish.set()
    for thread in threads:
        thread.join(20)
    assert len(built) == 1
    assert sorted(results) == [False, True, True]


def test_other_keys_do_not_wait(tmp_path: Path) -> None:
    def nested(folder: Path) -> None:
        template_ensure(tmp_path, "other", build, wait_seconds=5)
        build(folder)

    template_ensure(tmp_path, "k", nested)
    assert template_find(tmp_path, "other")


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        build(folder)
        raise EnvironmentFailed("no")

    with pytest.raises(EnvironmentFailed):
        template_ensure(tmp_path, "k", fail)
    assert [p.name for p in (tmp_path / "environments").iterdir() if p.is_dir()] == []
    assert not template_ensure(tmp_path, "k", build)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_builder_leaves_no_lock_and_nothing_half_built(tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from runs.execution.environment.venvs import template_ensure

        def build(folder):
            (folder / "venv").mkdir()
            (folder / "venv" / "content").write_text("half")
            print("building", flush=True)
            time.sleep(600)

        template_ensure(Path(sys.argv[1]), "k", build)
    """
    argv = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE) as builder:
        try:
            assert builder.stdout
            assert builder.stdout.readline() == b"building\n"
            with pytest.raises(EnvironmentFailed, match="another worker"):
                template_ensure(tmp_path, "k", must_not_build, wait_seconds=0.2)
        finally:
            builder.kill()
    assert template_find(tmp_path, "k") is None
    assert list((tmp_path / "environments").glob("k.building-*"))
    template, cached = template_ensure(tmp_path, "k", build, wait_seconds=20)
    assert not cached
    assert (template.venv / "content").read_text() == "whole"
    assert not list((tmp_path / "environments").glob("k.building-*"))


def test_waiting_for_another_builder_ends_with_a_cancellation(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.request("the run was cancelled")

    def while_building(folder: Path) -> None:
        started = time.monotonic()
        with pytest.raises(EnvironmentFailed, match="the run was cancelled"):
            template_ensure(
                tmp_path, "k", must_not_build, cancellation=cancellation, wait_seconds=10
            )
        assert time.monotonic() - started < 10
        build(folder)

    template_ensure(tmp_path, "k", while_building)


def test_templates_that_nobody_used_are_pruned(tmp_path: Path) -> None:
    for key in ("old", "new"):
        template_ensure(tmp_path, key, build)
    os.utime(tmp_path / "environments/old/template.json", (1, 1))
    assert templates_prune(tmp_path, unused_seconds=3600) == 1
    assert template_find(tmp_path, "old") is None
    assert template_find(tmp_path, "new")


def test_a_use_keeps_a_template_from_being_pruned(tmp_path: Path) -> None:
    template_ensure(tmp_path, "k", build)
    os.utime(tmp_path / "environments/k/template.json", (1, 1))
    template_ensure(tmp_path, "k", must_not_build)
    assert templates_prune(tmp_path, unused_seconds=3600) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_a_tree_with_locked_folders_and_links_is_removed(tmp_path: Path) -> None:
    script = """
        import os, sys, tempfile
        from pathlib import Path
        from runs.execution.environment.venvs import tree_remove

        if os.geteuid() == 0:  # whom modes do not stop
            os.setuid(65534)
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            (base / "kept").mkdir()
            (base / "venv/lib/deep").mkdir(parents=True)
            (base / "venv/lib/deep/file").touch()
            (base / "venv/link").symlink_to(base / "kept")
            (base / "kept").chmod(0o500)
            (base / "venv/lib/deep").chmod(0)
            (base / "venv/lib").chmod(0)
            tree_remove(base / "venv")
            assert not (base / "venv").exists()
            assert (base / "kept").stat().st_mode & 0o777 == 0o500
            (base / "venv").symlink_to("kept")
            tree_remove(base / "venv")
            assert (base / "kept").is_dir()
    """
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    root = Path(__file__).parents[3]
    result = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
