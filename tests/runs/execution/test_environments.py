"""Environments of attempts: really built, copied, moved, shared and spoiled."""

import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from runs.execution.environment.python_environments import uv_program
from runs.execution.environment.venvs import venv_bin, venv_fingerprint
from runs.execution.environments import EnvironmentFailed, SandboxNeeds, packages_command
from runs.execution.process import Command, CommandResult, run
from runs.execution.sandbox import SandboxMode, sandbox_resolve, sandbox_wrap, worktree_policy
from tests.runs.execution.environment_projects import (
    Workshop,
    files_write,
    package_files,
    wheel_pack,
)

PYTEST_WHEELS = ("pytest", "iniconfig", "packaging", "pluggy", "pygments")
TEST = {"tests/test_tiny.py": "import tinypkg\n\ndef test_it():\n    assert tinypkg.main\n"}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for name in PYTEST_WHEELS:
        wheel_pack(name, folder)
    return folder


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def vendored(says: str = "runs", version: str = "1.0") -> dict[str, str]:
    """A project whose only dependency is a package in its own repository."""
    package = package_files("tinypkg", says=says, version=version)
    return {
        "requirements.txt": "--no-index\n./vendor/tinypkg\n",
        "calc.py": "",
        **{f"vendor/tinypkg/{name}": content for name, content in package.items()},
    }


def test_a_copy_works_after_its_template_is_gone(workshop: Workshop, wheels: Path) -> None:
    files = vendored() | TEST
    files["requirements.txt"] += f"--find-links {wheels.as_uri()}\npytest\n"
    workshop.worktree("a", files)
    environment = workshop.prepare("a")
    assert not environment.cached
    shutil.move(workshop.cache, workshop.folder / "elsewhere")
    assert environment.python
    assert workshop.run("a", environment, "tinypkg").output == "tinypkg runs\n"
    for argv in (("pytest",), ("python", "-m", "pytest")):
        result = workshop.run("a", environment, *argv, "-p", "no:cacheprovider", "tests")
        assert "1 passed" in result.output
    where = workshop.run("a", environment, "python", "-c", "import sys; print(sys.prefix)")
    assert where.output.strip() == str(environment.python.venv)
    # Byte code of the change under test would hide an edit within the same second.
    assert not list((workshop.folder / "a/tree/tests").rglob("*.pyc"))


