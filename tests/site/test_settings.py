"""Settings as a process meets them: with nothing set, with a wrong word, in production."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHOW = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""
KEY = "k9!" * 20


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a copy of the settings, where no .env of a developer is."""
    shutil.copytree(ROOT / "autopack_site", tmp_path / "site" / "autopack_site")
    shutil.copy(ROOT / "manage.py", tmp_path / "site")
    return tmp_path / "site"


def python(*argv: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the variables it needs to run at all, and with `variables`."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    environment = kept | {
        "PYTHONPATH": os.pathsep.join([str(cwd), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "autopack_site.settings",
        "PYTHONWARNINGS": "error",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, *argv], cwd=cwd, env=environment | variables,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def shown(site: Path, *names: str, **variables: str) -> dict[str, Any]:
    done = python("-c", SHOW, *names, cwd=site, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_everything_has_a_default(site: Path) -> None:
    values = shown(site, "AUTOPACK_HOME", "DATABASES", "DEBUG", "AUTOPACK_FLAGS", "SECRET_KEY")
    assert Path(values["AUTOPACK_HOME"]) == site.resolve() / ".autopack"
    database = values["DATABASES"]["default"]
    assert Path(database["NAME"]) == site.resolve() / ".autopack" / "db.sqlite3"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert values["DEBUG"] is False
    assert set(values["AUTOPACK_FLAGS"].values()) == {False}
    kept = (site / ".autopack" / "secret_key").read_text()
    assert values["SECRET_KEY"] == kept
    assert len(kept) >= 50


def test_a_file_beside_manage_py_is_read_and_the_environment_is_above_it(site: Path) -> None:
    (site / ".env").write_text("AUTOPACK_HOST=from-file\nAUTOPACK_BEAT_SECONDS=2\n")
    values = shown(site, "AUTOPACK_HOST", "AUTOPACK_BEAT_SECONDS", AUTOPACK_HOST="from-outside")
    assert values == {"AUTOPACK_HOST": "from-outside", "AUTOPACK_BEAT_SECONDS": 2.0}


def test_an_empty_variable_is_as_none(site: Path) -> None:
    values = shown(
        site, "AUTOPACK_HOME", "DEBUG", "SECRET_KEY",
        AUTOPACK_HOME="", DJANGO_DEBUG="", DJANGO_SECRET_KEY="", DATABASE_URL="",
    )  # fmt: skip
    assert Path(values["AUTOPACK_HOME"]).name == ".autopack"
    assert values["DEBUG"] is False
    assert values["SECRET_KEY"]


def test_a_relative_folder_starts_at_the_project(site: Path) -> None:
    values = shown(site, "AUTOPACK_HOME", "AUTOPACK_WORKTREE_BASE",
                   AUTOPACK_HOME="state", WORKTREE_BASE="trees")  # fmt: skip
    assert Path(values["AUTOPACK_HOME"]) == site.resolve() / "state"
    assert Path(values["AUTOPACK_WORKTREE_BASE"]) == site.resolve() / "trees"


def test_postgresql_is_taken_from_a_url(site: Path) -> None:
    url = "postgres://ada:s%23cret@db.example:5433/autopack?sslmode=require"
    database = shown(site, "DATABASES", DATABASE_URL=url)["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["USER"], database["PASSWORD"]) == ("ada", "s#cret")
    assert (database["HOST"], database["PORT"], database["NAME"]) == (
        "db.example", 5433, "autopack"
    )  # fmt: skip
    assert database["OPTIONS"] == {"sslmode": "require"}, "nothing of SQLite's"
    assert database["ATOMIC_REQUESTS"] is False
    assert database["CONN_HEALTH_CHECKS"] is True


def test_another_sqlite_file_gets_the_same_options(site: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'other.sqlite3').as_posix()}"
    database = shown(site, "DATABASES", DATABASE_URL=url)["DATABASES"]["default"]
    assert Path(database["NAME"]) == tmp_path / "other.sqlite3"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DJANGO_DEBUG", "maybe"),
        ("AUTOPACK_ENABLE_FAILURE_HARDENING", "enabled"),
        ("TELEMETRY_DB_ENABLED", "2"),
        ("AUTOPACK_BEHIND_TLS", "y"),
        ("AUTOPACK_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_word_stops_manage_py_and_names_the_variable(
    site: Path, name: str, value: str
) -> None:
    done = python("manage.py", "check", cwd=site, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr.strip().splitlines()[-1]


def test_only_words_for_yes_switch_a_flag_on(site: Path) -> None:
    values = shown(site, "AUTOPACK_FLAGS", AUTOPACK_ENABLE_FAILURE_HARDENING="YES",
                   TELEMETRY_DB_ENABLED="off")  # fmt: skip
    assert values["AUTOPACK_FLAGS"] == {
        "intention_context": False, "failure_hardening": True, "telemetry_db": False
    }  # fmt: skip


def test_no_secret_is_handed_to_what_we_start(site: Path) -> None:
    child = shown(
        site, "AUTOPACK_CHILD_ENVIRONMENT",
        AUTOPACK_SECRET_OPENAI="s1", DJANGO_SECRET_KEY=KEY, AUTOPACK_API_KEY="s2",
        DATABASE_URL="postgres://a:s3@h/n", AWS_SECRET_ACCESS_KEY="s4", HOME="/home/ada",
    )["AUTOPACK_CHILD_ENVIRONMENT"]  # fmt: skip
    assert "PATH" in child
    assert not {"s1", "s2", "s4", KEY, "postgres://a:s3@h/n", "/home/ada"} & set(child.values())


def test_a_deployment_behind_tls_passes_djangos_own_checks(site: Path, tmp_path: Path) -> None:
    production = {
        "AUTOPACK_WORKTREE_BASE": str(tmp_path / "worktrees"),
        "AUTOPACK_SANDBOX": "none",
        "DJANGO_SECRET_KEY": KEY + "abcdefghij",
        "ALLOWED_HOSTS": "autopack.example",
    }
    manage = ("manage.py", "check", "--deploy", "--fail-level", "INFO")
    done = python(*manage, cwd=site, AUTOPACK_BEHIND_TLS="on", **production)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout
    without = python(*manage, cwd=site, **production)
    assert without.returncode != 0
    assert "security.W012" in without.stderr, "the same host without TLS is told so"


def test_tls_is_demanded_where_a_proxy_ends_it_and_nowhere_else(site: Path) -> None:
    names = ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    assert set(shown(site, *names).values()) == {False}
    assert set(shown(site, *names, AUTOPACK_BEHIND_TLS="on").values()) == {True}
    debugging = shown(site, *names, AUTOPACK_BEHIND_TLS="on", DJANGO_DEBUG="on")
    assert set(debugging.values()) == {False}