def test_a_second_attempt_installs_nothing(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    workshop.worktree("b", vendored())
    assert not workshop.prepare("a").cached
    assert len(workshop.installed()) == 1
    environment = workshop.prepare("b")
    assert environment.cached
    assert workshop.installed() == []
    assert not any(needs.network for needs in workshop.needs)
    assert workshop.run("b", environment, "tinypkg").output == "tinypkg runs\n"


def test_what_an_attempt_does_to_its_copy_stays_there(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    workshop.worktree("b", vendored())
    environment = workshop.prepare("a")
    (template,) = workshop.templates()
    before = venv_fingerprint(template)
    assert environment.python
    for path in environment.python.venv.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_text("spoiled")
    assert venv_fingerprint(template) == before
    other = workshop.prepare("b")
    assert workshop.run("b", other, "tinypkg").output == "tinypkg runs\n"


def test_an_untouched_copy_is_reused_and_a_touched_one_replaced(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    first = workshop.prepare("a")
    assert first.python
    workshop.prepare("a")
    assert workshop.commands == []
    stray = next(first.python.venv.rglob("site-packages")) / "stray.py"
    stray.write_text("")
    again = workshop.prepare("a")
    assert again.cached
    assert not stray.exists()
    assert not any("reused" in decision for decision in again.decisions)
    assert any("reused" in decision for decision in workshop.prepare("a").decisions)


def test_a_changed_local_package_is_another_environment(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    workshop.prepare("a")
    workshop.worktree("a", vendored(says="was changed"))
    environment = workshop.prepare("a")
    assert not environment.cached
    assert workshop.run("a", environment, "tinypkg").output == "tinypkg was changed\n"
    assert len(workshop.templates()) == 2


def test_settings_of_tools_are_no_other_environment(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    workshop.prepare("a")
    workshop.worktree("b", vendored() | {"pyproject.toml": "[tool.ruff]\nline-length = 99\n"})
    assert workshop.prepare("b").cached


def test_projects_that_need_the_same_share_a_template(workshop: Workshop) -> None:
    workshop.worktree("a", package_files("app", source="src"))
    workshop.prepare("a")
    workshop.worktree("b", {"a.py": "", "test_a.py": "import unittest"})
    assert workshop.prepare("b").cached


def test_a_copy_serves_one_worktree(workshop: Workshop) -> None:
    for name in "ab":
        workshop.worktree(name, package_files("app", source="src", says=f"of {name}"))
    shared = workshop.folder / "environment"
    workshop.prepare("a", environment_dir=shared)
    environment = workshop.prepare("b", environment_dir=shared)
    assert workshop.run("b", environment, "app").output == "app of b\n"


def test_a_uv_lock_is_installed_with_its_local_members(workshop: Workshop, wheels: Path) -> None:
    uv = uv_program(os.environ["PATH"])
    if uv is None:
        pytest.skip("uv is not installed")
    project = package_files("app", source="src")
    project["pyproject.toml"] += f"""
[tool.uv]
no-index = true
find-links = ["{wheels.as_posix()}"]
[tool.uv.sources]
tinypkg = {{ path = "vendor/tinypkg" }}
[dependency-groups]
test = ["pluggy"]
"""
    declared = 'version = "1.0"\ndependencies = ["tinypkg"]\nrequires-python = ">=3.11"\n'
    project["pyproject.toml"] = project["pyproject.toml"].replace('version = "1.0"\n', declared)
    files = {n: c for n, c in vendored().items() if n.startswith("vendor/")} | project
    tree = workshop.worktree("a", files)
    locked = run(Command((str(uv), "lock", "--offline"), tree, workshop.base_env))
    assert locked.ok, locked.output
    lock = (tree / "uv.lock").read_text()
    environment = workshop.prepare("a")
    for script in ("tinypkg", "app"):
        assert workshop.run("a", environment, script).output == f"{script} runs\n"
    assert workshop.run("a", environment, "python", "-c", "import pluggy").ok
    (template,) = workshop.templates()
    assert list(template.rglob("pluggy"))
    assert not list(template.rglob("tinypkg*"))
    assert (tree / "uv.lock").read_text() == lock
    workshop.worktree("b", {**files, "uv.lock": lock})
    assert workshop.prepare("b").cached


def test_a_project_with_a_src_layout_is_installed_into_each_copy(workshop: Workshop) -> None:
    for name in "ab":
        workshop.worktree(name, package_files("app", source="src", says=f"of {name}"))
    first = workshop.prepare("a")
    second = workshop.prepare("b")
    assert second.cached
    assert len(workshop.templates()) == 1
    assert workshop.run("a", first, "app").output == "app of a\n"
    assert workshop.run("b", second, "app").output == "app of b\n"
    module = workshop.folder / "b/tree/src/app.py"
    module.write_text("def main():\n    print('edited')\n")
    assert workshop.run("b", second, "app").output == "edited\n"
    assert not list(workshop.templates()[0].rglob("app*"))


def test_an_installed_project_is_reused_until_its_manifest_changes(workshop: Workshop) -> None:
    workshop.worktree("a", package_files("app", source="src"))
    workshop.prepare("a")
    assert len(workshop.installed()) == 1
    workshop.prepare("a")
    assert workshop.installed() == []
    workshop.worktree("a", package_files("app", source="src", version="2.0"))
    environment = workshop.prepare("a")
    assert len(workshop.installed()) == 1
    code = "import importlib.metadata as m; print(m.version('app'))"
    assert workshop.run("a", environment, "python", "-c", code).output == "2.0\n"


def test_pip_builds_what_uv_would(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    environment = workshop.prepare("a", prefer_uv=False)
    assert any("by pip" in decision for decision in environment.decisions)
    shutil.move(workshop.cache, workshop.folder / "elsewhere")
    assert workshop.run("a", environment, "tinypkg").output == "tinypkg runs\n"
    assert workshop.run("a", environment, "pip", "--version").ok
    script = 'VIRTUAL_ENV= && . "$0" && echo "$VIRTUAL_ENV"'
    assert environment.python
    activate = str(venv_bin(environment.python.venv) / "activate")
    activated = workshop.run("a", environment, "sh", "-c", script, activate)
    assert activated.output.strip() == str(environment.python.venv)


def test_hashes_are_checked_and_do_not_forbid_other_lines(workshop: Workshop, wheels: Path) -> None:
    wrong = "0" * 64
    pinned = f"iniconfig=={version('iniconfig')} \\\n  --hash=sha256:{wrong}\npluggy\n"
    requirements = f"--no-index\n-f {wheels.as_uri()}\n{pinned}"
    files = {"a.py": "", "requirements.txt": requirements}
    workshop.worktree("a", files)
    with pytest.raises(EnvironmentFailed) as failed:
        workshop.prepare("a")
    assert "hash" in failed.value.output.lower()


def test_a_lock_that_contradicts_the_declaration_is_left_out(
    workshop: Workshop, wheels: Path
) -> None:
    lock = '[[package]]\nname = "pluggy"\nversion = "0.0.1"\n'
    requirements = f"--no-index\n-f {wheels.as_uri()}\npluggy>=1\n"
    workshop.worktree("a", {"a.py": "", "requirements.txt": requirements, "poetry.lock": lock})
    environment = workshop.prepare("a")
    assert any("contradicts" in decision for decision in environment.decisions)
    assert workshop.run("a", environment, "python", "-c", "import pluggy").ok


def test_an_index_that_cannot_be_reached_is_explained(workshop: Workshop) -> None:
    requirements = "--index-url http://127.0.0.1:9/simple\nsomething\n"
    workshop.worktree("a", {"a.py": "", "requirements.txt": requirements})
    with pytest.raises(EnvironmentFailed, match="needs the network") as failed:
        workshop.prepare("a", installer_env={"UV_HTTP_RETRIES": "0"})
    assert "127.0.0.1:9" in failed.value.output
    assert list(workshop.cache.glob("environments/*.building-*")) == []


def test_a_package_that_does_not_exist_is_explained(workshop: Workshop) -> None:
    workshop.worktree("a", {"a.py": "", "requirements.txt": "--no-index\nnosuchpackage\n"})
    with pytest.raises(EnvironmentFailed, match="correct the versions"):
        workshop.prepare("a")


def test_a_python_that_nobody_has_is_explained(workshop: Workshop) -> None:
    workshop.worktree("a", {"pyproject.toml": '[project]\nname="a"\nrequires-python=">=4.7"\n',
                            "a.py": ""})  # fmt: skip
    with pytest.raises(EnvironmentFailed, match=r"needs Python >=4\.7.*install a fitting version"):
        workshop.prepare("a", base_env={"PATH": ""})


def test_a_project_without_python_gets_no_venv(workshop: Workshop) -> None:
    workshop.worktree("a", {"go.mod": "module a\n"})
    environment = workshop.prepare("a", base_env={"PATH": "/nonexistent"})
    assert environment.python is None
    assert environment.cached
    assert workshop.commands == []
    assert "go is not on PATH" in environment.decisions[0]


def test_installers_alone_see_where_packages_come_from(workshop: Workshop) -> None:
    workshop.worktree("a", {"a.py": "def f(): pass", "test_a.py": "import unittest"})
    environment = workshop.prepare("a", installer_env={"UV_INDEX_URL": "https://secret.test"})
    assert "UV_INDEX_URL" not in environment.env
    assert environment.install_env["UV_INDEX_URL"] == "https://secret.test"


def test_a_package_is_added_to_the_copy_alone(workshop: Workshop, wheels: Path) -> None:
    files = vendored()
    files["requirements.txt"] += f"--find-links {wheels.as_uri()}\n"
    tree = workshop.worktree("a", files)
    environment = workshop.prepare("a")
    command, needs = packages_command(environment, ["pluggy"], cwd=tree)
    assert run(command).ok
    assert environment.python
    # A hard link would lead a write into the installer's own cache.
    added = [p for p in environment.python.venv.rglob("pluggy/*.py") if p.is_file()]
    assert added
    assert {path.stat().st_nlink for path in added} == {1}
    assert needs.network
    assert environment.python.venv in needs.writable
    assert workshop.run("a", environment, "python", "-c", "import pluggy").ok
    assert not list(workshop.templates()[0].rglob("pluggy"))


@pytest.mark.parametrize("name", ["--index-url=https://x", "./x", "https://x.test/y.whl", ""])
def test_what_names_no_package_is_not_added(workshop: Workshop, name: str) -> None:
    workshop.worktree("a", {"a.py": "", "test_a.py": "import unittest"})
    environment = workshop.prepare("a")
    with pytest.raises(EnvironmentFailed, match="names no package"):
        packages_command(environment, [name], cwd=workshop.folder)


def test_everything_is_built_and_run_inside_the_sandbox(workshop: Workshop) -> None:
    if sandbox_resolve("auto") is not SandboxMode.BUBBLEWRAP:
        pytest.skip("bubblewrap does not work here")
    tree = workshop.worktree("a", vendored() | package_files("app", source="src"))
    (tree / ".git").write_text("gitdir: /nowhere")

    def sandboxed(command: Command, needs: SandboxNeeds, /) -> CommandResult:
        policy = worktree_policy(
            tree, (), network=needs.network, readable=needs.readable, writable=needs.writable
        )
        return run(sandbox_wrap(command, policy, SandboxMode.BUBBLEWRAP))

    environment = workshop.prepare("a", execute=sandboxed)
    needs = SandboxNeeds(environment.writable, environment.readable)
    env = {**workshop.base_env, **environment.env}
    for script in ("tinypkg", "app"):
        assert sandboxed(Command((script,), tree, env), needs).output == f"{script} runs\n"
    (template,) = workshop.templates()
    write = f"open({str(template / 'x')!r}, 'w')"
    assert not sandboxed(Command(("python", "-c", write), tree, env), needs).ok


def test_a_node_project_is_installed_into_its_worktree(workshop: Workshop) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    tree = workshop.worktree(
        "a",
        {
            "package.json": '{"name": "a", "dependencies": {"lib": "file:lib"}}',
            "lib/package.json": '{"name": "lib", "version": "1.0.0", "main": "i.js"}',
            "lib/i.js": "module.exports = 42\n",
        },
    )
    environment = workshop.prepare("a")
    assert (tree / "node_modules").is_dir()
    assert environment.generated == ("node_modules",)
    assert environment.env["npm_config_cache"].startswith(str(workshop.cache))
    assert workshop.run("a", environment, "node", "-p", "require('lib')").output == "42\n"


def test_a_log_names_each_command(workshop: Workshop) -> None:
    workshop.worktree("a", vendored())
    log = workshop.folder / "attempt.log"
    workshop.prepare("a", log_path=log)
    assert log.read_text().startswith(f"$ {workshop.commands[0][0]}")


def test_the_interpreter_is_the_real_one(workshop: Workshop) -> None:
    workshop.worktree("a", {"a.py": "", "test_a.py": "import unittest"})
    environment = workshop.prepare("a")
    assert environment.python
    assert environment.python.interpreter.path == Path(sys.executable).resolve()
    code = "import os, sys; print(os.path.realpath(sys.executable))"
    shown = workshop.run("a", environment, "python", "-c", code)
    assert shown.output.strip() == str(environment.python.interpreter.path)


def test_by_products_of_a_build_are_named(workshop: Workshop) -> None:
    files = package_files("app", source="src")
    files["backend.py"] += "\n    os.makedirs('src/app.egg-info', exist_ok=True)\n".replace(
        "\n    os.", "\nos.", 1
    )
    tree = workshop.worktree("a", files)
    assert workshop.prepare("a").generated == ("src/app.egg-info",)
    files_write(tree, {"src/app.egg-info/PKG-INFO": ""})
    assert workshop.prepare("a").generated == ("src/app.egg-info",)
